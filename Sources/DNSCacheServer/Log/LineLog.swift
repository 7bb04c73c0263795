import Logging
import Observability
import Synchronization

/// Writes one line an event: level, message, then `key=value`, whatever came from the network in quotes.
///
/// The sink adds the time, unless the journal reads.
struct LineLog: LogHandler {
  private let sink: LogSink
  private let threshold: LogThreshold
  var metadata = Logger.Metadata()

  init(_ sink: LogSink, _ threshold: LogThreshold) {
    self.sink = sink
    self.threshold = threshold
  }

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
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let values = all.sorted { $0.key < $1.key }.map { " \($0.key)=\(LogValue.text("\($0.value)"))" }
    sink.say(event.level, "\(event.message)", values.joined())
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
