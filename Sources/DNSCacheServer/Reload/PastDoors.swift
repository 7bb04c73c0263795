import EventLoop

/// HTTP servers that were given up: they end when the requests that were under way have had their time, that
/// of the reload among them.
final class PastDoors {
  private var doors: [(close: () -> Void, until: UInt64)] = []
  private var timer: Timer?

  /// Milliseconds that one goes on.
  private static let retirement: UInt64 = 5_000

  init(on loop: EventLoop) {
    timer = Timer(on: loop) { [unowned self] in closeDue() }
  }

  /// Has one closed in its time.
  func add(_ close: @escaping () -> Void) {
    doors.append((close, EventLoop.now() + PastDoors.retirement))
    if doors.count == 1 { timer?.schedule(after: PastDoors.retirement) }
  }

  private func closeDue() {
    let now = EventLoop.now()
    while let first = doors.first, first.until <= now {
      first.close()
      doors.removeFirst()
    }
    if let next = doors.first { timer?.schedule(after: max(next.until - now, 1)) }
  }

  /// Closes all at once: for the end.
  func closeAll() {
    for door in doors { door.close() }
    doors = []
  }
}
