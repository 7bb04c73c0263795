import EventLoop
import Glibc
import LoopFixtures
import System
import Testing

@Suite("The loop")
struct EventLoopTests {
  @Test func `run returns after stop, once the calls that are due have been made`() throws {
    let loop = try EventLoop()
    let count = Count()
    let first = Timer(on: loop) {
      count.value += 1
      loop.stop()
    }
    let second = Timer(on: loop) { count.value += 1 }
    first.schedule(after: 0)
    second.schedule(after: 0)
    try loop.run()
    #expect(count.value == 2)
  }

  @Test func `stop before run ends that run`() throws {
    let loop = try EventLoop()
    loop.stop()
    try loop.run()
  }

  @Test func `a loop with nothing to wait for returns from one turn at once`() throws {
    let loop = try EventLoop()
    try loop.runOnce(blocking: true)
  }

  @Test func `the end of a turn comes once, behind all calls of that turn`() throws {
    let loop = try EventLoop()
    var order: [String] = []
    let end = EndOfTick(on: loop) { order.append("end") }
    let timers = ["first", "second", "third"].map { name in
      Timer(on: loop) {
        order.append(name)
        end.request()
        end.request()
      }
    }
    for timer in timers { timer.schedule(after: 0) }
    try loop.runOnce(blocking: true)
    #expect(Set(order.prefix(3)) == ["first", "second", "third"])
    #expect(order.count == 4 && order.last == "end")
    try loop.spin(2)
    #expect(order.count == 4)
    // Outside of a turn it comes with the next one, which doesn't wait.
    end.request()
    try loop.runOnce(blocking: true)
    #expect(order.suffix(1) == ["end"] && order.count == 5)
  }

  @Test func `a deferred action is run once, on the next turn`() throws {
    let loop = try EventLoop()
    var order: [String] = []
    let timer = Timer(on: loop) {
      loop.onNextTick {
        order.append("deferred")
        loop.onNextTick { order.append("again") }
      }
      order.append("timer")
    }
    timer.schedule(after: 0)
    #expect(try loop.turn { order.count == 3 })
    #expect(order == ["timer", "deferred", "again"])
    try loop.spin(5)
    #expect(order.count == 3)
  }

  @Test func `what was deferred is run before the loop returns`() throws {
    let loop = try EventLoop()
    let count = Count()
    let timer = Timer(on: loop) {
      loop.stop()
      loop.onNextTick { count.value += 1 }
    }
    timer.schedule(after: 0)
    try loop.run()
    #expect(count.value == 1)
  }

  @Test func `a loop runs again after it stopped`() throws {
    let loop = try EventLoop()
    let count = Count()
    for _ in 0..<3 {
      let timer = Timer(on: loop) {
        count.value += 1
        loop.stop()
      }
      timer.schedule(after: 1)
      try loop.run()
    }
    #expect(count.value == 3)
  }

  @Test func `the clocks go forward and agree on their units`() {
    let milliseconds = EventLoop.now()
    let microseconds = EventLoop.microseconds()
    #expect(EventLoop.now() >= milliseconds)
    #expect(EventLoop.microseconds() >= microseconds)
    // The boot clock counts time asleep too, so that it is never behind the other one.
    #expect(milliseconds + 1 >= microseconds / 1_000)
    #expect(EventLoop.wallClock() > 1_700_000_000)
  }

  @Test func `a failed call tells what it was for`() {
    let error = SystemError(call: "bind", purpose: "UDP on 127.0.0.1:53", code: EACCES)
    #expect("\(error)" == "bind for UDP on 127.0.0.1:53: Permission denied")
  }
}

/// In one suite, one after the other: signals belong to the process.
@Suite("Signals", .serialized)
struct SignalSourceTests {
  @Test func `a signal reaches the loop's thread`() throws {
    let loop = try EventLoop()
    let count = Count()
    let source = try SignalSource(on: loop, signal: SIGUSR2) { count.value += 1 }
    for round in 1...3 {
      #expect(kill(getpid(), SIGUSR2) == 0)
      #expect(try loop.turn { count.value == round })
    }
    withExtendedLifetime(source) {}
  }

  @Test func `a signal that can't be caught is an error`() throws {
    let loop = try EventLoop()
    #expect(throws: SystemError.self) { try SignalSource(on: loop, signal: SIGKILL) {} }
  }
}
