import DNSWire
import Memory

// A question's packets over UDP, and its timer.

extension Exchanges {
  /// Sends a question's next packet over UDP and sets its timer.
  ///
  /// - Parameter limit: milliseconds until the next attempt at most.
  mutating func send(_ exchange: ExchangeID, now: UInt64, waitingAtMost limit: UInt64 = .max) {
    let attempt = Int(exchanges[exchange].attemptCount)
    let server = exchanges[exchange].server
    guard isAllowed(exchange, now: now) else { return }
    var isTrying = false
    let simplicity = simplicity(exchange, attempt: attempt, server, now: now)
    if simplicity == .stream || isStreamUpstream(server, isTrying: &isTrying, now: now) {
      exchanges[exchange].hasTriedTCP = true
      exchanges[exchange].met.insert(.tried, server)
      startTCP(exchange, because: simplicity == .stream ? .silence : .tcpOnly, now: now)
      return
    }
    exchanges[exchange].phase = .udp
    let wait = min(
      ExchangeTiming.wait(
        attempt: attempt, timeout: servers[server].roundTrip.timeout), limit)
    let edns = ednsOffer(exchange, attempt: attempt, simplicity, isTrying: &isTrying, now: now)
    let hasCookie = offersCookie(exchange, edns, simplicity, isTrying: &isTrying, now: now)
    let isMixedCase = isMixedCase(exchange, simplicity, isTrying: &isTrying, now: now)
    guard let (socket, id) = drawTransaction(server),
      let slot = transmissions.insert(
        Transmission(
          exchange: exchange, socket: socket, id: id, edns: edns, isMixedCase: isMixedCase,
          hasCookie: hasCookie, simplicity: simplicity, sent: now, stopwatch: stopwatch,
          next: exchanges[exchange].firstTransmission))
    else {
      // The attempts that others have under way take all slots: what was sent must do.
      if attempt == 0 {
        fail(exchange, .overload, now: now)
      } else {
        setTimer(exchange, at: exchanges[exchange].deadline, now: now)
      }
      return
    }
    byTransaction.insert(slot, in: &transmissions)
    exchanges[exchange].firstTransmission = TransmissionID(slot)
    exchanges[exchange].attemptCount += 1
    exchanges[exchange].met.insert(.tried, server)
    exchanges[exchange].countPacket()
    servers[server].inFlight += 1
    servers[server].counters.queries += 1
    setTimer(exchange, at: now + wait, now: now)
    let query = OutgoingQuery(
      purpose: .question(handle(exchange)), id: id, server: server, socket: socket,
      isMixedCase: isMixedCase,
      edns: edns, hasCookie: hasCookie)
    guard actions.push(.send(query)) else {
      fail(exchange, .overload, now: now)
      return
    }
  }

  /// Sets when a packet has had time enough; the deadline, and what the owner waits for, may come first.
  mutating func setTimer(_ exchange: ExchangeID, at due: UInt64, now: UInt64) {
    exchanges[exchange].due = due
    let next = min(due, exchanges[exchange].alarm, exchanges[exchange].deadline)
    if next == .max {
      timers.cancel(exchange.slot)
    } else {
      timers.schedule(exchange.slot, at: next, now: now)
    }
  }

  /// Draws a socket and an ID that no attempt in flight has together.
  @inline(__always)
  mutating func drawTransaction(_ server: ServerID) -> (socket: SocketID, id: UInt16)? {
    drawTransaction(server, sockets: Int(servers[server].sockets))
  }

  /// The same among a server's first sockets.
  @inline(__always)
  mutating func drawTransaction(
    _ server: ServerID, sockets: Int
  ) -> (socket: SocketID, id: UInt16)? {
    // With at most 49,152 attempts in flight over 256 × 65,536 pairs, a second draw is rare.
    for _ in 0..<16 {
      let word = random.next()
      let member =
        // The upper half of a product in place of a remainder, which takes a division; what it favours, it
        // favours by less than one in 2³².
        Int(((word >> 32) &* UInt64(sockets)) >> 32)
      let socket = SocketID(server, member: member)
      let id = UInt16(truncatingIfNeeded: word)
      if findTransmission(socket: socket, id: id) == nil { return (socket, id) }
    }
    return nil
  }
}
