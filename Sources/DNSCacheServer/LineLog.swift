import EventLoop
import Logging
import Synchronization

/// Writes one line an event to standard error: level, message, then `key=value`.
///
/// No time: the journal adds its own, and so does whoever reads a terminal.
struct LineLog: LogHandler {
  private let threshold: LogThreshold
  var metadata = Logger.Metadata()

  init(_ threshold: LogThreshold) { self.threshold = threshold }

  /// That of all loggers of the program.
  var logLevel: Logger.Level {
    get { threshold.level }
    set { threshold.level = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line = "\(event.level): \(event.message)"
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      let text = "\(value)"
      let isPlain = !text.contains { $0 == " " || $0 == "\"" }
      line += isPlain ? " \(key)=\(text)" : " \(key)=\"\(text)\""
    }
    Process.writeError(line + "\n")
  }
}

/// The least level that is logged, shared by all loggers, so that a reload reaches each.
final class LogThreshold: Sendable {
  private let number: Atomic<Int>

  init(_ level: Logger.Level) { number = Atomic(LogThreshold.number(of: level)) }

  var level: Logger.Level {
    get { Logger.Level.allCases[number.load(ordering: .relaxed)] }
    set { number.store(LogThreshold.number(of: newValue), ordering: .relaxed) }
  }

  private static func number(of level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }
}
