import DNSWire
import Memory

// A query of ours may come back to us as a client's: from an upstream that asks us, or by a rule that sends whatever
// goes to port 53 here. It would wait for itself until it times out.
//
// A forwarder in between may change everything by which a query is known: ID, letter case and cookie. Then it joins the very
// question that it was sent for, and no reply comes. So silence to a question that others have joined is looked into,
// by a probe whose name only a loop can bring back.

extension Exchanges {
  /// Whether a client's query is one that went from here to an upstream, which is noted then.
  ///
  /// It is known by our cookie for that upstream; where none is left, as long as its reply would still be good, by
  /// ID and letter case.
  ///
  /// - Parameter question: the question as it came; its name is the key's, unless that is where an alias led.
  public mutating func takeOwnQuery(
    _ question: Span<UInt8>, id: UInt16, cookie: UInt64?, _ key: borrowing NameKey,
    type: RecordType, queryFlags: QueryFlags, now: UInt64
  ) -> Bool {
    if takeLoopProbe(key, now: now) { return true }
    if let cookie {
      for slot in 0..<servers.end {
        let server = ServerID(slot)
        if servers[server].isPresent, servers[server].cookie.isOurs(cookie, now: now) {
          noteLoop(server)
          return true
        }
      }
    }
    guard let exchange = match(key, type, queryFlags) else { return false }
    var transmission = exchanges[exchange].firstTransmission
    while transmission != .none {
      let server = transmissions[transmission].socket.server
      if transmissions[transmission].id == id,
        question.holds(sentName(exchange, isMixedCase: transmissions[transmission].isMixedCase), 0),
        // In lower case it may be another's whose ID is the same by chance.
        servers[server].isLooping
          || !question.holds(sentName(exchange, isMixedCase: false), 0)
      {
        noteLoop(server)
        return true
      }
      transmission = transmissions[transmission].next
    }
    return false
  }

  private mutating func noteLoop(_ server: ServerID) {
    counters.looped += 1
    if !servers[server].isLooping { loopsFound &+= 1 }
    servers[server].isLooping = true
  }

  // MARK: Probes

  /// Milliseconds between two loop probes of an upstream at least, and exactly while it gives our queries back.
  private static let loopProbePause: UInt64 = 30_000

  /// EMPTY.AS112.ARPA, of which RFC 7535 says that it has nothing below.
  ///
  /// A forwarder has no answer of its own for names there, as many have for `test` and `invalid` (RFC 6761 §6), nor
  /// does it make one from a denial that it has: the zone is there, and is not signed. Who runs its
  /// servers can't have a client here ask for the name, as the owner of a name that a client asks for could.
  private static let loopZone: InlineArray<18, UInt8> = [
    5, 0x65, 0x6D, 0x70, 0x74, 0x79, 5, 0x61, 0x73, 0x31, 0x31, 0x32, 4, 0x61, 0x72, 0x70, 0x61, 0,
  ]
  /// 64 bits as hexadecimal digits: too many to be guessed.
  private static let loopLabelOctets = 16
  static let loopNameOctets = 1 + loopLabelOctets + loopZone.count

  /// Asks an upstream for a name that nobody knows, unless that was done not long before.
  ///
  /// It had no reply in time to a question that others have joined: one of them may be the upstream.
  mutating func sendLoopProbe(_ server: ServerID, now: UInt64) {
    guard servers[server].isPresent else { return }
    if now >= servers[server].nextLoopProbe,
      let (socket, id) = drawTransaction(server)
    {
      drawLoopName(server)
      servers[server].nextLoopProbe = now + Exchanges.loopProbePause
      servers[server].hasLoopProbeReturned = false
      servers[server].loopProbe = Server.Probe(
        socket: socket, id: id, isPending: true, sent: now)
      counters.probes += 1
      servers[server].counters.queries += 1
      let query = OutgoingQuery(
        purpose: .loopProbe(server), id: id, server: server, socket: socket, isMixedCase: false,
        edns: .none, hasCookie: false)
      _ = actions.push(.send(query))
    }
    if servers[server].isLoopProven { scheduleLoopProbe(server, now: now) }
  }

  private mutating func scheduleLoopProbe(_ server: ServerID, now: UInt64) {
    let next = max(servers[server].nextLoopProbe, now + 1)
    servers[server].nextProbe = next
    timers.schedule(settings.inFlightLimit + server.slot, at: next, now: now)
  }

  private mutating func drawLoopName(_ server: ServerID) {
    var bits = random.next()
    var name = loopNames.mutableOctets(in: server.slot, count: Exchanges.loopNameOctets)
    name[0] = UInt8(Exchanges.loopLabelOctets)
    for position in 1...Exchanges.loopLabelOctets {
      let digit = UInt8(truncatingIfNeeded: bits & 0xF)
      name[position] = digit + (digit < 10 ? 0x30 : 0x61 - 10)
      bits >>= 4
    }
    name.store(Exchanges.loopZone.span, 1 + Exchanges.loopLabelOctets)
  }

  func writeLoopProbe(_ server: ServerID, into writer: inout MessageWriter) -> Int {
    writer.octets(loopNames.octets(in: server.slot, count: Exchanges.loopNameOctets))
    writer.number16(RecordType.a.rawValue)
    writer.number16(RecordClass.internet.rawValue)
    return writer.finish(flags: MessageHeader.Flag.recursionDesired)
  }

  /// Whether a client asks for the name of a loop probe: then its upstream gives our queries back.
  @inline(__always)
  private mutating func takeLoopProbe(_ key: borrowing NameKey, now: UInt64) -> Bool {
    // Hardly any other name is of just this length.
    guard key.count == Exchanges.loopNameOctets else { return false }
    return findLoopProbe(key, now: now)
  }

  @inline(never)
  private mutating func findLoopProbe(_ key: borrowing NameKey, now: UInt64) -> Bool {
    for server in servers.present
    where servers[server].loopProbe.isPending
      && key.matches(loopNames.octets(in: server.slot, count: Exchanges.loopNameOctets))
    {
      noteLoop(server)
      servers[server].hasLoopProbeReturned = true
      if !servers[server].isLoopProven { endAsking(server, now: now) }
      return true
    }
    return false
  }

  /// Has an upstream that gives our queries back asked no more; what waits for it asks elsewhere, or fails.
  private mutating func endAsking(_ server: ServerID, now: UInt64) {
    if !servers[server].isDown { goDown(server, now: now) }
    servers[server].isLoopProven = true
    scheduleLoopProbe(server, now: now)
    endStreamProbe(server)
    for slot in 0..<end {
      guard let exchange = exchange(at: slot), exchanges[exchange].server == server else {
        continue
      }
      exchanges[exchange].cause = .looping
      exchanges[exchange].isTrial = false
      askAgainSoon(exchange, now: now)
    }
  }

  /// Handles a packet that may answer a loop probe; false when it doesn't.
  ///
  /// An answer to a name that has not come back tells that the loop is gone.
  mutating func takeLoopReply(
    _ packet: Span<UInt8>, _ header: MessageHeader, socket: SocketID, now: UInt64
  ) -> Bool {
    let server = socket.server
    guard servers[server].loopProbe.matches(socket: socket, id: header.id),
      header.questionCount == 1, loadQuestion(packet) != nil,
      question.matches(loopNames.octets(in: server.slot, count: Exchanges.loopNameOctets))
    else { return false }
    servers[server].loopProbe.isPending = false
    guard servers[server].isLoopProven, !servers[server].hasLoopProbeReturned else {
      return true
    }
    servers[server].isLoopProven = false
    servers[server].isLooping = false
    comeUp(server, now: now)
    return true
  }
}
