import Glibc
import LoopFixtures
import Synchronization
import Testing

@testable import EventLoop

/// How many of the next timers that this process sets end at once, with news that the clock was set meanwhile.
private let early = Atomic<Int>(0)
private let armed = Atomic<Int>(0)

/// Takes the place of the C library's function in this process, whose only timers of the kind are this file's.
@_cdecl("timerfd_settime")
func setTimer(
  _ timer: Int32, _ flags: Int32, _ end: UnsafePointer<itimerspec>,
  _ old: UnsafeMutablePointer<itimerspec>?
) -> Int32 {
  armed.add(1, ordering: .relaxed)
  // SAFETY: the C library's own function has this signature, and the program's pointers are good for it.
  typealias SetTimer =
    @convention(c) (
      Int32, Int32, UnsafePointer<itimerspec>, UnsafeMutablePointer<itimerspec>?
    ) -> Int32
  guard let found = unsafe dlsym(UnsafeMutableRawPointer(bitPattern: -1), "timerfd_settime") else {
    errno = ENOSYS
    return -1
  }
  let original = unsafe unsafeBitCast(found, to: SetTimer.self)
  guard early.load(ordering: .relaxed) > 0 else { return unsafe original(timer, flags, end, old) }
  early.subtract(1, ordering: .relaxed)
  // The timer runs all the same: this is what the kernel does when the clock is set between two calls.
  var past = itimerspec()
  past.it_value.tv_sec = 1
  _ = unsafe original(timer, flags, &past, old)
  errno = ECANCELED
  return -1
}

@Suite("News that the clock was set", .serialized)
struct ClockWatchTests {
  @Test func `a clock that is set again meanwhile is told again, and watched further`() throws {
    let loop = try EventLoop()
    let told = Count()
    early.store(3, ordering: .relaxed)
    armed.store(0, ordering: .relaxed)
    let watch = try ClockWatch(on: loop) { told.value += 1 }
    #expect(try loop.turn { told.value == 3 })
    try loop.spin(2)
    // Armed at first and after each call, the last time for good.
    #expect(told.value == 3 && armed.load(ordering: .relaxed) == 4)
    withExtendedLifetime(watch) {}
  }
}
