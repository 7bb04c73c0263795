import CEvent
import Glibc

/// Answers one HTTP request: in one piece with `send`, or in parts with `begin`, `write` and `end`.
///
/// The answer can come later. One that is let go without an answer gives 500; once begun, a
/// response keeps its responder until it ends or the client goes away. Calls after that do nothing.
@safe
public final class HTTPResponder {
  /// Called once when the client goes away before the response has ended.
  ///
  /// Set it back to nil to break a cycle, if it captures this responder; it is let go when the
  /// response ends.
  public var onClientGone: (() -> Void)?

  /// libevent's; nil once there is nothing to do any more.
  private var request: UnsafeMutablePointer<evhttp_request>?
  private let connections: HTTPConnections
  private var hasBegun = false
  /// Whether the request was HEAD, whose answer has no body (RFC 9110 §9.3.2).
  private let isHead: Bool
  /// To be called when all that was written has been taken by the kernel.
  private var flushed: [() -> Void] = []
  /// Self, while libevent may call back about a response that has begun.
  private var begun: HTTPResponder?

  @unsafe
  init(_ request: UnsafeMutablePointer<evhttp_request>, _ connections: HTTPConnections) {
    unsafe self.request = request
    self.connections = connections
    isHead = unsafe evhttp_request_get_command(request) == EVHTTP_REQ_HEAD
    // SAFETY: a request that was just handed over has a connection, and that has buffers.
    unsafe connections.requestCame(
      over: evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)))
    // SAFETY: the callback gets self unretained; release() removes it before self is gone.
    unsafe evhttp_connection_set_closecb(
      evhttp_request_get_connection(request),
      { _, context in
        guard let context = unsafe context else { return }
        let responder = unsafe Unmanaged<HTTPResponder>.fromOpaque(context).takeUnretainedValue()
        withExtendedLifetime(responder) { responder.clientWentAway() }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    send(status: 500, contentType: "text/plain", body: "no answer\n")
  }

  /// Whether the client still waits for something.
  public var isOpen: Bool { unsafe request != nil }

  /// Adds a header field to a response that hasn't begun; a value with a line break is left out.
  public func addHeader(_ name: String, _ value: String) {
    guard !hasBegun, let request = unsafe request else { return }
    // SAFETY: libevent copies both strings.
    _ = unsafe evhttp_add_header(evhttp_request_get_output_headers(request), name, value)
  }

  /// Answers with a body in one piece; without memory for it, with 503 and none, or the connection ends.
  public func send(status: Int, contentType: String, body: [UInt8]) {
    guard !hasBegun, let request = unsafe request else { return }
    addHeader("Content-Type", contentType)
    let buffer = unsafe evbuffer_new()
    var isWhole = true
    if isHead {
      // It would send the body that it is given, and no length without.
      addHeader("Content-Length", "\(body.count)")
    } else if let buffer = unsafe buffer {
      // SAFETY: libevent copies the octets, and moves them out of the buffer before it is freed.
      unsafe isWhole = evbuffer_add(buffer, body, body.count) == 0
    } else {
      // Nor will there be any for a header.
      isWhole = false
      unsafe hangUp(request)
    }
    unsafe prepare(request)
    _ = unsafe release()
    unsafe evhttp_send_reply(request, Int32(isWhole ? status : 503), nil, buffer)
    if let buffer = unsafe buffer { unsafe evbuffer_free(buffer) }
  }

  /// Answers with a text in one piece.
  public func send(status: Int, contentType: String, body: String) {
    send(status: status, contentType: contentType, body: Array(body.utf8))
  }

  /// Answers without a body: that it is well, or which methods there are (RFC 9110 §15.3.5).
  public func sendNothing() {
    guard !hasBegun, let request = unsafe request else { return }
    unsafe prepare(request)
    _ = unsafe release()
    unsafe evhttp_send_reply(request, 204, nil, nil)
  }

  /// Starts a response whose length isn't known; `write` and `end` follow.
  ///
  /// The answer to HEAD ends with this: ``isOpen`` is false then.
  public func begin(status: Int, contentType: String) {
    guard !hasBegun, let request = unsafe request else { return }
    addHeader("Content-Type", contentType)
    if isHead {
      hasBegun = true
      unsafe prepare(request)
      _ = unsafe release()
      unsafe evhttp_send_reply(request, Int32(status), nil, nil)
      return
    }
    hasBegun = true
    begun = self
    // SAFETY: the request is alive until release() or clientWentAway().
    unsafe prepare(request)
    unsafe evhttp_send_reply_start(request, Int32(status), nil)
  }

  /// Sends a part of a response that has begun.
  ///
  /// `then` is called from the loop when the kernel has taken all that was written so far: write
  /// the next part there, so that a slow client doesn't make the server keep it all. It isn't
  /// called when the client goes away; `onClientGone` is. Without memory for the part, the connection ends.
  public func write(_ part: [UInt8], then: @escaping () -> Void) {
    // UNREACHABLE: the control and the log begin a response before they write.
    precondition(hasBegun, "begin(status:contentType:) comes first")
    guard let request = unsafe request else { return }
    // libevent takes no empty part, and an empty chunk would end the response.
    guard !part.isEmpty else { return then() }
    let buffer = unsafe evbuffer_new()
    guard let buffer = unsafe buffer, unsafe evbuffer_add(buffer, part, part.count) == 0 else {
      if let buffer = unsafe buffer { unsafe evbuffer_free(buffer) }
      return unsafe hangUp(request)
    }
    flushed.append(then)
    // SAFETY: libevent copies the octets. The callback gets self unretained, and `begun` keeps self
    // for as long as it can be called.
    unsafe evhttp_send_reply_chunk_with_cb(
      request, buffer,
      { _, context in
        guard let context = unsafe context else { return }
        let responder = unsafe Unmanaged<HTTPResponder>.fromOpaque(context).takeUnretainedValue()
        withExtendedLifetime(responder) { responder.wasFlushed() }
      }, Unmanaged.passUnretained(self).toOpaque())
    unsafe evbuffer_free(buffer)
  }

  /// Has libevent find the connection broken: a response that lacks a part must not look whole.
  @unsafe
  private func hangUp(_ request: UnsafeMutablePointer<evhttp_request>) {
    // SAFETY: as in prepare(_:).
    let buffers = unsafe evhttp_connection_get_bufferevent(evhttp_request_get_connection(request))
    _ = unsafe shutdown(bufferevent_getfd(buffers), Int32(SHUT_RDWR))
  }

  /// Ends a response that has begun; what was written is still sent.
  public func end() {
    // UNREACHABLE: the control and the log begin a response before they write.
    precondition(hasBegun || !isOpen, "begin(status:contentType:) comes first")
    guard let request = unsafe release() else { return }
    // SAFETY: libevent owns the request from here on.
    unsafe evhttp_send_reply_end(request)
  }

  /// Gives a slow reader time: as long as it takes something every now and then.
  ///
  /// libevent's read timeout also runs while we write, and would cut each response that takes
  /// longer. It is set again when the response is complete, for the next request.
  @unsafe
  private func prepare(_ request: UnsafeMutablePointer<evhttp_request>) {
    // SAFETY: a request that waits for its answer has a connection, else clientWentAway() was
    // called. libevent copies the durations. The callback's context outlives libevent's server.
    let buffers = unsafe evhttp_connection_get_bufferevent(evhttp_request_get_connection(request))
    unsafe withUnsafePointer(to: timeval(milliseconds: connections.limits.timeout)) {
      _ = unsafe bufferevent_set_timeouts(buffers, nil, $0)
    }
    unsafe evhttp_request_set_on_complete_cb(
      request,
      { request, context in
        guard let context = unsafe context else { return }
        let connection = unsafe evhttp_request_get_connection(request)
        unsafe Unmanaged<HTTPConnections>.fromOpaque(context)._withUnsafeGuaranteedRef {
          unsafe $0.answerWasSent(over: evhttp_connection_get_bufferevent(connection))
          unsafe withUnsafePointer(to: timeval(milliseconds: $0.limits.timeout)) {
            unsafe evhttp_connection_set_timeout_tv(connection, $0)
          }
        }
      }, Unmanaged.passUnretained(connections).toOpaque())
  }

  /// Lets go of the request: no callback comes after this.
  @unsafe
  private func release() -> UnsafeMutablePointer<evhttp_request>? {
    guard let request = unsafe request else { return nil }
    // SAFETY: as in prepare(_:).
    unsafe evhttp_connection_set_closecb(evhttp_request_get_connection(request), nil, nil)
    forget()
    return unsafe request
  }

  private func forget() {
    unsafe request = nil
    flushed = []
    onClientGone = nil
    begun = nil
  }

  private func wasFlushed() {
    let calls = flushed
    flushed = []
    for call in calls { call() }
  }

  private func clientWentAway() {
    guard let request = unsafe request else { return }
    let notice = onClientGone
    forget()
    // SAFETY: libevent has taken a request that is being answered off its connection and left it
    // to us; one that still has a connection goes with it.
    if unsafe evhttp_request_get_connection(request) == nil {
      unsafe evhttp_request_free(request)
    }
    notice?()
  }
}
