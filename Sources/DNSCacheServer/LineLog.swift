import EventLoop
import Logging

/// Writes one line an event to standard error: level, message, then `key=value`.
///
/// No time: the journal adds its own, and so does whoever reads a terminal.
struct LineLog: LogHandler {
  var logLevel: Logger.Level
  var metadata = Logger.Metadata()

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
