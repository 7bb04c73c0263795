import EventLoop
import Observability

/// Has a sample taken for the history every ten seconds, of what the table of figures says.
final class HistoryKeeper {
  /// Seconds since 1970 at which counting began.
  let since = EventLoop.wallClock()
  private var timer: Timer?

  func begin(_ server: Server) {
    let timer = Timer(on: server.loop) { [unowned server] in HistoryKeeper.record(server) }
    timer.schedule(every: UInt64(History.interval) * 1_000)
    self.timer = timer
  }

  private static func record(_ server: Server) {
    func count(_ figure: String) -> UInt64 {
      Figures.statistics.value(figure, of: server).magnitude ?? 0
    }
    var totals = History.Totals()
    totals.queries = count("queries.udp") &+ count("queries.tcp")
    totals.hits = count("cache.hits")
    totals.misses = count("cache.misses")
    totals.stale = count("cache.stale")
    totals.failures = count("queries.failures")
    server.worker.value.seen.value.record(
      time: EventLoop.wallClock(), totals, octets: count("cache.bytes"),
      limit: count("cache.limit_bytes"))
  }
}
