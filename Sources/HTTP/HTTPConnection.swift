import EventLoop

/// One client's connection: reads a request, waits for its answer, sends that, and reads the next.
///
/// While an answer is awaited nothing is read, so a client that goes away is noticed when it is written to.
final class HTTPConnection: StreamDelegate {
  private enum Phase {
    case reading
    /// A whole request has come, and its answer hasn't ended.
    case answering
    /// The answer has ended and is on its way.
    case sending
    /// A refusal has been sent, and what the client still sends is read and dropped, until it closes.
    ///
    /// A socket that is closed with something unread resets the connection: who is still sending a large body would
    /// hear of that, and not of the refusal.
    case draining
  }

  /// When it was accepted, when the last answer had been sent, or when some of one was taken last.
  private(set) var since = EventLoop.now()

  private let stream: Stream
  /// Nil once the server is gone.
  private weak var server: HTTPServer?
  private var parser: HTTPRequestParser
  private var phase = Phase.reading
  /// Whether it closes once all is sent.
  private var isLast = false
  /// Whether some of a request is left unread.
  private var isRefused = false
  /// Who answers the present request, and is told when the client goes away.
  private weak var responder: HTTPResponder?
  /// Bytes that were written, and those of them that the kernel had taken when it was looked at last.
  private var written = 0
  private var taken = 0

  init(_ stream: Stream, of server: HTTPServer) {
    self.stream = stream
    self.server = server
    parser = HTTPRequestParser(
      headLimit: server.limits.headerSize, bodyLimit: server.limits.bodySize)
    stream.delegate = self
  }

  /// Whether a whole request has come and its answer has not been sent.
  var isAnswering: Bool { phase == .answering || phase == .sending }

  /// Whether it has said all, and only waits for the client to close.
  var isDraining: Bool { phase == .draining }

  /// Whether a request, or the taking of an answer's next part, has taken longer than is allowed.
  func isOverdue(now: UInt64, after timeout: UInt64) -> Bool {
    if isDraining { return now > since + HTTPServer.drainTime }
    if isAnswering {
      let pending = stream.pendingOutput
      if pending == 0 || written - pending > taken { since = now }
      taken = written - pending
    }
    return now > since + timeout
  }

  /// Closes it; what answers a request on it is told that the client is gone.
  func close() {
    stream.close()
    server?.forget(self)
    responder?.clientWentAway()
  }

  // MARK: Reading

  func streamReadable(_ stream: Stream) {
    if isDraining { return stream.consume(stream.readableBytes) }
    // All that has come of a request is taken at once, so the limit of the input is never in the way.
    while phase == .reading, stream.readableBytes > 0 {
      guard let (count, event) = stream.withInput(stream.readableBytes, { parser.take($0) })
      else { return }
      stream.consume(count)
      switch event {
      case .more: break
      case .awaitsContinue: write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      case .request(let request): hand(over: request)
      case .refused(let refusal): refuse(refusal)
      }
    }
  }

  private func hand(over request: HTTPRequest) {
    var request = request
    request.peer = stream.peer
    request.local = stream.local
    phase = .answering
    stream.pauseReading()
    let responder = HTTPResponder(request, self)
    self.responder = responder
    server?.handle(request, responder)
  }

  private func refuse(_ refusal: HTTPRefusal) {
    server?.countRefusal()
    isRefused = true
    stream.pauseReading()
    let body = Array("\(refusal.sentence)\n".utf8)
    write(
      HTTPResponder.head(
        refusal.status,
        "Content-Type: text/plain\r\nContent-Length: \(body.count)\r\nConnection: close\r\n"),
      body)
    answerEnded(keepsConnection: false)
  }

  // MARK: Writing

  func write(_ bytes: [UInt8], _ rest: [UInt8] = []) {
    written += bytes.count + rest.count
    stream.write(bytes.span, rest.span)
  }

  func answerEnded(keepsConnection: Bool) {
    if !keepsConnection { isLast = true }
    phase = .sending
    if stream.pendingOutput == 0 { streamDrained(stream) }
  }

  func streamDrained(_ stream: Stream) {
    switch phase {
    case .reading, .draining: break
    case .answering: responder?.wasFlushed()
    case .sending where isRefused && !stream.hasEnded:
      since = EventLoop.now()
      phase = .draining
      stream.endWriting()
      stream.resumeReading()
    case .sending where isLast: close()
    case .sending:
      since = EventLoop.now()
      phase = .reading
      stream.resumeReading()
    }
  }

  func streamClosed(_ stream: Stream, reason: StreamEnd) {
    // A client that has no more to say may still read.
    guard reason == .endOfFile, isAnswering || stream.pendingOutput > 0 else { return close() }
    isLast = true
    if phase == .reading { phase = .sending }
  }
}
