import Configuration
import DNSCache
import DNSPolicy
import EventLoop
import Memory

/// Removes from the cache what new rules forbid, in slices: names that are answered here now or take another route,
/// and AD of servers that are not believed any more.
///
/// It takes old marks, too, from names that are in no list.
///
/// Meanwhile names that are asked for are judged singly (``Cache/hasUnjudged``).
final class PurgeJob {
  /// Names looked at in a slice.
  private static let namesPerSlice = 1_000
  /// Milliseconds after which it is tried again when too much else walks the cache.
  private static let pause: UInt64 = 100

  private let worker: Pinned<Worker>
  private let whenDone: (Int) -> Void
  private var cursor: Cache.Cursor?
  /// The cache's generation when the walk began.
  private var generation: UInt16 = 0
  private var timer: Timer?
  private var removed = 0
  /// What is looked at in this walk; the next follows when it is done.
  private var phase = Phase.names

  private enum Phase {
    case names, authenticity, marks
  }
  /// Whether rules have changed since the walk began, so that another has to follow.
  private var isAgain = false
  private(set) var isDone = true

  /// - Parameter whenDone: gets how many RRsets were removed.
  init(on loop: EventLoop, _ worker: Pinned<Worker>, whenDone: @escaping (Int) -> Void) {
    self.worker = worker
    self.whenDone = whenDone
    timer = Timer(on: loop) { [unowned self] in slice() }
  }

  deinit {
    if let cursor { worker.value.cache.closeCursor(cursor) }
  }

  /// Begins, since rules have changed.
  func start() {
    isAgain = !isDone
    guard isDone else { return }
    isDone = false
    removed = 0
    timer?.schedule(after: 0)
  }

  private func slice() {
    if cursor == nil {
      cursor = worker.value.cache.openCursor()
      if phase == .names {
        generation = worker.value.cache.generation
        isAgain = false
      }
    }
    guard let cursor else {
      timer?.schedule(after: PurgeJob.pause)
      return
    }
    let isFinished: Bool
    switch phase {
    case .authenticity:
      isFinished = worker.value.measureSlice(.walk) { worker in
        worker.cache.forgetUnbelievedAD(cursor, names: PurgeJob.namesPerSlice).finished
      }
    case .marks:
      isFinished = worker.value.measureSlice(.walk) { worker in
        worker.cache.unmark(cursor, names: PurgeJob.namesPerSlice)
      }
    case .names:
      let step = worker.value.measureSlice(.walk) { worker in
        let policy = worker.policy
        return worker.cache.purge(cursor, names: PurgeJob.namesPerSlice) {
          policy.value.keeps($0, since: $1)
        }
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
    switch phase {
    case .names:
      worker.value.endJudging(of: generation)
      phase = .authenticity
    case .authenticity: phase = worker.value.cache.needsUnmarking ? .marks : .names
    case .marks:
      worker.value.cache.endUnmarking()
      phase = .names
    }
    guard phase == .names && !isAgain else {
      timer?.schedule(after: 0)
      return
    }
    isDone = true
    whenDone(removed)
  }
}
