import Control
import DNSCache
import DNSWire
import EventLoop
import Memory
import Observability

/// Work of control that goes in slices.
class ControlJob {
  let reply: ControlReply
  let worker: Pinned<Worker>
  private var cursor: Cache.Cursor?
  private var timer: Timer?
  private var whenDone: (() -> Void)?

  init(_ worker: Pinned<Worker>, _ reply: ControlReply) {
    self.worker = worker
    self.reply = reply
  }

  /// Takes a place in the cache; false when there is none to be had.
  func begin() -> Bool {
    cursor = worker.value.cache.openCursor()
    return cursor != nil
  }

  func run(on loop: EventLoop, _ whenDone: @escaping () -> Void) {
    self.whenDone = whenDone
    timer = Timer(on: loop) { [unowned self] in turn() }
    reply.whenGone { [weak self] in self?.end() }
    goOn()
  }

  /// Has the next slice done on the next turn of the loop.
  func goOn() { timer?.schedule(after: 0) }

  private func turn() {
    guard let cursor else { return }
    guard reply.isWanted else {
      end()
      return
    }
    slice(cursor)
  }

  /// One slice of work; calls `goOn` or `end`.
  func slice(_ cursor: Cache.Cursor) {}

  func end() {
    guard let cursor else { return }
    worker.value.cache.closeCursor(cursor)
    self.cursor = nil
    timer?.cancel()
    whenDone?()
  }
}

/// Removes what matches, name by name.
final class FlushJob: ControlJob {
  /// Names looked at in a slice.
  private static let namesPerSlice = 1_000

  private let zone: Name
  private let scope: Cache.FlushScope
  private var removed = 0

  init(below zone: Name, _ scope: Cache.FlushScope, _ worker: Pinned<Worker>, _ reply: ControlReply)
  {
    self.zone = zone
    self.scope = scope
    super.init(worker, reply)
  }

  override func slice(_ cursor: Cache.Cursor) {
    let key = NameKey(zone, in: worker.value.cache)
    let step = worker.value.measureSlice(.walk) { worker in
      worker.cache.flush(cursor, names: FlushJob.namesPerSlice, below: key, scope)
    }
    removed += step.removed
    guard step.finished else { return goOn() }
    reply.send(.object([("removed", .count(removed))]))
    end()
  }
}

/// Prints the whole cache, as fast as the reader takes it.
final class DumpJob: ControlJob {
  /// Names printed in a slice, which takes a tenth of a millisecond: text costs microseconds a record,
  /// and nearly every hit meanwhile waits for a slice.
  private static let namesPerSlice = 25

  private var isBegun = false

  override func slice(_ cursor: Cache.Cursor) {
    if !isBegun {
      isBegun = true
      reply.beginLines()
      // Nothing is wanted beyond the header.
      guard reply.isWanted else { return end() }
    }
    let reply = reply
    let (lines, isDone) = worker.value.measureSlice(.walk) { worker in
      let (rows, isDone) = CacheReport.dump(
        cursor, names: DumpJob.namesPerSlice, in: &worker.cache)
      return (reply.lines(rows, text: CacheReport.zoneLine), isDone)
    }
    if isDone {
      reply.write(lines) {}
      reply.endLines()
      end()
    } else if lines.isEmpty {
      goOn()
    } else {
      reply.write(lines) { [weak self] in self?.goOn() }
    }
  }
}
