import DNSWire
import EventLoop
import System

/// A small HTTP/1.1 server for the control socket, the page and metrics.
///
/// Clients are not trusted with memory: header, body, time and the number of connections are limited.
package final class HTTPServer {
  /// What one client may take.
  package struct Limits: Sendable {
    /// Bytes of the request line and header.
    package var headerSize = 8 * 1024
    /// Bytes of the body.
    package var bodySize = 64 * 1024
    /// Milliseconds in which a request must have come as a whole, counted from the connection's
    /// beginning or the last answer, and in which some of an answer must have been taken.
    package var timeout: UInt64 = 10_000
    /// Connections at a time; another one takes the place of the one that has waited for longest.
    package var connections = 64
    /// Connections that wait to be accepted.
    package var backlog: Int32 = 64

    /// The defaults above.
    package init() {}
  }

  /// What has happened so far.
  package struct Counters: Sendable {
    /// Connections accepted.
    package var accepted: UInt64 = 0
    /// Requests that came as a whole.
    package var requests: UInt64 = 0
    /// Connections closed since a request took too long to come, or its answer to be taken.
    package var timedOut: UInt64 = 0
    /// Connections closed to make room for others.
    package var displaced: UInt64 = 0
    /// Requests that were malformed or too large (``HTTPRefusal``).
    package var refused: UInt64 = 0
  }

  /// Connections accepted in a tick of the loop; the others wait for the next, behind everything that is ready.
  static let acceptsPerTick = 16
  /// Bytes of a connection that are read at a time, and kept while an answer is awaited.
  static let readAhead = 4 * 1_024
  /// Milliseconds for which what is left of a refused request is read and dropped, unless the client closes.
  static let drainTime: UInt64 = 1_000
  /// Milliseconds between two looks at how long requests have taken.
  private static let interval: UInt64 = 100

  package let limits: Limits
  package private(set) var counters = Counters()
  private let loop: EventLoop
  private let handler: (HTTPRequest, HTTPResponder) -> Void
  private var listeners: [StreamListener] = []
  private var connections: [HTTPConnection] = []
  private var timer: Timer?

  /// Makes a server that doesn't listen yet.
  ///
  /// `handler` gets each request, on the loop's thread, and answers at once or later.
  package init(
    on loop: EventLoop, limits: Limits = Limits(),
    handler: @escaping (HTTPRequest, HTTPResponder) -> Void
  ) {
    self.loop = loop
    self.limits = limits
    self.handler = handler
    timer = Timer(on: loop) { [unowned self] in closeOverdue() }
  }

  deinit {
    close()
  }

  /// Connections that are open.
  package var connectionCount: Int { connections.count }

  private var listenerOptions: StreamListener.Options {
    var options = StreamListener.Options()
    options.backlog = limits.backlog
    options.inputLimit = HTTPServer.readAhead
    options.acceptsPerTick = HTTPServer.acceptsPerTick
    return options
  }

  /// Listens on a Unix socket; the file goes away with the server.
  ///
  /// A file that a program left behind is replaced. Throws EADDRINUSE when somebody listens there.
  package func listen(unixPath path: String, mode: UInt32 = 0o660) throws(SystemError) {
    listeners.append(
      try StreamListener(
        on: loop, unixPath: path, mode: mode, options: listenerOptions,
        accept: { [unowned self] in add($0) }))
  }

  /// Listens for TCP on an address and returns it, with the port that the kernel picked for 0.
  ///
  /// - Parameter mayBeMissing: whether the address may be one that this host gets later.
  @discardableResult
  package func listen(
    on address: Endpoint, mayBeMissing: Bool = false
  ) throws(SystemError) -> Endpoint {
    var options = listenerOptions
    options.mayBeMissing = mayBeMissing
    let listener = try StreamListener(
      on: loop, boundTo: address, options: options, accept: { [unowned self] in add($0) })
    listeners.append(listener)
    return listener.localAddress ?? address
  }

  /// Stops to listen and unlinks the files; connections that are open go on.
  package func stopListening() { listeners = [] }

  /// Stops to listen, unlinks the files and closes all connections.
  ///
  /// Responders that are still open hear that their client is gone.
  package func close() {
    stopListening()
    for connection in connections { connection.close() }
    connections = []
  }

  // MARK: Connections

  /// Takes a connection that was just accepted.
  ///
  /// When there is no place for it, the connection gives way that has waited for a request, or to be closed, for
  /// longest, or else the one whose answer moves least: a client that only holds connections keeps nobody out.
  private func add(_ stream: Stream) {
    counters.accepted += 1
    if connections.count >= limits.connections {
      let longest = connections.min {
        $0.isAnswering == $1.isAnswering ? $0.since < $1.since : $1.isAnswering
      }
      counters.displaced += 1
      longest?.close()
    }
    connections.append(HTTPConnection(stream, of: self))
    if timer?.isScheduled == false { timer?.schedule(after: HTTPServer.interval) }
  }

  func forget(_ connection: HTTPConnection) { connections.removeAll { $0 === connection } }

  private func closeOverdue() {
    let now = EventLoop.now()
    for connection in connections where connection.isOverdue(now: now, after: limits.timeout) {
      if !connection.isDraining { counters.timedOut += 1 }
      connection.close()
    }
    if !connections.isEmpty { timer?.schedule(after: HTTPServer.interval) }
  }

  func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
    counters.requests += 1
    let handler = handler
    handler(request, responder)
  }

  func countRefusal() { counters.refused += 1 }
}
