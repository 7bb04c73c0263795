import EventLoop
import Memory

/// Removes what has expired, in slices, from both of the cache's maps.
final class Maintenance {
  /// Milliseconds between the end of a pass over the cache and the next one.
  private static let pause: UInt64 = 10_000
  /// Milliseconds between two slices of a pass.
  private static let sliceInterval: UInt64 = 5
  /// Names looked at in a slice: half a millisecond or so where all of them have expired, 6 µs where
  /// none has.
  private static let namesPerSlice = 1_000

  private let worker: Pinned<Worker>
  private var timer: Timer?
  private var shrinking: Timer?

  /// Names removed in a slice when the cache has become smaller; at some 300 ns each.
  private static let namesPerShrink = 500

  init(on loop: EventLoop, worker: Pinned<Worker>) {
    self.worker = worker
    let timer = Timer(on: loop) { [unowned self] in sweep() }
    timer.schedule(after: Maintenance.pause)
    self.timer = timer
  }

  /// Removes what is more than the cache may hold now.
  func shrink(on loop: EventLoop) {
    if shrinking == nil {
      shrinking = Timer(on: loop) { [unowned self] in
        let isDone = worker.value.measureSlice(.sweep) { worker in
          worker.cache.shrink(
            names: Maintenance.namesPerShrink,
            now: UInt32(truncatingIfNeeded: EventLoop.now() / 1_000))
        }
        if !isDone { shrinking?.schedule(after: 0) }
      }
    }
    shrinking?.schedule(after: 0)
  }

  private func sweep() {
    let isDone = worker.value.measureSlice(.sweep) { worker in
      worker.cache.sweep(
        names: Maintenance.namesPerSlice,
        now: UInt32(truncatingIfNeeded: EventLoop.now() / 1_000))
    }
    // Names in regular use that are about to expire.
    if worker.value.cache.hasPrefetchCandidates { worker.value.drainActions() }
    timer?.schedule(after: isDone ? Maintenance.pause : Maintenance.sliceInterval)
  }
}
