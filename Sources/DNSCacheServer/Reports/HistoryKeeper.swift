import EventLoop
import Memory
import Observability

/// Has a sample taken for the history every ten seconds.
final class HistoryKeeper {
  /// Seconds since 1970 at which counting began.
  let since = EventLoop.wallClock()
  private var timer: Timer?

  init(on loop: EventLoop, worker: Pinned<Worker>) {
    let timer = Timer(on: loop) { HistoryKeeper.record(worker.value) }
    timer.schedule(every: UInt64(History.interval) * 1_000)
    self.timer = timer
  }

  /// Ends an interval of the history.
  private static func record(_ worker: borrowing Worker) {
    let counters = worker.service.counters
    var totals = History.Totals()
    totals.queries = counters.udp &+ counters.tcp
    totals.hits = counters.hits
    totals.misses = counters.misses
    totals.stale = counters.stale
    totals.failures = counters.failures
    worker.seen.value.record(
      time: EventLoop.wallClock(), totals, octets: UInt64(worker.cache.octets),
      limit: UInt64(worker.cache.limits.octets))
  }
}
