import DNSResolver
import EventLoop
import Memory

/// TCP connections to upstreams, one for each question that needs one.
final class UpstreamStreams {
  /// Connections at most; a question beyond them fails over like any other.
  static let limit = 256

  private let loop: EventLoop
  private let core: Pinned<Core>
  private let upstreams: [SocketAddress]
  private var connections: [QuestionHandle: UpstreamStream] = [:]
  /// Questions that could not have a connection because of ``limit``.
  private(set) var limited: UInt64 = 0

  init(on loop: EventLoop, upstreams: [SocketAddress], core: Pinned<Core>) {
    self.loop = loop
    self.upstreams = upstreams
    self.core = core
  }

  /// Connections open now.
  var count: Int { connections.count }

  /// Connects and sends a query; false when that can't be begun.
  func open(_ outgoing: OutgoingQuery, query: Span<UInt8>) -> Bool {
    guard connections.count < UpstreamStreams.limit else {
      limited += 1
      return false
    }
    guard
      let stream = try? Stream(on: loop, connectingTo: upstreams[outgoing.upstream])
    else { return false }
    MessageFraming.write(query, to: stream)
    connections[outgoing.question] = UpstreamStream(stream, outgoing.question, core)
    return true
  }

  /// Closes a question's connection, if it has one.
  func close(_ question: QuestionHandle) {
    connections.removeValue(forKey: question)?.stream.close(flushing: false)
  }
}

/// One TCP connection to an upstream, for one question.
private final class UpstreamStream: StreamDelegate {
  let stream: Stream
  private let question: QuestionHandle
  private let core: Pinned<Core>

  init(_ stream: Stream, _ question: QuestionHandle, _ core: Pinned<Core>) {
    self.stream = stream
    self.question = question
    self.core = core
    stream.delegate = self
  }

  func streamReadable(_ stream: Stream) {
    let now = EventLoop.now()
    while stream.isOpen,
      MessageFraming.next(
        stream, { core.value.frontend.receiveUpstream($0, for: question, now: now) })
    {}
    // Settling may close this very connection, so it comes after the input is put back.
    core.value.settle(now: now)
  }

  func streamClosed(_ stream: Stream, reason: StreamEnd) {
    core.value.upstreamStreamFailed(question)
  }
}
