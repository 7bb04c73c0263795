import DNSWire
import Memory

// Cookies (RFC 7873 §5.3): 64 bits that come back with each reply of an upstream that speaks them. An
// attacker who can't read what is sent doesn't know them, however well socket, ID and letter case were guessed.

extension Exchanges {
  /// What a reply's cookie says.
  enum CookieVerdict {
    /// Nothing against it.
    case fine
    /// The upstream wants the question again, with the cookie that it gave.
    case renewed
    /// There is none, though the upstream has them.
    case missing
    /// It is not ours.
    case wrong
  }

  /// Draws another cookie for an upstream when the one before is old.
  @inline(__always)
  mutating func renewCookieIfDue(_ server: ServerID, now: UInt64) {
    if servers[server].cookie.isDue(now: now) { renewCookie(server, now: now) }
  }

  /// Draws another cookie for an upstream.
  mutating func renewCookie(_ server: ServerID, now: UInt64) {
    servers[server].cookie.renew(random.next(), now: now)
  }

  /// Writes the cookies for an upstream into the OPT record that is begun.
  @_lifetime(writer: copy writer)
  func writeCookie(to server: ServerID, into writer: inout MessageWriter) {
    writer.option(
      cookie: servers[server].cookie.client,
      serverCookies.octets(in: server.slot, count: Int(servers[server].cookie.serverCount)))
  }

  /// Judges the reply to a packet that had a cookie, and keeps the one that the server gave.
  mutating func judgeCookie(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ options: ReplyOptions, server: ServerID,
    now: UInt64
  ) -> CookieVerdict {
    guard let cookie = options.cookie else {
      if servers[server].cookie.use == .yes { return .missing }
      servers[server].cookie.use = .no
      return .fine
    }
    guard servers[server].cookie.isOurs(cookie.client, now: now) else { return .wrong }
    servers[server].cookie.wrongOnes = 0
    // Some servers send back whatever options they get; what speaks cookies has one of its own.
    guard cookie.serverCount > 0 else { return .fine }
    // What belongs to the cookie before is of no use any more.
    if cookie.client == servers[server].cookie.client {
      serverCookies.store(
        packet.extracting(cookie.server..<cookie.server + cookie.serverCount), in: server.slot)
      servers[server].cookie.serverCount = UInt8(cookie.serverCount)
    }
    servers[server].cookie.noteUse(now: now)
    let rcode = ResponseCode(headerBits: header.rcode, extendedBits: options.extendedRcode)
    return rcode == .badCookie ? .renewed : .fine
  }

  // MARK: Over UDP

  /// Handles a reply over UDP that its cookie speaks against; false when nothing does.
  mutating func takeCookie(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ options: ReplyOptions,
    _ transmission: TransmissionID,
    server: ServerID, isCaseKept: Bool, now: UInt64
  ) -> Bool {
    let exchange = transmissions[transmission].exchange
    switch judgeCookie(packet, header, options, server: server, now: now) {
    case .fine: return false
    case .wrong:
      counters.cookieMismatches += 1
      if !takeMismatch(packet, header, exchange, isCertain: false, now: now), isCaseKept {
        takeWrongCookie(transmission, exchange, server: server, now: now)
      }
    case .missing:
      counters.cookiesMissing += 1
      // It goes on without a cookie already; each copy would lead to another connection.
      guard !exchanges[exchange].met.has(.withoutCookie, server) else { break }
      // An honest reply over UDP that comes first is as good.
      moveToTCP(exchange, to: server, because: .cookieMissing, now: now)
    case .renewed:
      counters.badCookies += 1
      markAlive(server, now: now)
      // Its duplicates say nothing new.
      guard !transmissions[transmission].isSpoiled else { break }
      transmissions[transmission].isSpoiled = true
      takeBadCookie(exchange, server: server, now: now)
    }
    return true
  }

  /// Handles a reply that is right but for its cookie: some forwarders send back those of other clients.
  ///
  /// To two packets, without a right one in between, no forger has found port, ID and letter case: the
  /// upstream is asked without cookies.
  private mutating func takeWrongCookie(
    _ transmission: TransmissionID, _ exchange: ExchangeID, server: ServerID, now: UInt64
  ) {
    guard !transmissions[transmission].hasWrongCookie else { return }
    transmissions[transmission].hasWrongCookie = true
    servers[server].cookie.wrongOnes += 1
    guard servers[server].cookie.wrongOnes >= ServerCookie.wrongLimit else { return }
    servers[server].cookie.wrongOnes = 0
    begin(.withoutCookies, server, now: now)
    guard !exchanges[exchange].phase.isTCP,
      exchanges[exchange].attemptCount < ExchangeTiming.attempts
    else { return }
    exchanges[exchange].server = server
    send(exchange, now: now)
  }

  /// Asks again with the cookie that the server gave, once; what is not content with it is asked over TCP
  /// (RFC 7873 §5.3).
  private mutating func takeBadCookie(_ exchange: ExchangeID, server: ServerID, now: UInt64) {
    guard !exchanges[exchange].hasRenewedCookie,
      exchanges[exchange].attemptCount < ExchangeTiming.attempts
    else {
      moveToTCP(exchange, to: server, because: .badCookie, now: now)
      return
    }
    guard !exchanges[exchange].phase.isTCP, !exchanges[exchange].met.has(.failed, server) else {
      return
    }
    exchanges[exchange].hasRenewedCookie = true
    exchanges[exchange].server = server
    send(exchange, now: now)
  }

  // MARK: Over TCP

  /// Handles the cookie of a reply over TCP, which is believed whatever it is.
  mutating func noteStreamCookie(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ options: ReplyOptions, _ exchange: ExchangeID,
    server: ServerID, now: UInt64
  ) {
    switch judgeCookie(packet, header, options, server: server, now: now) {
    case .fine, .renewed: break
    case .wrong:
      counters.cookieMismatches += 1
      begin(.withoutCookies, server, now: now)
    case .missing:
      // Some don't send them over TCP, or with errors. Only when UDP had none either they are gone.
      guard exchanges[exchange].phase.isTCP(because: .cookieMissing), header.hasAnswerCode else {
        return
      }
      counters.fallbacks += 1
      servers[server].cookie.noteLoss(now: now)
    }
  }

  /// An upstream whose cookie was missed doesn't talk TCP: it is asked again over UDP, the second time without
  /// a cookie.
  mutating func retryWithoutProof(_ exchange: ExchangeID, now: UInt64) {
    if exchanges[exchange].cookieDoubts < UInt8.max { exchanges[exchange].cookieDoubts += 1 }
    if exchanges[exchange].cookieDoubts >= Exchanges.cookieDoubtLimit {
      exchanges[exchange].met.insert(.withoutCookie, exchanges[exchange].server)
    }
    retry(exchange, now: now)
  }

  /// Replies to a question without a cookie, from an upstream that had them before and doesn't talk TCP, after
  /// which the question goes on without.
  private static let cookieDoubtLimit: UInt8 = 2
}
