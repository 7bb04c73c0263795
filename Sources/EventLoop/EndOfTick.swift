import CEvent

/// Calls its owner once, after the calls that are due in the present tick of the loop.
///
/// For work that several of these calls leave behind and that is cheaper when done together. The loop
/// doesn't look at sockets or timers in between.
@safe
public final class EndOfTick {
  private let action: () -> Void
  private let event: LoopEvent

  /// Makes one that isn't requested; `action` is called on the loop's thread.
  public init(on loop: EventLoop, action: @escaping () -> Void) {
    self.action = action
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (end: EndOfTick) in end.action() }
    }
  }

  /// Asks for the call, outside of a tick for one at the next tick's end.
  ///
  /// libevent calls what is active in the order in which it became so, and this comes last.
  public func request() { event.activate() }
}
