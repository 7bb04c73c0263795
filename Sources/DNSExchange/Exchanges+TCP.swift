import DNSWire

// Questions asked over TCP.

extension Exchanges {
  /// Moves a question to TCP, where nobody else can answer, unless it is there or the server has failed it.
  mutating func moveToTCP(
    _ exchange: ExchangeID, to server: ServerID, because reason: TCPReason, now: UInt64
  ) {
    guard !exchanges[exchange].phase.isTCP, !exchanges[exchange].met.has(.failed, server) else {
      return
    }
    exchanges[exchange].server = server
    startTCP(exchange, because: reason, now: now)
  }

  /// Asks a question's server over TCP.
  mutating func startTCP(_ exchange: ExchangeID, because reason: TCPReason, now: UInt64) {
    guard isAllowed(exchange, now: now) else { return }
    let id = UInt16(truncatingIfNeeded: random.next())
    let server = exchanges[exchange].server
    // There is nothing that a reply is too large for.
    let edns = streamOffer(exchange)
    let hasCookie = offersStreamCookie(exchange, edns, now: now)
    exchanges[exchange].phase = .tcp(
      TCPAttempt(reason: reason, id: id, edns: edns, hasCookie: hasCookie, sent: now))
    setTimer(exchange, at: now + ExchangeTiming.stream, now: now)
    let query = OutgoingQuery(
      purpose: .question(handle(exchange)), id: id, server: server, socket: nil,
      // Nobody else can answer here, so there is nothing to guess.
      isMixedCase: false,
      edns: edns, hasCookie: hasCookie)
    guard actions.push(.openStream(query)) else {
      fail(exchange, .overload, now: now)
      return
    }
    exchanges[exchange].countPacket()
    counters.streams += 1
    servers[server].counters.streams += 1
  }

  /// Ends a question's attempt over TCP, if there is one.
  @inline(__always)
  mutating func endTCP(_ exchange: ExchangeID) {
    guard exchanges[exchange].phase.isTCP else { return }
    exchanges[exchange].phase = .udp
    _ = actions.push(.closeStream(.question(handle(exchange))))
  }

  /// Gives up a question's attempt over TCP.
  ///
  /// When TCP was our wish, and not the server's, UDP is tried again; else the next server is asked.
  mutating func abandonTCP(_ exchange: ExchangeID, now: UInt64) {
    guard let attempt = exchanges[exchange].phase.tcp else { return }
    endTCP(exchange)
    switch attempt.reason {
    case .silence:
      // UDP was silent, too; its packets are still good.
      retry(exchange, now: now)
      return
    case .letterCase:
      if fallBackToLowerCase(exchange, now: now) { return }
    case .cookieMissing:
      retryWithoutProof(exchange, now: now)
      return
    case .spoofing:
      // From another port.
      retry(exchange, now: now)
      return
    case .truncated, .malformed, .badCookie, .tcpOnly: break
    }
    exchanges[exchange].met.insert(.failed, exchanges[exchange].server)
    moveOn(exchange, now: now)
  }

  /// No reply came over TCP for a while.
  mutating func noteTCPTimeout(_ exchange: ExchangeID, _ attempt: TCPAttempt, now: UInt64) {
    let server = exchanges[exchange].server
    servers[server].tcpFailedUntil = now + Server.tcpPause
    guard servers[server].isStreamOnly || servers[server].overStream.isInForce else {
      abandonTCP(exchange, now: now)
      return
    }
    servers[server].counters.timeouts += 1
    noteFailure(server, .silence, sent: attempt.sent, now: now)
    // Where there is nobody else, the reply may still come.
    var met = exchanges[exchange].met
    met.insert(.failed, server)
    let next = servers.next(of: exchanges[exchange].group, after: server, met, now: now)
    if next == nil {
      setTimer(exchange, at: exchanges[exchange].deadline, now: now)
    } else {
      abandonTCP(exchange, now: now)
    }
  }
}
