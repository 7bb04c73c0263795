import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import Memory

// What comes from upstream.

extension Worker {
  /// Datagrams read from an upstream socket in one call while somebody sends what nobody asked for.
  private static let floodReads = 32

  /// Reads what waits on an upstream socket; it is taken in at the end of the tick.
  mutating func receive(
    from member: DatagramGroup.Member, socket: SocketID, in group: DatagramGroup
  ) {
    beginReplies()
    // One reply at a time: with hundreds of sockets there is seldom another on the same.
    for _ in 0..<(isFlooded ? Worker.floodReads : 1) {
      guard inbox.value.read(from: member, socket: socket, in: group) else { break }
      if inbox.value.isFull { takeReplies() }
    }
    requestTickEnd()
  }

  /// Takes in what was read from upstream.
  ///
  /// Whatever else changes what is in flight does it first, so that things keep their order.
  mutating func takeReplies() {
    // A handle of our own: the compiler sees that the datagrams are no part of what else changes.
    let inbox = inbox
    let count = inbox.value.count
    if count == 0 { return }
    let now = readClock() / 1_000
    let mismatched = resolver.exchanges.counters.mismatched
    if count > 1 {
      for index in 0..<count {
        service.noteUpstream(
          inbox.value.octets(index), socket: inbox.value.socket(index), resolver: &resolver)
      }
      service.anticipateReplies(cache: &cache, resolver: &resolver)
    }
    var lent = LentSocket()
    for index in 0..<count {
      resolver.receive(
        inbox.value.octets(index), socket: inbox.value.socket(index), cache: &cache, now: now)
      if let trip = resolver.exchanges.takeRoundTrip() {
        seen.value.noteRoundTrip(
          upstream: trip.server.slot, microseconds: UInt64(trip.microseconds))
      }
      deliverAnswers(now: now, &lent)
    }
    inbox.value.removeAll()
    drainActions(now: now)
    isFlooded = resolver.exchanges.counters.mismatched != mismatched
  }

  /// Takes in a message that came on a TCP connection to an upstream; ``drainActions(now:)`` follows.
  mutating func receive(_ message: Span<UInt8>, for purpose: Purpose, now: UInt64) {
    beginReplies()
    _ = readClock()
    resolver.receiveStream(message, for: purpose, cache: &cache, now: now)
    deliverAnswers(now: now)
  }

  /// Notes when the replies of a tick began.
  private mutating func beginReplies() {
    if repliesBegan == nil { repliesBegan = EventLoop.microseconds() }
  }

  /// What was sent from an upstream socket can't reach its upstream.
  ///
  /// - Parameter query: the packet, as far as the network sent it back.
  mutating func upstreamFailed(_ socket: SocketID, query: Span<UInt8>) {
    takeReplies()
    let now = readClock() / 1_000
    resolver.socketFailed(
      socket, id: query.count >= 2 ? query.load16(0) : nil, now: now)
    drainActions(now: now)
  }

  /// This host's links, addresses or routes have changed.
  mutating func networkChanged() {
    takeReplies()
    takeStreamFailures()
    let now = readClock() / 1_000
    resolver.networkChanged(now: now)
    drainActions(now: now)
  }

  /// Has questions that get no reply over TCP go on without it.
  ///
  /// Comes before whatever else may have a connection made for one of them.
  mutating func takeStreamFailures() {
    guard let failed = upstreamStreams?.takeFailed(), !failed.isEmpty else { return }
    let now = readClock() / 1_000
    for purpose in failed { resolver.streamFailed(purpose, now: now) }
    drainActions(now: now)
  }
}
