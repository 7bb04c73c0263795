import CEvent
import Glibc

/// Counts the connections of an HTTP server, and stops accepting while there are too many.
///
/// libevent 2.1 neither limits them nor tells when one is closed. So this makes the buffers of each
/// connection and keeps a reference: when libevent has let go of one, its callbacks are gone.
@safe
final class HTTPConnections {
  /// Milliseconds between two looks while there are connections, and while there are none.
  static let busyInterval: UInt64 = 100
  static let idleInterval: UInt64 = 1_000

  private let loop: EventLoop
  private let limit: Int
  private let inputLimit: Int
  private var buffers: [OpaquePointer] = unsafe []
  private var listeners: [OpaquePointer] = unsafe []
  private var timer: Timer?
  private(set) var accepted: UInt64 = 0

  init(on loop: EventLoop, limit: Int, inputLimit: Int) {
    self.loop = loop
    self.limit = limit
    self.inputLimit = inputLimit
    timer = Timer(on: loop) { [unowned self] in update() }
  }

  deinit {
    dropAll()
  }

  var count: Int {
    sweep()
    return unsafe buffers.count
  }

  /// Makes the buffers of a connection that was just accepted.
  @unsafe
  func add() -> OpaquePointer? {
    sweep()
    let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
    // SAFETY: libevent owns what is returned; the reference that is added is ours.
    guard let new = unsafe bufferevent_socket_new(loop.base, -1, options) else { return nil }
    // libevent reads on while a response is written, without looking at what comes in.
    unsafe bufferevent_setwatermark(new, Int16(EV_READ), 0, inputLimit)
    unsafe bufferevent_incref(new)
    unsafe buffers.append(new)
    accepted += 1
    if unsafe buffers.count >= limit {
      unsafe listeners.forEach { _ = unsafe evconnlistener_disable($0) }
    }
    timer?.schedule(after: Self.busyInterval)
    return unsafe new
  }

  /// Takes a listener into charge, which libevent frees.
  @unsafe
  func add(listener: OpaquePointer) {
    unsafe listeners.append(listener)
    // Out of descriptors: without this the loop would spin. There is no way to tell self from
    // here; the timer finds out.
    unsafe evconnlistener_set_error_cb(listener) { listener, _ in
      _ = unsafe evconnlistener_disable(listener)
    }
    timer?.schedule(after: Self.idleInterval)
  }

  /// Forgets the listeners, which are about to be freed.
  func removeListeners() {
    unsafe listeners = []
    timer = nil
  }

  /// Drops what is left, after libevent has let go of everything.
  func dropAll() {
    unsafe buffers.forEach { unsafe drop($0) }
    unsafe buffers = []
  }

  private func update() {
    sweep()
    if unsafe buffers.count < limit {
      // SAFETY: the listeners are freed only after removeListeners().
      unsafe listeners.forEach { _ = unsafe evconnlistener_enable($0) }
    }
    let isIdle = unsafe buffers.isEmpty
    timer?.schedule(after: isIdle ? Self.idleInterval : Self.busyInterval)
  }

  private func sweep() {
    unsafe buffers.removeAll { one in
      var context: UnsafeMutableRawPointer?
      // SAFETY: our reference keeps the memory; libevent's connection is the callbacks' context
      // for as long as there is one.
      unsafe bufferevent_getcb(one, nil, nil, nil, &context)
      guard unsafe context == nil else { return false }
      unsafe drop(one)
      return true
    }
  }

  @unsafe
  private func drop(_ one: OpaquePointer) {
    // SAFETY: the last reference: libevent closes the descriptor and frees the memory.
    _ = unsafe bufferevent_disable(one, Int16(EV_READ | EV_WRITE))
    unsafe bufferevent_decref(one)
  }
}
