import DNSCache
import DNSExchange
import DNSWire

// What is made of replies that are to be believed.

extension Resolver {
  /// Handles a packet that arrived on a server's socket.
  public mutating func receive(
    _ packet: Span<UInt8>, socket: SocketID, cache: inout Cache, now: UInt64
  ) {
    if let received = exchanges.receive(packet, socket: socket, now: now) {
      take(packet, received, cache: &cache, now: now)
    }
    takeFailures(now: now)
  }

  /// Handles a whole message that arrived on the TCP connection of a question.
  public mutating func receiveStream(
    _ packet: Span<UInt8>, for purpose: Purpose, cache: inout Cache, now: UInt64
  ) {
    if let received = exchanges.receiveStream(packet, for: purpose, now: now) {
      take(packet, received, cache: &cache, now: now)
    }
    takeFailures(now: now)
  }

  /// Notices that a packet sent from a socket didn't reach its server (ICMP, or no route).
  ///
  /// - Parameter id: the packet's transaction ID; nothing when that isn't known.
  public mutating func socketFailed(_ socket: SocketID, id: UInt16?, now: UInt64) {
    exchanges.socketFailed(socket, id: id, now: now)
    takeFailures(now: now)
  }

  /// Notices that a TCP connection could not be made, or ended without a reply.
  public mutating func streamFailed(_ purpose: Purpose, now: UInt64) {
    exchanges.streamFailed(purpose, now: now)
    takeFailures(now: now)
  }

  /// This host's addresses, routes or links have changed: a server that failed may be there now, and
  /// what was measured was another way.
  public mutating func networkChanged(now: UInt64) {
    failures.forgetAll()
    exchanges.networkChanged(now: now)
    takeFailures(now: now)
  }

  /// Reads what taking in the reply to a question will need of the resolver itself.
  ///
  /// - Returns: the client that waits for it, the last of them; nothing when none does.
  public func anticipate(_ noted: Exchanges.Noted, _ seen: inout UInt32) -> UInt32? {
    exchanges.anticipate(noted, &seen)
    let waiter = lookups[noted.exchange].firstWaiter
    guard waiter != .none, case .client(let client) = waiters[waiter].recipient
    else { return nil }
    return client
  }

  /// Makes use of a reply that belongs to a question.
  private mutating func take(
    _ packet: Span<UInt8>, _ received: Exchanges.Received, cache: inout Cache, now: UInt64
  ) {
    let id = received.exchange
    charge(id, octets: packet.count, now: now)
    var queryFlags = received.queryFlags
    let lacksDNSSEC = !received.hasDO && queryFlags.contains(.signatures)
    if lacksDNSSEC { queryFlags.remove(.signatures) }
    exchanges.loadName(of: id, into: &reply.question)
    if let fault = reply.parse(packet, received.header, at: received.recordsAt) {
      switch fault {
      case _ where received.isNameTooLong:
        takeNameTooLong(packet, received, .none, &cache, now: now)
      case .malformed: exchanges.refuse(received, as: .malformed, now: now)
      case .error(let rcode):
        exchanges.noteErrors(packet, of: received)
        exchanges.refuse(received, as: .error(rcode), now: now)
      }
      return
    }
    switch reply.scrub(
      as: Reply.Terms(
        type: received.type, queryFlags: queryFlags, source: received.source,
        believesAD: cache.believesAD(of: received.source), route: received.group.route))
    {
    case .nameTooLong:
      let stored = cache.store(&reply, now: UInt32(truncatingIfNeeded: now / 1000))
      takeNameTooLong(packet, received, stored.overlay, &cache, now: now)
    case _ where received.isNameTooLong:
      takeNameTooLong(packet, received, .none, &cache, now: now)
    case .referral: exchanges.refuse(received, as: .noAnswer(.referral), now: now)
    case .tooLarge: exchanges.refuse(received, as: .noAnswer(.tooLarge), now: now)
    case .answer, .noData, .nxDomain, .partial:
      let stored = cache.store(&reply, now: UInt32(truncatingIfNeeded: now / 1000))
      counters.outOfBailiwick += reply.leftOut
      accept(received, packet, isPositive: received.header.answerCount > 0, now: now)
      if let uncacheable = stored.uncacheable {
        noteUncacheable(id, uncacheable, server: received.server, now: now)
      }
      let remarks =
        reply.hasExtendedError ? exchanges.noteErrors(packet, of: received) : UpstreamRemarks.none
      let outcome = Outcome.answered(remarks, lacksDNSSEC: lacksDNSSEC)
      if reply.isAliased {
        followAlias(id, outcome, stored.overlay, cache: &cache, now: now)
      } else {
        finish(id, outcome, stored.overlay, &cache)
      }
    }
  }

  /// Takes in that a reply has an answer.
  private mutating func accept(
    _ received: Exchanges.Received, _ packet: Span<UInt8>, isPositive: Bool, now: UInt64
  ) {
    counters.answered += 1
    exchanges.accept(received, octets: packet.count, isPositive: isPositive, now: now)
    if failures.count > 0 { failures.forget(received.exchange, of: exchanges) }
  }

  /// Handles the answer that a DNAME makes a name which is too long.
  ///
  /// - Parameter overlay: what of the way there is not in the cache.
  private mutating func takeNameTooLong(
    _ packet: Span<UInt8>, _ received: Exchanges.Received, _ overlay: Overlay, _ cache: inout Cache,
    now: UInt64
  ) {
    let id = received.exchange
    accept(received, packet, isPositive: false, now: now)
    exchanges.noteTrouble(id, .errorCode, received.server, rcode: .yxDomain)
    var failure = Failure(.nameTooLong)
    if !lookups[id].isPrefetch {
      failure.slot = rememberFailure(id, failure.cause, now: now)
      failure.nameHash = exchanges[id].nameHash
    }
    finish(id, .failed(failure), overlay, &cache)
  }
}
