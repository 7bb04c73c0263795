import CEvent
import Glibc

/// The connections of an HTTP server: how many there are, and how long a request may take to come.
///
/// libevent 2.1 limits neither, nor does it tell when a connection is closed. Its read timeout begins
/// anew with each octet, and stops once as much as ``HTTPServer/Limits`` allow waits to be read; so
/// whoever trickles, or sends the size of a chunk without an end, would stay. So this makes the buffers
/// of each connection and keeps a reference: when libevent has let go of one, its callbacks are gone.
@safe
final class HTTPConnections {
  /// Milliseconds between two looks while there are connections, and while there are none.
  static let busyInterval: UInt64 = 100
  static let idleInterval: UInt64 = 1_000
  /// Connections accepted in a turn of the loop; the others wait for the next, behind all that is ready.
  static let acceptsPerTurn = 16

  let limits: HTTPServer.Limits
  private(set) var counters = HTTPServer.Counters()
  private let loop: EventLoop
  private var entries: [Entry] = []
  private var listeners: [OpaquePointer] = unsafe []
  private var timer: Timer?
  private var acceptedInTurn = 0

  /// A connection as far as libevent doesn't tell.
  @safe
  private struct Entry {
    let buffers: OpaquePointer
    /// When the connection was accepted, or its last answer had been sent.
    var since: UInt64
    /// Whether a whole request has come and its answer has not been sent.
    var isAnswering = false
    var isClosed = false
  }

  init(on loop: EventLoop, limits: HTTPServer.Limits) {
    self.loop = loop
    self.limits = limits
    timer = Timer(on: loop) { [unowned self] in update() }
  }

  deinit {
    dropAll()
  }

  var count: Int {
    sweep()
    return entries.count
  }

  /// Makes the buffers of a connection that was just accepted.
  ///
  /// When there is no place for it, the connection gives way that waits for a request for longest,
  /// or else the one that was accepted first: whoever only holds connections keeps nobody out.
  @unsafe
  func add() -> OpaquePointer? {
    if entries.count >= limits.connections { makeRoom() }
    let options = Int32(BEV_OPT_CLOSE_ON_FREE.rawValue)
    // SAFETY: libevent owns what is returned; the reference that is added is ours.
    guard let new = unsafe bufferevent_socket_new(loop.base, -1, options) else { return nil }
    // libevent reads on while a response is written, without looking at what comes in.
    unsafe bufferevent_setwatermark(new, Int16(EV_READ), 0, limits.input)
    unsafe bufferevent_incref(new)
    unsafe entries.append(Entry(buffers: new, since: EventLoop.now()))
    counters.accepted += 1
    countAccept()
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
  func removeListeners() { unsafe listeners = [] }

  /// Looks after the connections no more; libevent is about to let go of them.
  func stopTimer() { timer = nil }

  /// Drops what is left, after libevent has let go of everything.
  func dropAll() {
    entries.forEach { drop($0) }
    entries = []
  }

  /// A whole request has come over a connection.
  @unsafe
  func requestCame(over buffers: OpaquePointer?) {
    counters.requests += 1
    unsafe change(buffers) { $0.isAnswering = true }
  }

  /// The answer has been sent.
  @unsafe
  func answerWasSent(over buffers: OpaquePointer?) {
    unsafe change(buffers) {
      $0.isAnswering = false
      $0.since = EventLoop.now()
    }
  }

  @unsafe
  private func change(_ buffers: OpaquePointer?, _ body: (inout Entry) -> Void) {
    guard let index = entries.firstIndex(where: { unsafe $0.buffers == buffers })
    else { return }
    body(&entries[index])
  }

  private func update() {
    sweep()
    let now = EventLoop.now()
    for index in entries.indices
    where !entries[index].isAnswering && now - entries[index].since > limits.timeout {
      counters.timedOut += 1
      close(index)
    }
    sweep()
    listen()
    timer?.schedule(after: entries.isEmpty ? Self.idleInterval : Self.busyInterval)
  }

  private func listen() {
    acceptedInTurn = 0
    // SAFETY: the listeners are freed only after removeListeners().
    unsafe listeners.forEach { _ = unsafe evconnlistener_enable($0) }
  }

  /// libevent accepts until nobody waits any more, which under a flood is never.
  private func countAccept() {
    if acceptedInTurn == 0 { loop.onNextTurn { [weak self] in self?.listen() } }
    acceptedInTurn += 1
    if acceptedInTurn >= Self.acceptsPerTurn {
      // SAFETY: as in listen().
      unsafe listeners.forEach { _ = unsafe evconnlistener_disable($0) }
    }
  }

  private func makeRoom() {
    sweep()
    guard entries.count >= limits.connections else { return }
    let oldest = entries.indices.min { left, right in
      let (left, right) = (entries[left], entries[right])
      return left.isAnswering == right.isAnswering
        ? left.since < right.since : right.isAnswering
    }
    guard let oldest else { return }
    counters.displaced += 1
    close(oldest)
    sweep()
  }

  /// Makes libevent close a connection, as if its time were over.
  ///
  /// Whoever answers a request on it hears that the client is gone.
  private func close(_ index: Int) {
    guard !entries[index].isClosed else { return }
    entries[index].isClosed = true
    // SAFETY: our reference keeps the memory. A connection that libevent has let go of has no
    // callbacks, and then this does nothing.
    unsafe bufferevent_trigger_event(
      entries[index].buffers, Int16(BEV_EVENT_READING | BEV_EVENT_TIMEOUT), 0)
  }

  private func sweep() {
    entries.removeAll { one in
      var context: UnsafeMutableRawPointer?
      // SAFETY: our reference keeps the memory; libevent's connection is the callbacks' context
      // for as long as there is one.
      unsafe bufferevent_getcb(one.buffers, nil, nil, nil, &context)
      guard unsafe context == nil else { return false }
      drop(one)
      return true
    }
  }

  private func drop(_ one: Entry) {
    // SAFETY: the last reference: libevent closes the descriptor and frees the memory.
    _ = unsafe bufferevent_disable(one.buffers, Int16(EV_READ | EV_WRITE))
    unsafe bufferevent_decref(one.buffers)
  }
}
