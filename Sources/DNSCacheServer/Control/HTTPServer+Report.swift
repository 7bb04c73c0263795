import EventLoop

extension HTTPServer {
  /// What `ctl stats` shows of an HTTP server.
  var report: [(name: String, value: Report)] {
    [
      ("connections", .count(connectionCount)), ("limit", .count(limits.connections)),
      ("accepted", .count(counters.accepted)), ("requests", .count(counters.requests)),
      ("timed_out", .count(counters.timedOut)), ("limit_reached", .count(counters.displaced)),
    ]
  }
}
