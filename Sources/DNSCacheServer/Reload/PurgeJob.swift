import Configuration
import DNSCache
import DNSExchange
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
  /// Rules of before that are compared with; of what came by still earlier ones the servers are looked at.
  private static let mostRules = 4
  /// Milliseconds after which it is tried again when too much else walks the cache.
  private static let pause: UInt64 = 100

  private let worker: Pinned<Worker>
  private let policy: Pinned<Policy>
  /// The rules before this job, and before those that it took the place of unfinished.
  private let old: [Pinned<Policy>]
  private let oldRules: [PolicyRules]
  /// Whether it is not known which rules some of the data came by.
  private let isAfterRestart: Bool
  private let rebindFilter: Pinned<RebindFilter>
  private let whenDone: (Int) -> Void
  private var cursor: Cache.Cursor?
  private var timer: Timer?
  private var removed = 0
  /// Whether the names are done, and it is AD's turn.
  private var isAtAD = false
  private(set) var isDone = false

  /// - Parameters:
  ///   - old: the settings before; nothing after a restart.
  ///   - other: a job that this one takes the place of, and whose work it has to do as well.
  ///   - whenDone: gets how many RRsets were removed.
  init(
    on loop: EventLoop, _ worker: Pinned<Worker>, _ settings: Settings, after old: Settings?,
    instead other: PurgeJob?, whenDone: @escaping (Int) -> Void
  ) {
    self.worker = worker
    self.whenDone = whenDone
    policy = Pinned(Policy(settings.policy))
    let unfinished = other?.isDone == false ? other : nil
    let rules = (unfinished?.oldRules ?? []) + (old.map { [$0.policy] } ?? [])
    oldRules = Array(rules.suffix(PurgeJob.mostRules))
    self.old = oldRules.map { Pinned(Policy($0)) }
    isAfterRestart =
      old == nil || unfinished?.isAfterRestart == true || rules.count > PurgeJob.mostRules
    rebindFilter = Pinned(RebindFilter(settings.rebindProtection))
    timer = Timer(on: loop) { [unowned self] in slice() }
    timer?.schedule(after: 0)
  }

  deinit {
    if let cursor { worker.value.cache.closeCursor(cursor) }
    policy.destroy()
    for policy in old { policy.destroy() }
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
    isDone = true
    whenDone(removed)
  }

  /// Whether data of a name is no longer good.
  private func isGone(_ name: Span<UInt8>, from source: UInt8, _ sources: RouteSources) -> Bool {
    guard case .route(let route) = policy.value.decide(name) else { return true }
    return old.contains { policy.value.invalidates(name, of: $0.value) }
      || isAfterRestart && !sources.contains(source, of: route)
  }
}
