import Randomness
import Testing

@testable import DNSExchange

@Suite("The wheel of deadlines")
struct TimerWheelTests {
  /// What the wheel should do, done simply.
  private struct Model {
    var deadlines: [Int: UInt64] = [:]

    /// Deadlines are noticed at the first tick that is not before them.
    func isDue(_ thing: Int, now: UInt64) -> Bool {
      guard let due = deadlines[thing] else { return false }
      return (due + TimerWheel.tick - 1) / TimerWheel.tick <= now / TimerWheel.tick
    }

    func due(now: UInt64) -> Set<Int> { Set(deadlines.keys.filter { isDue($0, now: now) }) }
  }

  private func popAll(_ wheel: inout TimerWheel, now: UInt64) -> [Int] {
    var popped: [Int] = []
    while let thing = wheel.popDue(now: now) { popped.append(thing) }
    return popped
  }

  @Test func `a deadline is noticed at its time and not before`() {
    var wheel = TimerWheel(capacity: 4, now: 0)
    wheel.schedule(2, at: 400, now: 0)
    #expect(wheel.next == 400)
    #expect(wheel.popDue(now: 399) == nil)
    #expect(wheel.popDue(now: 400) == 2)
    #expect(wheel.popDue(now: 400) == nil)
    #expect(wheel.next == nil && wheel.count == 0)
  }

  @Test func `a deadline between two ticks is noticed at the later one`() {
    var wheel = TimerWheel(capacity: 1, now: 3)
    wheel.schedule(0, at: 403, now: 3)
    #expect(wheel.next == 410)
    #expect(wheel.popDue(now: 409) == nil)
    #expect(wheel.popDue(now: 410) == 0)
  }

  @Test func `deadlines are noticed in their order`() {
    var wheel = TimerWheel(capacity: 8, now: 0)
    for (thing, due) in [(0, 900), (1, 100), (2, 5_000), (3, 10_000), (4, 110)] {
      wheel.schedule(thing, at: UInt64(due), now: 0)
    }
    #expect(popAll(&wheel, now: 20_000) == [1, 4, 0, 2, 3])
  }

  @Test func `a deadline that is over already is noticed at the next tick`() {
    var wheel = TimerWheel(capacity: 2, now: 5_000)
    wheel.schedule(0, at: 10, now: 5_000)
    wheel.schedule(1, at: 5_000, now: 5_000)
    #expect(wheel.popDue(now: 5_009) == nil)
    #expect(Set(popAll(&wheel, now: 5_010)) == [0, 1])
  }

  @Test func `a new deadline takes the old one's place, and a cleared one is gone`() {
    var wheel = TimerWheel(capacity: 2, now: 0)
    wheel.schedule(0, at: 100, now: 0)
    wheel.schedule(0, at: 300, now: 0)
    wheel.schedule(1, at: 200, now: 0)
    #expect(wheel.count == 2)
    wheel.cancel(1)
    wheel.cancel(1)
    #expect(wheel.count == 1)
    #expect(popAll(&wheel, now: 299) == [])
    #expect(popAll(&wheel, now: 300) == [0])
  }

  /// The wheel was not turned while it was empty, and a deadline far from where it stood came at once.
  @Test(arguments: [60_000, 86_400_000, 86_400_000 * 365] as [UInt64])
  func `after an idle time a deadline is still not noticed before its time`(idle: UInt64) {
    var wheel = TimerWheel(capacity: 1, now: 0)
    wheel.schedule(0, at: 100, now: 0)
    #expect(popAll(&wheel, now: 100) == [0])
    wheel.schedule(0, at: idle + 400, now: idle)
    #expect(wheel.next == idle + 400)
    #expect(popAll(&wheel, now: idle + 399) == [])
    #expect(popAll(&wheel, now: idle + 400) == [0])
  }

  @Test func `a deadline set while another is long over is not noticed before its time`() {
    var wheel = TimerWheel(capacity: 2, now: 0)
    wheel.schedule(0, at: 100, now: 0)
    // The loop was busy for half a minute.
    wheel.schedule(1, at: 30_400, now: 30_000)
    #expect(popAll(&wheel, now: 30_399) == [0])
    #expect(popAll(&wheel, now: 30_400) == [1])
  }

  @Test func `a deadline beyond the wheel's round is noticed at its time`() {
    var wheel = TimerWheel(capacity: 2, now: 0)
    wheel.schedule(0, at: 3_600_000, now: 0)
    wheel.schedule(1, at: 25, now: 0)
    #expect(popAll(&wheel, now: 3_599_999) == [1])
    #expect(popAll(&wheel, now: 3_600_000) == [0])
  }

  @Test func `what is set anew while deadlines are noticed comes in the same round if it is over`()
  {
    var wheel = TimerWheel(capacity: 2, now: 0)
    wheel.schedule(0, at: 100, now: 0)
    wheel.schedule(1, at: 150, now: 0)
    #expect(wheel.popDue(now: 1_000) == 0)
    wheel.schedule(0, at: 500, now: 1_000)
    #expect(wheel.popDue(now: 1_000) == 1)
    wheel.schedule(1, at: 1_010, now: 1_000)
    #expect(wheel.popDue(now: 1_000) == 0)
    wheel.schedule(0, at: 1_005, now: 1_000)
    #expect(wheel.popDue(now: 1_000) == nil)
    #expect(Set(popAll(&wheel, now: 1_010)) == [0, 1])
  }

  @Test(arguments: SplitMix64.seeds)
  func `any course of events goes as in a simple model`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let capacity = 40
    var now = UInt64(random.number(0...100_000))
    var wheel = TimerWheel(capacity: capacity, now: now)
    var model = Model()
    for _ in 0..<5_000 {
      let thing = random.number(0...(capacity - 1))
      switch random.number(0...9) {
      case 0...4:
        let ahead = UInt64(random.oneOf([random.number(1...2_000), random.number(1...30_000)]))
        wheel.schedule(thing, at: now + ahead, now: now)
        model.deadlines[thing] = now + ahead
      case 5:
        wheel.cancel(thing)
        model.deadlines[thing] = nil
      default:
        now += UInt64(
          random.oneOf([random.number(0...50), random.number(0...3_000), random.number(0...90_000)])
        )
        expectDue(&wheel, &model, now: now, &random)
      }
      #expect(wheel.count == model.deadlines.count)
      if let earliest = model.deadlines.values.min() {
        // Never later than needed.
        #expect(
          (wheel.next ?? UInt64.max) <= max(earliest + TimerWheel.tick, now + TimerWheel.tick))
      } else {
        #expect(wheel.next == nil)
      }
    }
  }

  /// Pops all that is due, setting some of it anew on the way.
  private func expectDue(
    _ wheel: inout TimerWheel, _ model: inout Model, now: UInt64, _ random: inout SplitMix64
  ) {
    while let thing = wheel.popDue(now: now) {
      #expect(model.isDue(thing, now: now))
      model.deadlines[thing] = nil
      if random.number(0...2) == 0 {
        let due = now + UInt64(random.number(10...5_000))
        wheel.schedule(thing, at: due, now: now)
        model.deadlines[thing] = due
      }
    }
    // One set for the past waits for the next tick; here all are set for the future.
    #expect(model.due(now: now).isEmpty)
  }
}
