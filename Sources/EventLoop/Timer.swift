import CEvent
import Glibc

/// Calls its owner after a time, once or again and again.
///
/// The owner keeps the timer; a timer that is let go doesn't fire. The loop's clock ticks every
/// few milliseconds, so that a timer can fire that much early or late.
@safe
public final class Timer {
  private let loop: EventLoop
  private let action: () -> Void
  // On the heap: libevent links events to each other by address.
  private let event: UnsafeMutablePointer<event>

  /// Makes a timer that isn't scheduled; `action` is called on the loop's thread.
  ///
  /// The action may schedule, cancel or let go of the timer. Memory shortage is fatal.
  public init(on loop: EventLoop, action: @escaping () -> Void) {
    self.loop = loop
    self.action = action
    unsafe event = .allocate(capacity: 1)
    unsafe event.initialize(to: CEvent.event())
    assign(persistent: false)
  }

  deinit {
    // SAFETY: after event_del libevent holds no reference to the memory.
    unsafe event_del(event)
    unsafe event.deallocate()
  }

  /// Fires once, `milliseconds` from now; a time set earlier is forgotten.
  ///
  /// With 0 it fires on the next turn of the loop, after the sockets that are ready by then.
  public func schedule(after milliseconds: UInt64) {
    arm(timeval(milliseconds: milliseconds), persistent: false)
  }

  /// Fires every `milliseconds` until cancelled; the first time after one such interval.
  public func schedule(every milliseconds: UInt64) {
    arm(timeval(milliseconds: milliseconds), persistent: true)
  }

  /// Fires once, after a duration of this timer's loop that many timers share.
  public func schedule(after timeout: CommonTimeout) {
    precondition(unsafe timeout.base == loop.base, "the timeout belongs to another loop")
    arm(timeout.value, persistent: false)
  }

  /// Forgets the time; does nothing to a timer that isn't scheduled.
  public func cancel() {
    // SAFETY: the event was assigned in init.
    unsafe event_del(event)
  }

  /// Whether the timer is going to fire.
  public var isScheduled: Bool {
    // SAFETY: the event was assigned in init.
    unsafe event_pending(event, Int16(EV_TIMEOUT), nil) != 0
  }

  private func arm(_ duration: timeval, persistent: Bool) {
    // SAFETY: the event is out of libevent's queues before its kind changes, and libevent copies
    // the duration.
    if unsafe (event.pointee.ev_events & Int16(EV_PERSIST) != 0) != persistent {
      unsafe event_del(event)
      assign(persistent: persistent)
    }
    let armed = unsafe withUnsafePointer(to: duration) { unsafe event_add(event, $0) }
    precondition(armed == 0, "out of memory for a timer")
  }

  private func assign(persistent: Bool) {
    // SAFETY: the callback gets self unretained; deinit removes the event before self is gone.
    // The callback retains self for its own duration, since the action may let go of it.
    unsafe event_assign(
      event, loop.base, -1, persistent ? Int16(EV_PERSIST) : 0,
      { _, _, context in
        guard let context = unsafe context else { return }
        let timer = unsafe Unmanaged<Timer>.fromOpaque(context).takeUnretainedValue()
        withExtendedLifetime(timer) { timer.action() }
      }, Unmanaged.passUnretained(self).toOpaque())
  }
}
