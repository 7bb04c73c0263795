import HTTP
import Observability

/// The answer to one request of control, as text or as JSON.
package final class ControlReply {
  private let responder: HTTPResponder
  private let form: ControlForm

  package init(_ responder: HTTPResponder, as form: ControlForm) {
    self.responder = responder
    self.form = form
  }

  private var isText: Bool {
    if case .json = form { false } else { true }
  }

  /// Whether the client is still there.
  package var isWanted: Bool { responder.isOpen }

  /// Calls back when the client goes away before the answer's end.
  package func whenGone(_ body: @escaping () -> Void) { responder.onClientGone = body }

  private var contentType: String {
    isText ? "text/plain; charset=utf-8" : "application/json"
  }

  /// Sends a report; `empty` is what a person reads when there are no rows.
  package func send(_ report: StructuredValue, empty: String? = nil) {
    var text = isText ? report.text : report.json + "\n"
    if isText, text.isEmpty, let empty { text = empty + "\n" }
    responder.send(status: 200, contentType: contentType, body: text)
  }

  /// Sends a report that people read as a text of its own, and on a terminal as it is laid out for that.
  package func send(
    _ report: StructuredValue, as text: @autoclosure () -> String,
    laidOut: ((Display) -> String)? = nil
  ) {
    let body =
      switch form {
      case .json: report.json + "\n"
      case .lines: text()
      case .laidOut(let display): laidOut?(display) ?? text()
      }
    responder.send(status: 200, contentType: contentType, body: body)
  }

  /// Sends a report that is laid out for a terminal.
  package func send(_ report: StructuredValue, laidOut: (Display) -> String) {
    withoutActuallyEscaping(laidOut) { send(report, as: report.text, laidOut: $0) }
  }

  /// A text with its lines broken where they are too long for the terminal, if there is one.
  package func wrapped(_ text: String) -> String {
    guard case .laidOut(let display) = form, display.rows != nil else { return text }
    return display.wrapped(text)
  }

  /// Sends rows, and says so when there are more; as JSON, by a last row `{"more":true}`.
  package func send(_ rows: Rows, empty: String) {
    guard rows.isCut else { return send(.list(rows.rows), empty: empty) }
    let text =
      isText
      ? StructuredValue.list(rows.rows).text + "and more: only \(Rows.limit) are shown\n"
      : StructuredValue.list(rows.rows + [.object([("more", .flag(true))])]).json + "\n"
    responder.send(status: 200, contentType: contentType, body: text)
  }

  /// Says what is wrong.
  package func fail(_ sentence: String, status: Int) {
    let text =
      isText ? sentence + "\n" : StructuredValue.object([("error", .text(sentence))]).json + "\n"
    responder.send(status: status, contentType: contentType, body: text)
  }

  /// Begins an answer of many lines; as JSON, an object each (application/x-ndjson).
  package func beginLines() {
    responder.begin(
      status: 200, contentType: isText ? contentType : "application/x-ndjson")
  }

  /// Rows as lines; `text` makes one for a person.
  package func lines(_ rows: [StructuredValue], text: (StructuredValue) -> String) -> [UInt8] {
    var lines: [UInt8] = []
    for row in rows { lines += (isText ? text(row) : row.json + "\n").utf8 }
    return lines
  }

  /// Sends lines; `then` is called when they are on their way.
  package func write(_ lines: [UInt8], then: @escaping () -> Void) {
    guard !lines.isEmpty else { return then() }
    responder.write(lines, then: then)
  }

  /// Ends an answer of many lines.
  package func endLines() { responder.end() }
}

/// Rows of a report, the first of more when ``isCut``.
package struct Rows {
  package var rows: [StructuredValue] = []
  package var isCut = false

  /// Rows of one report at most: more would hold up the loop for longer than a slice may.
  package static let limit = 1_000

  package init(rows: [StructuredValue] = [], isCut: Bool = false) {
    self.rows = rows
    self.isCut = isCut
  }
}
