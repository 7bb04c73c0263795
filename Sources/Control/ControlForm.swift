import EventLoop
import HTTP
import Observability
import System

/// What an answer is to look like; a request says it in its query.
package enum ControlForm {
  case json
  /// Text that programs may read: `name value`, or a table.
  case lines
  /// Text that is laid out for a terminal.
  case laidOut(Display)

  /// Reads what a request says.
  package init(_ request: HTTPRequest) {
    guard request.queryValue("format") == "text" else {
      self = .json
      return
    }
    self = Display(of: request).map { .laidOut($0) } ?? .lines
  }

  /// What a request is to say.
  var values: [(name: String, value: String)] {
    switch self {
    case .json: [("format", "json")]
    case .lines: [("format", "text")]
    case .laidOut(let display): [("format", "text")] + display.values
    }
  }
}

extension Display {
  /// Columns and rows that a screen has at most.
  private static let most = 1_000

  /// The terminal that standard output is, or what is usual.
  package static var current: Display {
    let size = Terminal.size()
    return Display(
      columns: size?.columns ?? usualColumns, rows: size?.rows, isUnicode: Terminal.isUnicode,
      now: EventLoop.wallClock())
  }

  /// How a request tells it.
  fileprivate var values: [(name: String, value: String)] {
    [("columns", "\(columns)")] + (rows.map { [("rows", "\($0)")] } ?? [])
      + (isUnicode ? [("unicode", "1")] : [])
  }

  /// What a request tells of its terminal; nil when it tells nothing.
  package init?(of request: HTTPRequest) {
    func number(_ name: String) -> Int? {
      request.queryValue(name).flatMap { Int($0) }.map { min(max($0, 1), Display.most) }
    }
    guard let columns = number("columns") else { return nil }
    self.init(
      columns: columns, rows: number("rows"), isUnicode: request.queryValue("unicode") == "1",
      now: EventLoop.wallClock())
  }
}
