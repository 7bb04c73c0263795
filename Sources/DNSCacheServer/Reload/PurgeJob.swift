import DNSCache
import DNSFrontend
import DNSWire
import EventLoop
import Memory

/// Removes from the cache what new rules forbid, in slices: names that are answered here now, local addresses
/// that names may no longer lead to, and AD of servers that are not believed any more.
final class PurgeJob {
  /// Names looked at in a slice.
  private static let namesPerSlice = 1_000
  /// Milliseconds after which it is tried again when too much else walks the cache.
  private static let pause: UInt64 = 100

  private let worker: Pinned<Worker>
  private let forbidden: Pinned<Cache.Forbidden>
  private let whenDone: (Int) -> Void
  private var cursor: Cache.Cursor?
  private var timer: Timer?
  private var removed = 0
  /// Whether the names are done, and it is AD's turn.
  private var isAtAD = false

  /// - Parameter whenDone: gets how many RRsets were removed.
  init(
    on loop: EventLoop, _ worker: Pinned<Worker>, _ settings: Settings,
    whenDone: @escaping (Int) -> Void
  ) {
    self.worker = worker
    self.whenDone = whenDone
    forbidden = Pinned(
      Cache.Forbidden(
        zones: settings.policy.localZones, except: settings.policy.askedZones,
        rebind: settings.rebindProtection))
    timer = Timer(on: loop) { [unowned self] in slice() }
    timer?.schedule(after: 0)
  }

  deinit {
    if let cursor { worker.value.cache.closeCursor(cursor) }
    forbidden.destroy()
  }

  private func slice() {
    if cursor == nil { cursor = worker.value.cache.openCursor() }
    guard let cursor else {
      timer?.schedule(after: PurgeJob.pause)
      return
    }
    let forbidden = forbidden
    let isFinished: Bool
    if isAtAD {
      isFinished = worker.value.measureSlice(.walk) { worker in
        worker.cache.forgetUnbelievedAD(cursor, names: PurgeJob.namesPerSlice).finished
      }
    } else {
      let step = worker.value.measureSlice(.walk) { worker in
        worker.cache.purge(cursor, names: PurgeJob.namesPerSlice, of: forbidden.value)
      }
      removed += step.removed
      isFinished = step.finished
    }
    guard isFinished else {
      timer?.schedule(after: 0)
      return
    }
    worker.value.cache.closeCursor(cursor)
    self.cursor = nil
    if !isAtAD {
      isAtAD = true
      timer?.schedule(after: 0)
      return
    }
    timer?.cancel()
    whenDone(removed)
  }
}
