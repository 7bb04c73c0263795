import CEvent
import Glibc
import System

/// Calls its owner on the loop's thread after the process got a signal.
///
/// The signal's default effect is off for as long as the source lives. Only one loop of a process
/// can have signal sources.
@safe
public final class SignalSource {
  private let action: () -> Void
  private let event: LoopEvent

  /// Takes over a signal; throws when the kernel doesn't allow that, as for SIGKILL.
  public init(
    on loop: EventLoop, signal: Int32, action: @escaping () -> Void
  ) throws(SystemError) {
    self.action = action
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_SIGNAL | EV_PERSIST, of: signal, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (source: SignalSource) in source.action() }
    }
    try event.add(for: "signal \(signal)", by: "sigaction")
  }
}
