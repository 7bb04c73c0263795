import DNSCache
import EventLoop
import Memory

/// How old a snapshot was taken to be, and by which setting of the machine's clock.
///
/// A board without a clock of its own starts with a wrong one, and has it set once it has found the network:
/// only then it is known how long it was off.
struct SnapshotAge: Equatable {
  /// When the snapshot was begun, in seconds since 1970.
  let created: Int64
  /// When its reading began, in seconds on the cache's clock, and when it ended.
  let begun: Int64
  let ended: UInt32
  /// What the machine's clock was ahead of the cache's, in seconds.
  var offset: Int64

  /// Seconds that are too little to be worth a walk through the cache.
  private static let leastCorrection: Int64 = 2

  /// What the machine's clock is ahead of the cache's now.
  static func offsetNow() -> Int64 { EventLoop.wallClock() - Int64(EventLoop.now() / 1_000) }

  /// Seconds by which the snapshot was older than was taken; nothing for none, and for a clock that was set
  /// back, which makes nothing younger.
  mutating func correction(offset new: Int64) -> UInt32? {
    func age(_ offset: Int64) -> Int64 { max(0, offset + begun - created) }
    let difference = age(new) - age(offset)
    guard difference >= SnapshotAge.leastCorrection else { return nil }
    offset = new
    return UInt32(clamping: difference)
  }
}

/// Makes what a snapshot brought older, in slices.
final class AgeCorrection {
  /// Names looked at in a slice.
  private static let namesPerSlice = 1_000
  /// Milliseconds after which it is tried again when too much else walks the cache.
  private static let pause: UInt64 = 100

  private let worker: Pinned<Worker>
  private let end: UInt32
  private let seconds: UInt32
  private var cursor: Cache.Cursor?
  private var timer: Timer?

  /// - Parameters:
  ///   - end: the second, on the cache's clock, until which a snapshot's data came.
  ///   - seconds: by how much it is older.
  init(
    on loop: EventLoop, _ worker: Pinned<Worker>, cameUntil end: UInt32, by seconds: UInt32,
    whenDone: @escaping () -> Void
  ) {
    self.worker = worker
    self.end = end
    self.seconds = seconds
    // Done, it is let go of.
    timer = Timer(on: loop) { [unowned self] in if slice() { whenDone() } }
    timer?.schedule(after: 0)
  }

  deinit {
    if let cursor { worker.value.cache.closeCursor(cursor) }
  }

  /// Does the rest at once: for the end of the program.
  func finish() {
    timer?.cancel()
    if cursor == nil { cursor = worker.value.cache.openCursor() }
    while cursor != nil, !slice() {}
    timer?.cancel()
  }

  /// The next names; true at the end.
  private func slice() -> Bool {
    if cursor == nil { cursor = worker.value.cache.openCursor() }
    guard let cursor else {
      timer?.schedule(after: AgeCorrection.pause)
      return false
    }
    let (end, seconds) = (end, seconds)
    let isDone = worker.value.measureSlice(.walk) { worker in
      worker.cache.age(
        cursor, names: AgeCorrection.namesPerSlice, cameUntil: end, by: seconds)
    }
    guard isDone else {
      timer?.schedule(after: 0)
      return false
    }
    worker.value.cache.closeCursor(cursor)
    self.cursor = nil
    return true
  }
}
