import CEvent
import Glibc
import System

/// Calls its owner when the machine's clock is set, as on boards that have the time from the network only.
///
/// Not when it is made to go faster or slower: only when it jumps (timerfd_create(2)).
@safe
public final class ClockWatch {
  /// Seconds until the kernel's timer ends by itself; what counts is that setting the clock ends it, too.
  private static let forever = 86_400 * 365

  private let descriptor: Descriptor
  private let event: LoopEvent
  private let action: () -> Void

  /// Begins to watch; `action` is called on the loop's thread.
  ///
  /// Throws where the kernel can't tell.
  public init(on loop: EventLoop, action: @escaping () -> Void) throws(SystemError) {
    let descriptor = try Descriptor("timerfd_create", for: "changes of the clock") {
      clock_timer_open()
    }
    let number = descriptor.number
    self.descriptor = descriptor
    self.action = action
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: number, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (watch: ClockWatch) in watch.becameReadable() }
    }
    try arm()
    try event.add(for: "changes of the clock")
  }

  deinit { event.remove() }

  private func arm() throws(SystemError) {
    let number = descriptor.number
    let end = EventLoop.wallClock() + Int64(Self.forever)
    do {
      _ = try CallResult(retrying: { Int(clock_timer_arm(number, end)) })
        .value(call: "timerfd_settime", purpose: "changes of the clock")
    } catch  where error.code == ECANCELED {
      // The clock was set once more meanwhile. The timer runs all the same (fs/timerfd.c), and the owner, who
      // is called next, sees the clock as it is now.
    }
  }

  private func becameReadable() {
    var ends: UInt64 = 0
    let number = descriptor.number
    // ECANCELED is the news; what is read otherwise is that the time is over.
    // SAFETY: the kernel writes eight octets.
    _ = unsafe read(number, &ends, MemoryLayout<UInt64>.size)
    // Without it the snapshot's keeper still compares the clocks before each save.
    do { try arm() } catch { event.remove() }
    action()
  }
}
