import CEvent
import Glibc

/// Calls its owner on the loop's thread after the process got a signal.
///
/// The signal's default effect is off for as long as the source lives. Only one loop of a process
/// can have signal sources.
@safe
public final class SignalSource {
  private let loop: EventLoop
  private let action: () -> Void
  private let event: UnsafeMutablePointer<event>

  /// Takes over a signal; throws when the kernel doesn't allow that, as for SIGKILL.
  public init(
    on loop: EventLoop, signal: Int32, action: @escaping () -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.action = action
    unsafe event = .allocate(capacity: 1)
    unsafe event.initialize(to: CEvent.event())
    // SAFETY: the callback gets self unretained; deinit removes the event before self is gone.
    // The callback retains self for its own duration, since the action may let go of it.
    unsafe event_assign(
      event, loop.base, signal, Int16(EV_SIGNAL | EV_PERSIST),
      { _, _, context in
        guard let context = unsafe context else { return }
        let source = unsafe Unmanaged<SignalSource>.fromOpaque(context).takeUnretainedValue()
        withExtendedLifetime(source) { source.action() }
      }, Unmanaged.passUnretained(self).toOpaque())
    guard unsafe event_add(event, nil) == 0 else {
      throw SystemError(call: "sigaction", purpose: "signal \(signal)", code: errno)
    }
  }

  deinit {
    // SAFETY: after event_del libevent holds no reference to the memory.
    unsafe event_del(event)
    unsafe event.deallocate()
  }
}
