import CEvent

/// Calls its owner once, after the calls that are due in the present turn of the loop.
///
/// For work that several of these calls leave behind and that is cheaper when done together. The loop
/// doesn't look at sockets or timers in between.
@safe
public final class EndOfTurn {
  private let loop: EventLoop
  private let action: () -> Void
  // On the heap: libevent links events to each other by address.
  private let event: UnsafeMutablePointer<event>

  /// Makes one that isn't requested; `action` is called on the loop's thread and must not let go of it.
  public init(on loop: EventLoop, action: @escaping () -> Void) {
    self.loop = loop
    self.action = action
    unsafe event = .allocate(capacity: 1)
    unsafe event.initialize(to: CEvent.event())
    // SAFETY: the callback gets self unretained; deinit removes the event before self is gone.
    unsafe event_assign(
      event, loop.base, -1, 0,
      { _, _, context in
        guard let context = unsafe context else { return }
        unsafe Unmanaged<EndOfTurn>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.action() }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    // SAFETY: after event_del libevent holds no reference to the memory.
    unsafe event_del(event)
    unsafe event.deallocate()
  }

  /// Asks for the call, outside of a turn for one at the next turn's end.
  ///
  /// libevent calls what is active in the order in which it became so, and this comes last.
  public func request() {
    // SAFETY: the event was assigned in init. Active already, it stays where it is.
    unsafe event_active(event, Int32(EV_TIMEOUT), 0)
  }
}
