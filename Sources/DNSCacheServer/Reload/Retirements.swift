import EventLoop

/// What a reload or a renewal gave up and what still goes on for some seconds: listeners, servers for HTTP and control,
/// sockets to upstreams.
final class Retirements {
  /// Milliseconds that each goes on: longer than any question lasts, and any request that is under way.
  static let period: UInt64 = 5_000

  /// Names one of them, to have it stay.
  struct Number: Equatable {
    fileprivate let value: UInt64
  }

  /// The first to end first.
  private var waiting: [(number: Number, deadline: UInt64, end: () -> Void)] = []
  private var last: UInt64 = 0
  private var timer: Timer?

  init(on loop: EventLoop) {
    timer = Timer(on: loop) { [unowned self] in
      end(until: EventLoop.now())
      if let next = waiting.first {
        timer?.schedule(after: max(next.deadline, EventLoop.now() + 1) - EventLoop.now())
      }
    }
  }

  /// Has something ended in its time.
  @discardableResult
  func add(_ end: @escaping () -> Void) -> Number {
    last += 1
    waiting.append((Number(value: last), EventLoop.now() + Retirements.period, end))
    if waiting.count == 1 { timer?.schedule(after: Retirements.period) }
    return Number(value: last)
  }

  /// Has something stay that was to end; nothing happens when it has ended.
  func cancel(_ number: Number) { waiting.removeAll { $0.number == number } }

  /// Ends all at once: for the end of the program.
  func endAll() { end(until: .max) }

  private func end(until now: UInt64) {
    let due = waiting.prefix { $0.deadline <= now }
    waiting.removeFirst(due.count)
    for one in due { one.end() }
  }
}
