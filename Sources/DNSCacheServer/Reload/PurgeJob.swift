import DNSCache
import DNSPolicy
import DNSResolver
import DNSWire
import EventLoop
import Memory

/// Removes from the cache what new rules forbid, in slices: names that are answered here now or take another route,
/// local addresses that names may no longer lead to, and AD of servers that are not believed any more.
///
/// After a restart nobody knows which rules the data came by. Then it has to be from a server that is asked for its
/// name now, as far as the name has a route of its own or the server is asked for such names only.
final class PurgeJob {
  /// Names looked at in a slice.
  private static let namesPerSlice = 1_000
  /// Milliseconds after which it is tried again when too much else walks the cache.
  private static let pause: UInt64 = 100

  private let worker: Pinned<Worker>
  private let policy: Pinned<Policy>
  /// The rules before; nothing after a restart.
  private let old: Pinned<Policy>?
  private let rebindFilter: Pinned<RebindFilter>
  private let whenDone: (Int) -> Void
  private var cursor: Cache.Cursor?
  private var timer: Timer?
  private var removed = 0
  /// Whether the names are done, and it is AD's turn.
  private var isAtAD = false

  /// - Parameters:
  ///   - old: the settings before; nothing after a restart.
  ///   - whenDone: gets how many RRsets were removed.
  init(
    on loop: EventLoop, _ worker: Pinned<Worker>, _ settings: Settings, after old: Settings?,
    whenDone: @escaping (Int) -> Void
  ) {
    self.worker = worker
    self.whenDone = whenDone
    policy = Pinned(Policy(settings.policy))
    self.old = old.map { Pinned(Policy($0.policy)) }
    rebindFilter = Pinned(RebindFilter(settings.rebindProtection))
    timer = Timer(on: loop) { [unowned self] in slice() }
    timer?.schedule(after: 0)
  }

  deinit {
    if let cursor { worker.value.cache.closeCursor(cursor) }
    policy.destroy()
    old?.destroy()
    rebindFilter.destroy()
  }

  private func slice() {
    if cursor == nil { cursor = worker.value.cache.openCursor() }
    guard let cursor else {
      timer?.schedule(after: PurgeJob.pause)
      return
    }
    let rebindFilter = rebindFilter
    let isFinished: Bool
    if isAtAD {
      isFinished = worker.value.measureSlice(.walk) { worker in
        worker.cache.forgetUnbelievedAD(cursor, names: PurgeJob.namesPerSlice).finished
      }
    } else {
      let step = worker.value.measureSlice(.walk) { worker in
        // Asked for while the cache is being changed: beside it, not through the worker.
        let sources = worker.resolver.routeSources
        return worker.cache.purge(
          cursor, names: PurgeJob.namesPerSlice, addressesBy: rebindFilter.value
        ) { name, source in isGone(name, from: source, sources) }
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

  /// Whether data of a name is no longer good.
  private func isGone(_ name: Span<UInt8>, from source: UInt8, _ sources: RouteSources) -> Bool {
    guard case .route(let route) = policy.value.decide(name) else { return true }
    if let old { return policy.value.invalidates(name, of: old.value) }
    return !sources.contains(source, of: route)
  }
}
