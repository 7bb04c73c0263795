import DNSWire

// Questions asked over TCP.

extension Exchanges {
  /// Moves a question to TCP, where nobody else can answer, unless it is there or the server has failed it.
  mutating func moveToTCP(
    _ index: Int, to server: ServerID, because reason: TCPReason, now: UInt64
  ) {
    guard !exchanges[index].phase.isTCP, !exchanges[index].touched.has(.failed, server) else {
      return
    }
    exchanges[index].server = server
    startTCP(index, because: reason, now: now)
  }

  /// Asks a question's server over TCP.
  mutating func startTCP(_ index: Int, because reason: TCPReason, now: UInt64) {
    guard isAllowed(index, now: now) else { return }
    let id = UInt16(truncatingIfNeeded: random.next())
    let server = exchanges[index].server
    // There is nothing that a reply is too large for.
    let edns = streamOffer(index)
    let hasCookie = offersStreamCookie(index, edns, now: now)
    exchanges[index].phase = .tcp(
      TCPAttempt(reason: reason, id: id, edns: edns, hasCookie: hasCookie, sent: now))
    setTimer(index, at: now + ExchangeTiming.stream, now: now)
    let query = OutgoingQuery(
      purpose: .question(handle(index)), id: id, server: server, socket: nil,
      // Nobody else can answer here, so there is nothing to guess.
      isCased: false,
      edns: edns, hasCookie: hasCookie)
    guard actions.push(.openStream(query)) else {
      fail(index, .overload, now: now)
      return
    }
    exchanges[index].countPacket()
    counters.streams += 1
    servers[server].counters.streams += 1
  }

  /// Ends a question's attempt over TCP, if there is one.
  mutating func endTCP(_ index: Int) {
    guard exchanges[index].phase.isTCP else { return }
    exchanges[index].phase = .udp
    _ = actions.push(.closeStream(.question(handle(index))))
  }

  /// Gives up a question's attempt over TCP.
  ///
  /// When TCP was our wish, and not the server's, UDP is tried again; else the next server is asked.
  mutating func abandonTCP(_ index: Int, now: UInt64) {
    guard let attempt = exchanges[index].phase.tcp else { return }
    endTCP(index)
    switch attempt.reason {
    case .silence:
      // UDP was silent, too; its packets are still good.
      retry(index, now: now)
      return
    case .letterCase:
      if foldDoubted(index, now: now) { return }
    case .cookieMissing:
      retryWithoutProof(index, now: now)
      return
    case .spoofing:
      // From another port.
      retry(index, now: now)
      return
    case .truncated, .malformed, .badCookie, .tcpOnly: break
    }
    exchanges[index].touched.insert(.failed, exchanges[index].server)
    moveOn(index, now: now)
  }

  /// No reply came over TCP for a while.
  mutating func noteTCPTimeout(_ index: Int, _ attempt: TCPAttempt, now: UInt64) {
    let server = exchanges[index].server
    servers[server].tcpFailedUntil = now + Server.tcpPause
    guard servers[server].isStreamOnly || servers[server].overStream.isInForce else {
      abandonTCP(index, now: now)
      return
    }
    servers[server].counters.timeouts += 1
    noteFailure(server, .silence, sent: attempt.sent, now: now)
    // Where there is nobody else, the reply may still come.
    var touched = exchanges[index].touched
    touched.insert(.failed, server)
    let next = servers.next(of: exchanges[index].group, after: server, touched, now: now)
    if next == nil {
      setTimer(index, at: exchanges[index].deadline, now: now)
    } else {
      abandonTCP(index, now: now)
    }
  }
}
