import DNSWire
import Memory

// What an upstream, or the way there, does not bear: EDNS, cookies, random letter case, UDP at all. Found out
// by its answers, remembered for each upstream, and tried again after some minutes (`Fallback`).

extension Exchanges {
  // MARK: What a packet has

  /// What the next packet of a question does without because its upstream says nothing.
  mutating func simplicity(_ exchange: ExchangeID, attempt: Int, _ server: ServerID, now: UInt64)
    -> Simplicity
  {
    guard attempt > 1, now >= servers[server].provenUntil,
      usualAttempt(exchange, at: server) != nil
    else { return .usual }
    return Simplicity.of(
      attempt: attempt, hasTriedTCP: exchanges[exchange].hasTriedTCP,
      // Where nothing ever came it is better than nothing.
      wantsSignatures: exchanges[exchange].queryFlags.contains(.signatures)
        && servers[server].roundTrip.isMeasured)
  }

  /// Whether a question's upstream is asked over TCP at once.
  @inline(__always)
  mutating func isStreamUpstream(_ server: ServerID, isTrying: inout Bool, now: UInt64) -> Bool {
    servers[server].isStreamOnly
      || servers[server].overStream.applies(isTrying: &isTrying, now: now)
  }

  /// What EDNS a question's next packet over UDP has.
  @inline(__always)
  mutating func ednsOffer(
    _ exchange: ExchangeID, attempt: Int, _ simplicity: Simplicity, isTrying: inout Bool,
    now: UInt64
  ) -> EDNSOffer {
    let server = exchanges[exchange].server
    if !servers[server].rules.usesEDNS || simplicity == .plain
      || exchanges[exchange].met.has(.withoutEDNS, server)
      || servers[server].withoutEDNS.applies(isTrying: &isTrying, now: now)
    {
      return .none
    }
    servers[server].small.endWhenOver(now: now)
    // Large replies may be what gets lost.
    let isSmall = servers[server].small.isInForce
    return isSmall || attempt >= ExchangeTiming.smallFrom ? .small : .full
  }

  /// The same over TCP, where nothing is tried again.
  func streamOffer(_ exchange: ExchangeID) -> EDNSOffer {
    let server = exchanges[exchange].server
    return !servers[server].rules.usesEDNS || exchanges[exchange].met.has(.withoutEDNS, server)
      || servers[server].withoutEDNS.isInForce ? .none : .full
  }

  /// Whether a packet over UDP has a cookie.
  @inline(__always)
  mutating func offersCookie(
    _ exchange: ExchangeID, _ edns: EDNSOffer, _ simplicity: Simplicity, isTrying: inout Bool,
    now: UInt64
  ) -> Bool {
    let server = exchanges[exchange].server
    guard edns != .none, simplicity != .noCookie, servers[server].rules.usesCookies,
      !exchanges[exchange].met.has(.withoutCookie, server),
      !servers[server].withoutCookies.applies(isTrying: &isTrying, now: now)
    else { return false }
    renewCookieIfDue(server, now: now)
    return true
  }

  /// The same over TCP.
  mutating func offersStreamCookie(_ exchange: ExchangeID, _ edns: EDNSOffer, now: UInt64) -> Bool {
    let server = exchanges[exchange].server
    guard edns != .none, servers[server].rules.usesCookies,
      !exchanges[exchange].met.has(.withoutCookie, server),
      !servers[server].withoutCookies.isInForce
    else { return false }
    renewCookieIfDue(server, now: now)
    return true
  }

  /// Whether a packet over UDP has random letter case.
  @inline(__always)
  mutating func isMixedCase(
    _ exchange: ExchangeID, _ simplicity: Simplicity, isTrying: inout Bool, now: UInt64
  ) -> Bool {
    let server = exchanges[exchange].server
    return !exchanges[exchange].usesLowerCase && simplicity != .lowerCase && simplicity != .plain
      && servers[server].rules.usesLetterCase
      && !servers[server].lowerCase.applies(isTrying: &isTrying, now: now)
  }

  // MARK: What an answer says

  /// An answer came to something other than the usual packet, or from an upstream that is in doubt.
  ///
  /// - Parameters:
  ///   - attempt: the packet over UDP; nothing over TCP.
  ///   - isPositive: whether there are records.
  mutating func noteWays(
    _ exchange: ExchangeID, _ server: ServerID, attempt: TransmissionID?, isPositive: Bool,
    now: UInt64
  ) {
    let name = exchanges[exchange].nameHash
    guard let attempt else {
      noteStreamWays(exchange, server, now: now)
      return
    }
    let packet = transmissions[attempt]
    // What it bears.
    servers[server].overStream.end()
    if packet.edns != .none { servers[server].withoutEDNS.end() }
    if packet.hasCookie { servers[server].withoutCookies.end() }
    if showsCase(attempt) { servers[server].lowerCase.end() }
    // What it refused, and answers without.
    if packet.edns == .none, exchanges[exchange].met.has(.withoutEDNS, server) {
      note(.withoutEDNS, server, name, limit: Fallback.refusalLimit, now: now)
    } else if packet.edns != .none, !packet.hasCookie,
      exchanges[exchange].met.has(.withoutCookie, server)
    {
      note(.withoutCookies, server, name, limit: Fallback.refusalLimit, now: now)
    }
    if !packet.isMixedCase, isPositive, exchanges[exchange].met.has(.caseDenied, server) {
      note(.lowerCase, server, name, limit: Fallback.refusalLimit, now: now)
    }
    // What it said nothing to.
    switch packet.simplicity {
    case .usual, .stream: break
    case .lowerCase:
      // Otherwise it was the same packet once more.
      if exchanges[exchange].showsCase { noteSilence(.lowerCase, exchange, server, now: now) }
    case .noCookie: noteSilence(.withoutCookies, exchange, server, now: now)
    case .plain: noteSilence(.withoutEDNS, exchange, server, now: now)
    }
    servers[server].noteDoubts()
  }

  private mutating func noteStreamWays(_ exchange: ExchangeID, _ server: ServerID, now: UInt64) {
    guard let attempt = exchanges[exchange].phase.tcp else { return }
    let name = exchanges[exchange].nameHash
    if attempt.edns == .none, exchanges[exchange].met.has(.withoutEDNS, server) {
      note(.withoutEDNS, server, name, limit: Fallback.refusalLimit, now: now)
    } else if attempt.edns != .none,
      exchanges[exchange].met.has(.withoutCookie, server)
    {
      note(.withoutCookies, server, name, limit: Fallback.refusalLimit, now: now)
    }
    if attempt.reason == .silence { noteSilence(.overStream, exchange, server, now: now) }
    servers[server].noteDoubts()
  }

  /// Takes in that a name's usual packets had no reply, and a simpler one had.
  ///
  /// Perhaps the name took long, and their replies are about to come: if one does, all is taken back.
  private mutating func noteSilence(
    _ fallback: Fallback.Kind, _ exchange: ExchangeID, _ server: ServerID, now: UInt64
  ) {
    guard let transmission = usualAttempt(exchange, at: server) else { return }
    servers[server].watched = Server.Watched(
      socket: transmissions[transmission].socket, id: transmissions[transmission].id,
      isPending: true,
      showsCase: showsCase(transmission))
    note(fallback, server, exchanges[exchange].nameHash, limit: Fallback.silenceLimit, now: now)
  }

  /// The last usual packet of a question to an upstream.
  private func usualAttempt(_ exchange: ExchangeID, at server: ServerID) -> TransmissionID? {
    var transmission = exchanges[exchange].firstTransmission
    while transmission != .none {
      if transmissions[transmission].simplicity == .usual,
        transmissions[transmission].socket.server == server
      {
        return transmission
      }
      transmission = transmissions[transmission].next
    }
    return nil
  }

  /// Handles a reply to a usual packet of a question that a simpler one has ended; false when it isn't that.
  mutating func takeWatched(_ header: MessageHeader, socket: SocketID, now: UInt64) -> Bool {
    let server = socket.server
    let watched = servers[server].watched
    guard watched.isPending, watched.socket == socket, watched.id == header.id else {
      return false
    }
    counters.late += 1
    servers[server].watched.isPending = false
    servers[server].withoutEDNS.end()
    servers[server].withoutCookies.end()
    servers[server].overStream.end()
    if watched.showsCase { servers[server].lowerCase.end() }
    servers[server].noteDoubts()
    if watched.showsCase || servers[server].isInLowerCase {
      servers[server].provenUntil = now + Server.provenLife
    }
    return true
  }

  /// Takes in that a name was answered without something, and not with it.
  mutating func note(
    _ fallback: Fallback.Kind, _ server: ServerID, _ name: UInt32, limit: UInt8,
    now: UInt64
  ) {
    guard servers[server][fallback].note(name, limit: limit, now: now) else {
      servers[server].noteDoubts()
      return
    }
    begun(fallback, server, now: now)
  }

  /// Has an upstream asked without something from now on.
  mutating func begin(
    _ fallback: Fallback.Kind, _ server: ServerID, now: UInt64
  ) {
    let wasInForce = servers[server][fallback].isInForce
    servers[server][fallback].begin(now: now)
    if !wasInForce { begun(fallback, server, now: now) }
  }

  private mutating func begun(
    _ fallback: Fallback.Kind, _ server: ServerID, now: UInt64
  ) {
    counters.fallbacks += 1
    switch fallback {
    case .withoutEDNS: counters.withoutEDNS += 1
    case .withoutCookies:
      counters.withoutCookies += 1
      servers[server].cookie.noteLoss(now: now)
    case .lowerCase:
      counters.lowerCase += 1
      servers[server].keepsCase = false
    case .small: counters.small += 1
    case .overStream: counters.overStream += 1
    }
    servers[server].noteDoubts()
  }
}
