import EventLoop
import Observability

extension HTTPServer {
  /// What `ctl stats` shows of an HTTP server.
  var report: [(name: String, value: StructuredValue)] {
    [
      ("connections", .count(connectionCount)), ("limit", .count(limits.connections)),
      ("accepted", .count(counters.accepted)), ("requests", .count(counters.requests)),
      ("timed_out", .count(counters.timedOut)), ("limit_reached", .count(counters.displaced)),
    ]
  }
}

extension HTTPResponder {
  /// The methods of what can only be read.
  static let readingMethods = "GET, HEAD, OPTIONS"

  /// The methods that any path has.
  static let allMethods = "GET, HEAD, POST, OPTIONS"

  /// Answers OPTIONS.
  func sendMethods(_ methods: String) {
    addHeader("Allow", methods)
    sendNothing()
  }
}
