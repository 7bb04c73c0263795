import CEvent
import Glibc
import System

/// Something that the loop waits for on behalf of an owner: a descriptor, a signal, or just a time.
///
/// The owner keeps it; libevent knows the owner without a reference, and nothing of either once this is
/// gone. It keeps the loop.
@safe
struct LoopEvent: ~Copyable {
  let base: OpaquePointer
  private let loop: EventLoop?
  // On the heap: libevent links events to each other by address.
  private let event: UnsafeMutablePointer<event>

  /// Makes one that is to be assigned.
  init(on loop: EventLoop) {
    unsafe self.init(base: loop.base, keeping: loop)
  }

  /// Makes one that is the loop's own, which has to let go of it before the base.
  init(within base: OpaquePointer) {
    unsafe self.init(base: base, keeping: nil)
  }

  private init(base: OpaquePointer, keeping loop: EventLoop?) {
    unsafe self.base = base
    self.loop = loop
    unsafe event = .allocate(capacity: 1)
    unsafe event.initialize(to: CEvent.event())
    // SAFETY: the memory is there until deinit; without a descriptor or time nothing ever comes.
    unsafe event_assign(event, base, -1, 0, nil, nil)
  }

  deinit {
    // SAFETY: after event_del libevent holds no reference to the memory; `loop` keeps the base.
    unsafe event_del(event)
    unsafe event.deallocate()
  }

  /// Says what is waited for and whom it calls; not to be called while it waits.
  ///
  /// - Parameters:
  ///   - kind: `EV_READ` and the like; with `EV_PERSIST` it comes until removed, otherwise once.
  ///   - number: the descriptor or signal.
  ///   - callback: passes its last parameter to ``call(_:_:)``, with the owner's type.
  func assign(
    _ kind: Int32 = 0, of number: Int32 = -1, to owner: AnyObject,
    _ callback: @escaping event_callback_fn
  ) {
    // SAFETY: the owner is not retained; it keeps this, and deinit removes the event.
    unsafe event_assign(
      event, base, number, Int16(kind), callback, Unmanaged.passUnretained(owner).toOpaque())
  }

  /// Calls the owner that a callback got, and keeps it for that long: what it calls may let go of it.
  @inline(__always)
  static func call<Owner: AnyObject>(
    _ context: UnsafeMutableRawPointer?, _ body: (Owner) -> Void
  ) {
    guard let context = unsafe context else { return }
    // SAFETY: the context is the owner, which is there as long as its event.
    let owner = unsafe Unmanaged<Owner>.fromOpaque(context).takeUnretainedValue()
    withExtendedLifetime(owner) { body(owner) }
  }

  /// Begins to wait; false when the kernel refuses.
  @discardableResult
  func add() -> Bool {
    // SAFETY: the event was assigned in init.
    unsafe event_add(event, nil) == 0
  }

  /// Begins to wait, for so long at most; false when the kernel refuses.
  @discardableResult
  func add(atMost duration: timeval) -> Bool {
    // SAFETY: the event was assigned in init; libevent copies the duration.
    unsafe withUnsafePointer(to: duration) { unsafe event_add(event, $0) == 0 }
  }

  /// Begins to wait; throws when the kernel refuses.
  ///
  /// - Parameters:
  ///   - purpose: what for, for people.
  ///   - call: what libevent calls.
  func add(
    for purpose: @autoclosure () -> String, by call: StaticString = "epoll_ctl"
  ) throws(SystemError) {
    guard add() else { throw SystemError(call: call, purpose: purpose(), code: errno) }
  }

  /// Waits no more.
  func remove() {
    // SAFETY: the event was assigned in init.
    unsafe event_del(event)
  }

  /// Has the owner called in this tick of the loop, behind those who are to be called already.
  func activate() {
    // SAFETY: the event was assigned in init. Active already, it stays where it is.
    unsafe event_active(event, Int32(EV_TIMEOUT), 0)
  }

  /// Whether its time is still to come.
  var isTimed: Bool {
    // SAFETY: the event was assigned in init.
    unsafe event_pending(event, Int16(EV_TIMEOUT), nil) != 0
  }
}
