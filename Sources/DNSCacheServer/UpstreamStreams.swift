import DNSResolver
import EventLoop
import Memory

/// TCP connections to upstreams, one for each question that needs one.
///
/// A question beyond the limit waits for a connection that is done with, as long as the resolver waits
/// for its reply: that we are busy is no fault of the upstream's.
final class UpstreamStreams {
  /// Connections at most.
  static let limit = 256
  /// Questions at most that wait for a connection; those beyond wait for their time to be over.
  private static let queueLimit = 1_024

  private let loop: EventLoop
  private let core: Pinned<Core>
  private let upstreams: [SocketAddress]
  private var connections: [QuestionHandle: UpstreamStream] = [:]
  private var waiting: [QuestionHandle: WaitingQuery] = [:]
  /// Who waits, first come first; some may wait no more.
  private var queue: [QuestionHandle] = []
  /// Questions that could not have a connection at once because of ``limit``.
  private(set) var limited: UInt64 = 0

  private struct WaitingQuery {
    let outgoing: OutgoingQuery
    let octets: [UInt8]
  }

  init(on loop: EventLoop, upstreams: [SocketAddress], core: Pinned<Core>) {
    self.loop = loop
    self.upstreams = upstreams
    self.core = core
  }

  /// Connections open now.
  var count: Int { connections.count }

  /// Connects and sends a query, at once or when a connection is free; false when that can't be begun.
  func open(_ outgoing: OutgoingQuery, query: Span<UInt8>) -> Bool {
    guard connections.count >= UpstreamStreams.limit else { return connect(outgoing, query) }
    limited += 1
    if queue.count < UpstreamStreams.queueLimit {
      let octets = query.indices.map { query[$0] }
      waiting[outgoing.question] = WaitingQuery(outgoing: outgoing, octets: octets)
      queue.append(outgoing.question)
    }
    return true
  }

  /// Closes a question's connection, if it has one, and lets others have it.
  func close(_ question: QuestionHandle) {
    waiting[question] = nil
    connections.removeValue(forKey: question)?.stream.close(flushing: false)
    while connections.count < UpstreamStreams.limit, !queue.isEmpty {
      guard let next = waiting.removeValue(forKey: queue.removeFirst()) else { continue }
      // When that can't be begun, its time runs out.
      _ = connect(next.outgoing, next.octets.span)
    }
  }

  private func connect(_ outgoing: OutgoingQuery, _ query: Span<UInt8>) -> Bool {
    guard
      let stream = try? Stream(on: loop, connectingTo: upstreams[outgoing.upstream])
    else { return false }
    MessageFraming.write(query, to: stream)
    connections[outgoing.question] = UpstreamStream(stream, outgoing.question, core)
    return true
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
