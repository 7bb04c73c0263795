import DNSExchange
import DNSResolver
import DNSWire
import EventLoop
import Memory
import System

/// A question for an upstream over TCP, with its packet for as long as it may have to be sent again.
struct StreamQuery {
  let outgoing: OutgoingQuery
  let octets: [UInt8]
  /// The number of the first connection that it may be sent on; more than 0 when one before it ended or
  /// fell silent.
  var firstConnection: UInt64 = 0

  /// Whether it is not to be sent on yet another connection.
  var isRepeated: Bool { firstConnection > 0 }
}

/// One TCP connection to an upstream, with many questions under way (RFC 7766 §6.2.1.1).
///
/// Replies come in any order (§7); each is told by an ID that no other message of the connection has.
final class UpstreamConnection: StreamDelegate {
  /// Questions under way at most.
  static let depth = 64
  /// Octets that may wait for the upstream to read them; beyond, it gets no more questions.
  static let unsentLimit = 16 << 10
  /// Messages that answer nothing after which the connection is closed.
  static let unexpectedLimit = 16
  /// Milliseconds without a reply after which questions under way are asked on another connection.
  ///
  /// Half of what the resolver allows for TCP: the other half is for the second attempt.
  private static let silence: UInt64 = 1_000

  /// Counts connections up, over all upstreams.
  let number: UInt64
  /// The upstream's number.
  let upstream: Int
  /// Questions sent so far.
  private(set) var asked = 0
  /// Questions answered so far.
  private(set) var answered = 0
  /// When the last reply came.
  private(set) var lastReply: UInt64 = 0
  /// Whether it came to be.
  private(set) var isConnected = false
  /// Whether the upstream sends no more; what it sent before is still served.
  private var hasEnded = false

  private let stream: Stream
  private unowned let owner: UpstreamStreams
  private lazy var reader = TickBudget.Reader { [weak self] in
    self?.serve() ?? TickBudget.Visit()
  }
  /// Goes off when it has been idle, or silent, for too long.
  private var timer: Timer?
  private var underWay: [UInt16: Sent] = [:]
  private var ids: [Purpose: UInt16] = [:]
  private var nextID: UInt16
  private var unexpected = 0
  /// Nothing came for so long that it gets no more questions.
  private(set) var isSilent = false

  private struct Sent {
    var query: StreamQuery
    var time: UInt64
    /// Whether the resolver still waits for it.
    var isWanted = true
    var hasReply = false
  }

  /// Starts to connect; throws when there is no way to the upstream.
  init(
    to address: Endpoint, upstream: Int, number: UInt64, owner: UpstreamStreams
  ) throws(SystemError) {
    self.number = number
    self.upstream = upstream
    self.owner = owner
    // Nobody else can write to this connection, so IDs need not be random to be safe. Counted, they
    // are unique without looking. A random first one tells nobody how much is asked.
    nextID = UInt16.random(in: 0...UInt16.max)
    stream = try Stream(on: owner.loop, connectingTo: address)
    timer = Timer(on: owner.loop) { [unowned self] in timeOut() }
    stream.delegate = self
  }

  /// Questions under way, those included that nobody waits for any more.
  var load: Int { underWay.count }

  /// Whether it can take a question, as one of so many in all.
  func canTake(_ query: StreamQuery, limit: Int) -> Bool {
    stream.isOpen && !hasEnded && !isSilent && number >= query.firstConnection && asked < limit
      && underWay.count < UpstreamConnection.depth
      && stream.pendingOutput < UpstreamConnection.unsentLimit
  }

  /// Sends a question.
  func send(_ query: StreamQuery) {
    var octets = query.octets
    octets[0] = UInt8(nextID >> 8)
    octets[1] = UInt8(truncatingIfNeeded: nextID)
    if ids.isEmpty { timer?.schedule(after: UpstreamConnection.silence) }
    underWay[nextID] = Sent(query: query, time: EventLoop.now())
    ids[query.outgoing.purpose] = nextID
    nextID &+= 1
    asked += 1
    MessageFraming.write(octets.span, to: stream)
  }

  /// Forgets a question that has ended or is given up.
  ///
  /// - Returns: whether that shows the connection to be dead.
  func forget(_ question: Purpose) -> Bool {
    guard let id = ids.removeValue(forKey: question), let sent = underWay[id] else { return false }
    if sent.hasReply {
      underWay[id] = nil
    } else {
      // Its ID stays taken: the reply may still come.
      underWay[id]?.isWanted = false
    }
    if ids.isEmpty { timer?.schedule(after: UpstreamStreams.idleTimeout) }
    // What was asked elsewhere, too, ends there; here the oldest may still be what the upstream works on.
    guard !sent.hasReply, !sent.query.isRepeated, lastReply < sent.time,
      silentSince(sent) + UpstreamConnection.silence <= EventLoop.now()
    else { return false }
    fallSilent()
    return true
  }

  /// Takes no more questions.
  private func fallSilent() {
    if !isSilent { owner.noteSilence() }
    isSilent = true
  }

  /// Questions that should be asked on another connection, too, when there has been no reply for too
  /// long; each once.
  ///
  /// The oldest is not among them: it may be what the upstream works on, the others waiting behind it.
  func takeSilenced(now: UInt64) -> [StreamQuery] {
    let open = open
    guard let first = open.first else { return [] }
    let due = silentSince(first) + UpstreamConnection.silence
    guard due <= now else {
      timer?.schedule(after: due - now)
      return []
    }
    timer?.schedule(after: UpstreamConnection.silence)
    let others = open.dropFirst().map(\.query).filter { !$0.isRepeated }
    if !others.isEmpty { fallSilent() }
    for query in others {
      guard let id = ids[query.outgoing.purpose] else { continue }
      underWay[id]?.query.firstConnection = number
    }
    return others
  }

  private func silentSince(_ sent: Sent) -> UInt64 { max(sent.time, lastReply) }

  /// Questions that wait for a reply, oldest first.
  private var open: [Sent] {
    underWay.values.filter { $0.isWanted && !$0.hasReply }.sorted { $0.time < $1.time }
  }

  /// Whether it has served and nobody waits for anything on it.
  func isDone(limit: Int) -> Bool { asked >= limit && ids.isEmpty }

  /// Closes the connection.
  ///
  /// - Returns: the questions that had no reply.
  func end() -> [StreamQuery] {
    timer?.cancel()
    reader.cancel()
    stream.close()
    let open = open
    underWay.removeAll()
    ids.removeAll()
    return open.map(\.query)
  }

  private func timeOut() {
    if reader.isWaiting {
      // What has come may be what is waited for.
      timer?.schedule(after: UpstreamConnection.silence)
      return
    }
    if ids.isEmpty { owner.end(self) } else { owner.checkSilence(of: self) }
  }

  // MARK: What the stream tells

  func streamConnected(_ stream: Stream) { isConnected = true }

  func streamReadable(_ stream: Stream) { owner.budget.request(reader) }

  /// Takes in some of the messages that have arrived.
  private func serve() -> TickBudget.Visit {
    let now = EventLoop.now()
    var visit = TickBudget.Visit()
    while visit.messages < TickBudget.messagesPerVisit, stream.isOpen,
      unexpected < UpstreamConnection.unexpectedLimit,
      MessageFraming.next(
        stream,
        {
          visit.bytes += $0.count
          take($0, now: now)
        })
    {
      visit.messages += 1
      owner.budget.spend()
    }
    if unexpected >= UpstreamConnection.unexpectedLimit { owner.end(self) }
    // This may close this very connection, so it comes after the input is put back.
    owner.drainActions(now: now, upstream)
    visit.hasMore = stream.isOpen && MessageFraming.hasNext(stream)
    if hasEnded, !visit.hasMore { owner.end(self) }
    return visit
  }

  private func take(_ message: Span<UInt8>, now: UInt64) {
    guard message.count >= 2, let sent = underWay[message.load16(0)] else {
      unexpected += 1
      owner.noteUnexpected()
      return
    }
    if !sent.hasReply {
      answered += 1
      lastReply = now
    }
    guard sent.isWanted else {
      underWay[message.load16(0)] = nil
      return
    }
    underWay[message.load16(0)]?.hasReply = true
    owner.receive(message, for: sent.query.outgoing, now: now)
  }

  func streamClosed(_ stream: Stream, reason: StreamEnd) {
    hasEnded = true
    if reason != .endOfFile || !reader.isWaiting { owner.end(self) }
  }
}
