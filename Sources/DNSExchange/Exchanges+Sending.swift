import DNSWire
import Memory

// A question's packets over UDP, and its timer.

extension Exchanges {
  /// Sends a question's next packet over UDP and sets its timer.
  ///
  /// - Parameter limit: milliseconds until the next attempt at most.
  mutating func send(_ index: Int, now: UInt64, waitingAtMost limit: UInt64 = .max) {
    let attempt = Int(exchanges[index].attemptCount)
    let server = exchanges[index].server
    guard isAllowed(index, now: now) else { return }
    var isTrying = false
    let simplicity = simplicity(index, attempt: attempt, server, now: now)
    if simplicity == .stream || isStreamUpstream(server, isTrying: &isTrying, now: now) {
      exchanges[index].hasTriedTCP = true
      exchanges[index].touched.insert(.tried, server)
      startTCP(index, because: simplicity == .stream ? .silence : .tcpOnly, now: now)
      return
    }
    exchanges[index].phase = .udp
    let wait = min(
      ExchangeTiming.wait(
        attempt: attempt, timeout: servers[server].roundTrip.timeout), limit)
    let edns = ednsOffer(index, attempt: attempt, simplicity, isTrying: &isTrying, now: now)
    let hasCookie = offersCookie(index, edns, simplicity, isTrying: &isTrying, now: now)
    let isCased = isCased(index, simplicity, isTrying: &isTrying, now: now)
    guard let (socket, id) = drawTransaction(server),
      let place = transmissions.insert(
        Transmission(
          exchange: UInt32(index), socket: socket, id: id, edns: edns, isCased: isCased,
          hasCookie: hasCookie, simplicity: simplicity, sent: now, stopwatch: stopwatch,
          next: exchanges[index].firstTransmission))
    else {
      // The attempts that others have under way take all places: what was sent must do.
      if attempt == 0 {
        fail(index, .overload, now: now)
      } else {
        setTimer(index, at: exchanges[index].deadline, now: now)
      }
      return
    }
    byTransaction.insert(place, in: &transmissions)
    exchanges[index].firstTransmission = UInt32(place)
    exchanges[index].attemptCount += 1
    exchanges[index].touched.insert(.tried, server)
    exchanges[index].countPacket()
    servers[server].inFlight += 1
    servers[server].counters.queries += 1
    setTimer(index, at: now + wait, now: now)
    let query = OutgoingQuery(
      purpose: .question(handle(index)), id: id, server: server, socket: socket, isCased: isCased,
      edns: edns, hasCookie: hasCookie)
    guard actions.push(.send(query)) else {
      fail(index, .overload, now: now)
      return
    }
  }

  /// Sets when a packet has had time enough; the deadline, and what the owner waits for, may come first.
  mutating func setTimer(_ index: Int, at due: UInt64, now: UInt64) {
    exchanges[index].due = due
    let next = min(due, exchanges[index].alarm, exchanges[index].deadline)
    if next == .max { timers.cancel(index) } else { timers.schedule(index, at: next, now: now) }
  }

  /// Draws a socket and an ID that no attempt in flight has together.
  mutating func drawTransaction(_ server: ServerID) -> (socket: SocketID, id: UInt16)? {
    // With at most 49,152 attempts in flight over 256 × 65,536 pairs, a second draw is rare.
    for _ in 0..<16 {
      let word = random.next()
      let member =
        // The upper half of a product in place of a remainder, which takes a division; what it favours, it
        // favours by less than one in 2³².
        Int(((word >> 32) &* UInt64(servers[server].sockets)) >> 32)
      let socket = SocketID(server, member: member)
      let id = UInt16(truncatingIfNeeded: word)
      if findTransmission(socket: socket, id: id) == nil { return (socket, id) }
    }
    return nil
  }
}
