import CEvent
import Glibc
import System

/// A small HTTP/1.1 server for the control socket and for metrics.
///
/// Clients are not trusted with memory: header, body, time and the number of connections are
/// limited. A client that half-closes its connection after the request gets no answer.
///
/// libevent ends the program when it finds itself in a state that it takes for impossible. Read for
/// version 2.1.12, what clients send leads to none of them: reading is disabled from the moment a request
/// is handed over until its answer begins, and from then on nothing looks at what comes in. So nothing
/// here enables reading by itself, calls its read callback, or touches a connection of another request
/// than the one it was given.
@safe
public final class HTTPServer {
  /// What one client may take.
  public struct Limits: Sendable {
    /// Octets of the request line and header.
    public var headerSize = 8 * 1024
    /// Octets of the body.
    public var bodySize = 64 * 1024
    /// Milliseconds in which a request must have come as a whole, counted from the connection's
    /// beginning or the last answer, and in which some of an answer must have been taken.
    public var timeout: UInt64 = 10_000
    /// Connections at a time; another one takes the place of the one that has waited for longest.
    public var connections = 64
    /// Connections that wait to be accepted.
    public var backlog: Int32 = 64

    /// The defaults above.
    public init() {}

    /// Octets that are read ahead: room for a request as a whole, and a little more.
    var input: Int { headerSize + bodySize + 1024 }
  }

  /// What has happened so far.
  public struct Counters: Sendable {
    /// Connections accepted.
    public var accepted: UInt64 = 0
    /// Requests that came as a whole.
    public var requests: UInt64 = 0
    /// Connections closed since a request took too long to come.
    public var timedOut: UInt64 = 0
    /// Connections closed to make room for others.
    public var displaced: UInt64 = 0

    /// Nothing yet.
    public init() {}
  }

  private let loop: EventLoop
  private let connections: HTTPConnections
  /// Nil once closed.
  private var server: OpaquePointer?
  private var handler: ((HTTPRequest, HTTPResponder) -> Void)?
  private var sockets: [OpaquePointer] = unsafe []
  private var files: [UnixSocketFile] = []

  /// Makes a server that doesn't listen yet.
  ///
  /// `handler` gets each request, on the loop's thread, and answers at once or later.
  public init(
    on loop: EventLoop, limits: Limits = Limits(),
    handler: @escaping (HTTPRequest, HTTPResponder) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.handler = handler
    connections = HTTPConnections(on: loop, limits: limits)
    guard let server = unsafe evhttp_new(loop.base) else {
      throw SystemError(call: "evhttp_new", purpose: "HTTP", code: ENOMEM)
    }
    unsafe self.server = server
    unsafe evhttp_set_max_headers_size(server, limits.headerSize)
    unsafe evhttp_set_max_body_size(server, limits.bodySize)
    // SAFETY: libevent copies the duration.
    unsafe withUnsafePointer(to: timeval(milliseconds: limits.timeout)) {
      unsafe evhttp_set_timeout_tv(server, $0)
    }
    let methods =
      EVHTTP_REQ_GET.rawValue | EVHTTP_REQ_HEAD.rawValue | EVHTTP_REQ_POST.rawValue
      | EVHTTP_REQ_PUT.rawValue | EVHTTP_REQ_DELETE.rawValue | EVHTTP_REQ_OPTIONS.rawValue
    unsafe evhttp_set_allowed_methods(server, UInt16(methods))
    // SAFETY: both callbacks get their context unretained. close() removes the one with self; the
    // connections live until libevent's server is freed.
    unsafe evhttp_set_bevcb(
      server,
      { _, context in
        guard let context = unsafe context else { return nil }
        return unsafe Unmanaged<HTTPConnections>.fromOpaque(context)._withUnsafeGuaranteedRef {
          unsafe $0.add()
        }
      }, Unmanaged.passUnretained(connections).toOpaque())
    unsafe evhttp_set_gencb(
      server,
      { request, context in
        guard let request = unsafe request, let context = unsafe context else { return }
        let server = unsafe Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue()
        withExtendedLifetime(server) { unsafe server.handle(request) }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    close()
  }

  /// Connections that are open.
  public var connectionCount: Int { connections.count }

  /// What has happened so far.
  public var counters: Counters { connections.counters }

  /// What one client may take.
  public var limits: Limits { connections.limits }

  /// Listens on a Unix socket; the file goes away with the server.
  ///
  /// A file that a program left behind is replaced. Throws EADDRINUSE when somebody listens there.
  public func listen(unixPath path: String, mode: UInt32 = 0o660) throws(SystemError) {
    var file: UnixSocketFile?
    let descriptor = try Descriptor.listening(
      unixPath: path, mode: mode, backlog: limits.backlog, file: &file)
    try accept(descriptor, purpose: path)
    if let file { files.append(file) }
  }

  /// Listens for TCP on an address and returns it, with the port that the kernel picked for 0.
  ///
  /// - Parameter mayBeMissing: whether the address may be one that this host gets later.
  @discardableResult
  public func listen(
    on address: SocketAddress, mayBeMissing: Bool = false
  ) throws(SystemError) -> SocketAddress {
    let descriptor = try Descriptor.listening(
      on: address, backlog: limits.backlog, mayBeMissing: mayBeMissing)
    let local = SocketAddress(ofSocket: descriptor.number)
    try accept(descriptor, purpose: "TCP on \(address)")
    return local ?? address
  }

  /// Stops to listen and unlinks the files; connections that are open go on.
  public func stopListening() {
    guard let server = unsafe server else { return }
    connections.removeListeners()
    // SAFETY: the sockets are the server's.
    unsafe sockets.forEach { unsafe evhttp_del_accept_socket(server, $0) }
    unsafe sockets = []
    files = []
  }

  /// Stops to listen and unlinks the files; connections are closed, on the loop's next turn when
  /// this is called from it.
  ///
  /// Responders that are still open then hear that their client is gone.
  public func close() {
    stopListening()
    guard let server = unsafe server else { return }
    unsafe self.server = nil
    handler = nil
    connections.stopTimer()
    unsafe evhttp_set_gencb(server, nil, nil)
    let connections = connections
    // SAFETY: nobody else has the server any more, and it is freed once.
    let free = {
      unsafe evhttp_free(server)
      connections.dropAll()
    }
    // libevent may be in the middle of one of the server's connections.
    if loop.isTurning { loop.onNextTurn(free) } else { free() }
  }

  private func accept(
    _ descriptor: consuming Descriptor, purpose: String
  ) throws(SystemError) {
    guard let server = unsafe server else {
      throw SystemError(call: "listen", purpose: purpose, code: EBADF)
    }
    let number = descriptor.release()
    // SAFETY: libevent owns the descriptor once it has made its listener.
    guard let socket = unsafe evhttp_accept_socket_with_handle(server, number) else {
      _ = Descriptor(owning: number)
      throw SystemError(call: "evhttp_accept_socket", purpose: purpose, code: ENOMEM)
    }
    unsafe sockets.append(socket)
    if let listener = unsafe evhttp_bound_socket_get_listener(socket) {
      unsafe connections.add(listener: listener)
    }
  }

  @unsafe
  private func handle(_ request: UnsafeMutablePointer<evhttp_request>) {
    let responder = unsafe HTTPResponder(request, connections)
    guard let handler, let request = unsafe HTTPRequest(request) else {
      return responder.send(status: 400, contentType: "text/plain", body: "bad request\n")
    }
    handler(request, responder)
  }
}
