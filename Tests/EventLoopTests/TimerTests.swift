import DNSWire
import EventLoop
import LoopFixtures
import System
import Testing

@Suite("Timers")
struct TimerTests {
  let loop: EventLoop

  init() throws {
    loop = try EventLoop()
  }

  @Test func `a one-shot timer fires once`() throws {
    let count = Count()
    let timer = Timer(on: loop) { count.value += 1 }
    timer.schedule(after: 1)
    #expect(timer.isScheduled)
    #expect(try loop.turn { count.value == 1 })
    #expect(!timer.isScheduled)
    #expect(try !loop.turn(within: 30) { count.value > 1 })
  }

  @Test func `a timer waits about as long as it was told`() throws {
    let count = Count()
    let timer = Timer(on: loop) { count.value += 1 }
    let start = EventLoop.now()
    timer.schedule(after: 40)
    #expect(try loop.turn { count.value == 1 })
    // The loop's clock is a coarse one: up to 10 ms at 100 Hz.
    #expect(EventLoop.now() - start >= 30)
  }

  @Test func `a periodic timer fires until it is cancelled`() throws {
    let count = Count()
    let timer = Timer(on: loop) { count.value += 1 }
    timer.schedule(every: 1)
    #expect(try loop.turn { count.value >= 3 })
    #expect(timer.isScheduled)
    timer.cancel()
    #expect(!timer.isScheduled)
    let last = count.value
    #expect(try !loop.turn(within: 30) { count.value > last })
  }

  @Test func `a periodic timer can become a one-shot timer in its own action`() throws {
    let count = Count()
    var timer: Timer?
    timer = Timer(on: loop) {
      count.value += 1
      timer?.schedule(after: 1)
      if count.value == 3 { timer?.cancel() }
    }
    timer?.schedule(every: 1)
    #expect(try loop.turn { count.value == 3 })
    #expect(timer?.isScheduled == false)
    timer = nil
  }

  @Test func `scheduling again replaces the time`() throws {
    let count = Count()
    let timer = Timer(on: loop) { count.value += 1 }
    timer.schedule(after: 1)
    timer.schedule(after: 3_600_000)
    #expect(try !loop.turn(within: 30) { count.value > 0 })
    timer.schedule(after: 0)
    #expect(try loop.turn { count.value == 1 })
  }

  @Test func `a timer that is let go doesn't fire`() throws {
    let count = Count()
    var timer: Timer? = Timer(on: loop) { count.value += 1 }
    timer?.schedule(after: 1)
    timer = nil
    #expect(try !loop.turn(within: 30) { count.value > 0 })
  }

  @Test func `an action may let go of its own timer`() throws {
    let count = Count()
    var timer: Timer?
    timer = Timer(on: loop) {
      timer = nil
      count.value += 1
    }
    timer?.schedule(every: 1)
    #expect(try loop.turn { count.value == 1 })
    #expect(try !loop.turn(within: 30) { count.value > 1 })
  }

  @Test func `timers with a common timeout fire in the order of scheduling`() throws {
    let timeout = try loop.commonTimeout(milliseconds: 10)
    var order: [Int] = []
    let timers = (0..<1_000).map { index in Timer(on: loop) { order.append(index) } }
    for timer in timers { timer.schedule(after: timeout) }
    timers[500].cancel()
    #expect(try loop.turn { order.count == 999 })
    #expect(order == (0..<1_000).filter { $0 != 500 })
  }

  @Test func `a common timeout is given again for the same duration, and 256 are the limit`() throws
  {
    for milliseconds in 1...256 { _ = try loop.commonTimeout(milliseconds: UInt64(milliseconds)) }
    _ = try loop.commonTimeout(milliseconds: 7)
    #expect(throws: SystemError.self) { try loop.commonTimeout(milliseconds: 257) }
  }

  @Test func `work in slices leaves room for sockets`() throws {
    let echo = Echo()
    let server = try DatagramSocket(
      on: loop, boundTo: Endpoint(IPAddress(v4: 0x7f00_0001), port: 0), receiver: echo)
    let inbox = Inbox()
    let client = try Client(
      on: loop, connectedTo: server.localAddress, receiver: inbox)
    let slices = Count()
    var work: Timer?
    work = Timer(on: loop) {
      slices.value += 1
      work?.schedule(after: 0)
    }
    defer { work = nil }
    work?.schedule(after: 0)
    for round in 1...5 {
      #expect(client.send([UInt8(round)].span) == .sent)
      let before = slices.value
      #expect(try loop.turn { inbox.messages.count == round })
      // Out in one turn and back in the next, with a slice of work in each.
      #expect(slices.value - before <= 10)
    }
    #expect(slices.value > 5)
  }

  @Test func `the longest time doesn't overflow`() throws {
    let count = Count()
    let timer = Timer(on: loop) { count.value += 1 }
    timer.schedule(after: .max)
    try loop.spin(3)
    #expect(timer.isScheduled)
    #expect(count.value == 0)
  }
}
