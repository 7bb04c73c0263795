import CEvent
import Glibc
import System

/// One event loop: waits for sockets, timers and signals and calls their owners, on one thread.
///
/// Everything made on a loop is used from the thread that runs it, and keeps the loop alive.
/// Nothing here locks.
@safe
public final class EventLoop {
  let base: OpaquePointer
  /// Whether a call from libevent may be under way.
  private(set) var isTurning = false
  private var deferred: [() -> Void] = []
  /// Wakes the loop for the deferred actions.
  private var wake: LoopEvent?
  /// Nil until it is first wanted, and where the kernel refuses it.
  private lazy var diskSync: DiskSync? = unsafe DiskSync(on: base)

  /// Times that libevent has memory for from the start, so that timers don't fire early for want of it.
  ///
  /// Each timer that waits has one, and each stream whose time is limited by itself: a few hundred.
  static let timePlaces = 4_096

  /// Makes a loop that doesn't run yet; throws when the kernel refuses an epoll descriptor.
  ///
  /// From here on the process ignores SIGPIPE: libevent writes to streams whose peer may be gone,
  /// and has no other way to get an error instead.
  public init() throws(SystemError) {
    _ = signal(SIGPIPE, SIG_IGN)
    guard let configuration = unsafe event_config_new() else {
      throw SystemError(call: "event_config_new", purpose: "the event loop", code: ENOMEM)
    }
    // SAFETY: `configuration` is freed once, and libevent copies what it needs from it.
    defer { unsafe event_config_free(configuration) }
    // One thread: no locks. And an environment variable doesn't choose the kernel interface.
    let flags = EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_IGNORE_ENV.rawValue
    unsafe event_config_set_flag(configuration, Int32(flags))
    guard let base = unsafe event_base_new_with_config(configuration) else {
      throw SystemError(call: "event_base_new", purpose: "the event loop", code: errno)
    }
    unsafe self.base = base
    let wake = unsafe LoopEvent(within: base)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe wake.assign(to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (loop: EventLoop) in loop.runDeferred() }
    }
    self.wake = consume wake
    try reserveTimes()
  }

  /// Has libevent make room for times, which it keeps: by events that have one and go at once.
  private func reserveTimes() throws(SystemError) {
    let count = EventLoop.timePlaces
    // SAFETY: freed below, when libevent knows none of the events any more.
    let events = UnsafeMutablePointer<event>.allocate(capacity: count)
    unsafe events.initialize(repeating: event(), count: count)
    var added = 0
    while added < count {
      let isAdded = unsafe withUnsafePointer(to: timeval(milliseconds: .max)) {
        unsafe event_assign(events + added, base, -1, 0, nil, nil) == 0
          && event_add(events + added, $0) == 0
      }
      guard isAdded else { break }
      added += 1
    }
    for index in 0..<added { unsafe event_del(events + index) }
    unsafe events.deallocate()
    guard added == count else {
      throw SystemError(call: "event_add", purpose: "the event loop", code: ENOMEM)
    }
  }

  deinit {
    wake = nil
    diskSync = nil
    // SAFETY: each source holds the loop, so that no other event refers to the base any more.
    unsafe event_base_free(base)
  }

  /// Runs until `stop()`, also while there is nothing to wait for.
  ///
  /// Actions that were deferred are run before it returns.
  public func run() throws(SystemError) {
    try tick(EVLOOP_NO_EXIT_ON_EMPTY)
    runDeferred()
  }

  /// Makes one tick: waits for something to do when `blocking`, then makes the calls that are due.
  ///
  /// Returns at once when there is nothing to wait for.
  public func runOnce(blocking: Bool = false) throws(SystemError) {
    try tick(blocking ? EVLOOP_ONCE : EVLOOP_NONBLOCK)
  }

  /// Ends `run()` once the calls that are due now have been made.
  ///
  /// Called before `run()`, it ends that run after its first tick.
  public func stop() {
    // SAFETY: the base lives as long as self.
    unsafe event_base_loopexit(base, nil)
  }

  /// Runs an action on the next tick, after the calls that are due now; once.
  ///
  /// For what must not happen in the middle of a call from the loop. The loop keeps the action
  /// until then.
  public func onNextTick(_ action: @escaping () -> Void) {
    deferred.append(action)
    wake?.add(atMost: timeval())
  }

  /// Makes a file or a directory durable without waiting, and then calls back with 0 or an `errno`.
  ///
  /// Where the kernel can't do it beside us the call waits for the disk, and calls back on the next turn.
  func sync(_ descriptor: Int32, dataOnly: Bool, _ completion: @escaping (Int32) -> Void) {
    if diskSync?.begin(descriptor, dataOnly: dataOnly, completion) == true { return }
    let code = DiskSync.wait(for: descriptor, dataOnly: dataOnly)
    onNextTick { completion(code) }
  }

  /// Waits for every file that is being made durable beside the loop, for the end of the program.
  ///
  /// Whoever began it is called back before this returns.
  public func finishSyncs() { diskSync?.finish() }

  private func runDeferred() {
    let actions = deferred
    deferred = []
    for action in actions { action() }
  }

  private func tick(_ flags: Int32) throws(SystemError) {
    // UNREACHABLE: the program calls run() and runOnce(), and no call from the loop does.
    precondition(!isTurning, "the loop runs already")
    isTurning = true
    defer { isTurning = false }
    // SAFETY: the base lives as long as self.
    guard unsafe event_base_loop(base, flags) >= 0 else {
      throw SystemError(call: "epoll_wait", purpose: "the event loop", code: errno)
    }
  }

  /// Prepares a duration that thousands of timers share.
  ///
  /// Scheduling with it takes constant time. A loop can have at most 256 of them; asked again for
  /// the same duration it gives the same one. Throws when they are used up.
  public func commonTimeout(milliseconds: UInt64) throws(SystemError) -> CommonTimeout {
    // SAFETY: libevent copies the duration; what it returns lives as long as the base.
    let made = unsafe withUnsafePointer(to: timeval(milliseconds: milliseconds)) { duration in
      unsafe event_base_init_common_timeout(base, duration)
    }
    guard let made = unsafe made else {
      throw SystemError(
        call: "event_base_init_common_timeout", purpose: "a timeout of \(milliseconds) ms",
        code: ENOSPC)
    }
    return unsafe CommonTimeout(base: base, value: made.pointee)
  }
}

/// A duration prepared by `EventLoop.commonTimeout(milliseconds:)`, good for that loop only.
@safe
public struct CommonTimeout {
  let base: OpaquePointer
  /// The duration with libevent's mark in it.
  let value: timeval
}

extension timeval {
  /// The longest duration that a timer takes, 10 years, well clear of any overflow in libevent.
  static let longestMilliseconds: UInt64 = 10 * 365 * 86_400 * 1_000

  init(milliseconds: UInt64) {
    let bounded = min(milliseconds, Self.longestMilliseconds)
    self.init(tv_sec: Int(bounded / 1_000), tv_usec: Int(bounded % 1_000) * 1_000)
  }
}
