import CEvent
import Glibc

/// Calls its owner after a time, once or again and again.
///
/// The owner keeps the timer; a timer that is let go doesn't fire. The loop's clock ticks every
/// few milliseconds, so that a timer can fire that much early or late. Without memory for one more time
/// than the loop has room for, it fires at once: too early rather than never.
@safe
public final class Timer {
  private let action: () -> Void
  private let event: LoopEvent
  private var isPersistent = false

  /// Makes a timer that isn't scheduled; `action` is called on the loop's thread.
  ///
  /// The action may schedule, cancel or let go of the timer.
  public init(on loop: EventLoop, action: @escaping () -> Void) {
    self.action = action
    event = LoopEvent(on: loop)
    assign()
  }

  /// Fires once, `milliseconds` from now; a time set earlier is forgotten.
  ///
  /// With 0 it fires on the next tick of the loop, after the sockets that are ready by then.
  public func schedule(after milliseconds: UInt64) {
    arm(timeval(milliseconds: milliseconds), persistent: false)
  }

  /// Fires every `milliseconds` until cancelled; the first time after one such interval.
  public func schedule(every milliseconds: UInt64) {
    arm(timeval(milliseconds: milliseconds), persistent: true)
  }

  /// Fires once, after a duration of this timer's loop that many timers share.
  public func schedule(after timeout: CommonTimeout) {
    // UNREACHABLE: the program has one loop.
    precondition(unsafe timeout.base == event.base, "the timeout belongs to another loop")
    arm(timeout.value, persistent: false)
  }

  /// Forgets the time; does nothing to a timer that isn't scheduled.
  public func cancel() { event.remove() }

  /// Whether the timer is going to fire.
  public var isScheduled: Bool { event.isTimed }

  private func arm(_ duration: timeval, persistent: Bool) {
    if isPersistent != persistent {
      event.remove()
      isPersistent = persistent
      assign()
    }
    if !event.add(atMost: duration) { event.activate() }
  }

  private func assign() {
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(isPersistent ? EV_PERSIST : 0, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (timer: Timer) in timer.action() }
    }
  }
}
