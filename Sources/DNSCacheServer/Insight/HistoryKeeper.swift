import EventLoop
import Insight
import Memory

/// Has a sample taken for the history every ten seconds.
final class HistoryKeeper {
  /// Seconds since 1970 at which counting began.
  let since = EventLoop.wallClock()
  private var timer: Timer?

  init(on loop: EventLoop, core: Pinned<Core>) {
    let timer = Timer(on: loop) { core.value.recordHistory() }
    timer.schedule(every: UInt64(History.interval) * 1_000)
    self.timer = timer
  }
}
