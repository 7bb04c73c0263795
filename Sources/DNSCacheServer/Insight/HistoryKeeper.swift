import EventLoop
import Insight
import Memory

/// Has a sample taken for the history every ten seconds.
final class HistoryKeeper {
  /// Seconds since 1970 at which counting began.
  let since = EventLoop.wallClock()
  private var timer: Timer?

  init(on loop: EventLoop, worker: Pinned<Worker>) {
    let timer = Timer(on: loop) { worker.value.recordHistory() }
    timer.schedule(every: UInt64(History.interval) * 1_000)
    self.timer = timer
  }
}
