import DNSWire
import Memory

// Upstreams that are down are probed, so that no client has to find out that one is back.

extension Exchanges {
  /// Takes an upstream as down: questions pass it over while there is another, and probes begin.
  mutating func goDown(_ server: ServerID, now: UInt64) {
    guard servers[server].isPresent else { return }
    counters.downs += 1
    servers.mark(server, isDown: true)
    servers[server].counters.downs += 1
    servers[server].downSince = now
    servers[server].forgetSkills()
    servers[server].probeCount = 0
    servers[server].probeInterval = ExchangeTiming.firstProbe
    scheduleProbe(server, now: now)
  }

  /// Takes an upstream as back.
  mutating func comeUp(_ server: ServerID, now: UInt64) {
    // What is heard of it may be what we said ourselves.
    guard !servers[server].isLoopProven else { return }
    counters.recoveries += 1
    servers.mark(server, isDown: false)
    servers[server].failures = 0
    servers[server].badAnswers = 0
    servers[server].probe.isPending = false
    servers[server].earlierProbe.isPending = false
    endStreamProbe(server)
    timers.cancel(settings.inFlightLimit + server.slot)
    // What failed meanwhile would be answered now.
    if now >= servers[server].downSince + ExchangeTiming.outage {
      hasOutageEnded = true
    }
  }

  private mutating func scheduleProbe(_ server: ServerID, now: UInt64) {
    let interval = servers[server].probeInterval
    servers[server].nextProbe = now + interval
    servers[server].probeInterval = min(interval * 2, ExchangeTiming.mostProbeInterval)
    timers.schedule(settings.inFlightLimit + server.slot, at: now + interval, now: now)
  }

  /// Asks an upstream that is down for something, from a random port with a random ID.
  mutating func sendProbe(_ server: ServerID, now: UInt64) {
    guard servers[server].isDown else { return }
    guard !servers[server].isLoopProven else {
      sendLoopProbe(server, now: now)
      return
    }
    let last = servers[server].probe
    // Clients may ask for nothing meanwhile: probes have to tell, too, that it is silent.
    if last.isPending {
      servers[server].counters.timeouts += 1
      noteFailure(server, .silence, sent: last.sent, now: now)
    }
    scheduleProbe(server, now: now)
    let count = servers[server].probeCount
    servers[server].probeCount = count &+ 1
    let question = nextProbed(server, count)
    let isStreamOnly = servers[server].isStreamOnly
    if isStreamOnly || count % Exchanges.streamProbeShare == Exchanges.streamProbeShare - 1 {
      sendStreamProbe(server, question, now: now)
    }
    let sockets = min(Int(servers[server].sockets), Exchanges.probeSockets)
    guard !isStreamOnly, let (socket, id) = drawTransaction(server, sockets: sockets) else {
      return
    }
    servers[server].earlierProbe = last
    servers[server].probe = Server.Probe(
      socket: socket, id: id, isPending: true, question: question, sent: now)
    // A client may ask the same when the reply comes.
    finished.insert(socket, id: id, sent: now)
    counters.probes += 1
    servers[server].counters.queries += 1
    let query = OutgoingQuery(
      purpose: .probe(server, id: id), id: id, server: server, socket: socket,
      isMixedCase: false, edns: .none, hasCookie: false)
    _ = actions.push(.send(query))
  }

  /// Which question a probe asks: the root's name servers and the known ones in turn.
  ///
  /// What is down for its errors may answer the root and nothing else.
  private func nextProbed(_ server: ServerID, _ count: UInt8) -> UInt8 {
    let known = servers[server].knownCount
    guard known > 0, servers[server].badAnswers >= Server.failuresUntilDown else {
      return count % (known + 1)
    }
    return 1 + count % known
  }

  /// Sockets that probes leave from: those that a server keeps that nobody asks.
  public static let probeSockets = 4
  /// One probe of so many is sent over TCP, too: there are networks that let no UDP through.
  private static let streamProbeShare: UInt8 = 3

  /// Asks an upstream that is down over TCP, unless that is being done.
  private mutating func sendStreamProbe(_ server: ServerID, _ question: UInt8, now: UInt64) {
    let last = servers[server].streamProbe
    guard !last.isPending || now >= last.sent + ExchangeTiming.stream else { return }
    if last.isPending, servers[server].isStreamOnly {
      noteFailure(server, .silence, sent: last.sent, now: now)
    }
    endStreamProbe(server)
    let id = UInt16(truncatingIfNeeded: random.next())
    servers[server].streamProbe = Server.Probe(
      id: id, isPending: true, question: question, sent: now)
    counters.probes += 1
    servers[server].counters.streams += 1
    let query = OutgoingQuery(
      purpose: .probe(server, id: id), id: id, server: server, socket: nil,
      isMixedCase: false, edns: .none, hasCookie: false)
    _ = actions.push(.openStream(query))
  }

  /// Gives up the probe over TCP, if there is one.
  mutating func endStreamProbe(_ server: ServerID) {
    guard servers[server].streamProbe.isPending else { return }
    servers[server].streamProbe.isPending = false
    let id = servers[server].streamProbe.id
    _ = actions.push(.closeStream(.probe(server, id: id)))
  }

  /// Handles a message that came over TCP for a probe.
  mutating func takeStreamProbe(
    _ packet: Span<UInt8>, _ server: ServerID, id: UInt16, now: UInt64
  ) {
    let probe = servers[server].streamProbe
    guard let header = try? MessageHeader(packet), header.isResponse,
      header.opcode == Opcode.query.rawValue, probe.isPending, probe.id == id, header.id == id,
      servers[server].isDown, asks(probe.question, of: server, packet, header)
    else {
      counters.mismatched += 1
      return
    }
    endStreamProbe(server)
    let isBad = servers[server].badAnswers >= Server.failuresUntilDown
    servers[server].markAlive(now: now)
    guard header.hasAnswerCode || !isBad else { return }
    // Whether UDP is lost there, questions find out: one reply over TCP may only have been the first of any.
    comeUp(server, now: now)
  }

  /// Writes the latest probe of an upstream, over UDP or TCP.
  func writeProbe(_ query: OutgoingQuery, into writer: inout MessageWriter) -> Int {
    writer.header(id: query.id, questionCount: 1)
    if case .loopProbe = query.purpose { return writeLoopProbe(query.server, into: &writer) }
    let question =
      query.socket == nil
      ? servers[query.server].streamProbe.question
      : servers[query.server].probe.question
    if let place = KnownQuestion.place(question, of: query.server) {
      writer.octets(knownNames.octets(in: place, count: Int(known[place].nameCount)))
      writer.number16(known[place].type.rawValue)
    } else {
      writer.octet(0)
      writer.number16(RecordType.ns.rawValue)
    }
    writer.number16(RecordClass.internet.rawValue)
    return writer.finish(flags: MessageHeader.Flag.recursionDesired)
  }

  /// Handles a packet that may answer a probe; false when it doesn't.
  mutating func takeProbeReply(
    _ packet: Span<UInt8>, _ header: MessageHeader, socket: SocketID, now: UInt64
  ) -> Bool {
    let server = socket.server
    guard servers[server].isDown else { return false }
    var probe = servers[server].probe
    let isLatest = probe.matches(socket: socket, id: header.id)
    if !isLatest { probe = servers[server].earlierProbe }
    guard probe.matches(socket: socket, id: header.id),
      asks(probe.question, of: server, packet, header)
    else { return false }
    // Whatever it says, it has not been silent.
    if isLatest {
      servers[server].probe.isPending = false
    } else {
      servers[server].earlierProbe.isPending = false
    }
    // One that is down for its errors has to have an answer.
    let isBad = servers[server].badAnswers >= Server.failuresUntilDown
    servers[server].markAlive(now: now)
    guard header.hasAnswerCode || !isBad else { return true }
    servers[server].roundTrip = RoundTripTime()
    servers[server].measure(sent: probe.sent, now: now)
    comeUp(server, now: now)
    return true
  }

  /// Whether a packet's question is the one that a probe asked.
  private mutating func asks(
    _ question: UInt8, of server: ServerID, _ packet: Span<UInt8>, _ header: MessageHeader
  ) -> Bool {
    guard header.questionCount == 1, let end = loadQuestion(packet),
      end + 4 <= packet.count, packet.load16(end + 2) == RecordClass.internet.rawValue
    else { return false }
    let type = RecordType(packet.load16(end))
    guard let place = KnownQuestion.place(question, of: server) else {
      return type == .ns && self.question.count == 1
    }
    return type == known[place].type
      && self.question.matches(
        knownNames.octets(in: place, count: Int(known[place].nameCount)))
  }

  // MARK: What probes ask for

  /// Keeps a question that an upstream had an answer to.
  ///
  /// Of each domain there is one, so that no domain's servers decide whether an upstream seems to answer.
  mutating func noteKnown(_ exchange: ExchangeID, _ server: ServerID, now: UInt64) {
    let count = Int(exchanges[exchange].nameCount)
    let domain = names.domain(in: exchange.slot, count: count)
    servers[server].knownAt = now
    let first = server.slot * KnownQuestion.perServer
    var slot = Int(servers[server].knownNext)
    if let same = (0..<Int(servers[server].knownCount)).first(where: {
      known[first + $0].domain == domain
    }) {
      slot = same
    } else {
      servers[server].knownNext = UInt8((slot + 1) % KnownQuestion.perServer)
      servers[server].knownCount = max(
        servers[server].knownCount, UInt8(slot + 1))
    }
    known[first + slot] = KnownQuestion(
      nameCount: exchanges[exchange].nameCount, type: exchanges[exchange].type, domain: domain)
    names.copy(exchange.slot, count: count, into: &knownNames, at: first + slot)
  }
}

/// A question that an upstream had an answer to, to be asked again by probes; its name is in
/// `Exchanges.knownNames`.
struct KnownQuestion: BitwiseCopyable {
  /// Octets of its name.
  var nameCount: UInt8 = 0
  var type = RecordType.ns
  /// A hash of the name's last two labels.
  var domain: UInt32 = 0

  /// Questions kept for each upstream.
  static let perServer = 3
  /// Milliseconds after which another one is kept.
  static let pause: UInt64 = 1_000

  /// Where the question of a probe is; nothing for the root's name servers.
  static func place(_ question: UInt8, of server: ServerID) -> Int? {
    question == 0 ? nil : server.slot * perServer + Int(question) - 1
  }
}

extension BufferPool {
  fileprivate func copy(_ index: Int, count: Int, into other: inout BufferPool, at place: Int) {
    other.store(octets(in: index, count: count), in: place)
  }

  /// A hash of the last two labels of a name; that of a shorter name is its own.
  fileprivate func domain(in index: Int, count: Int) -> UInt32 {
    let name = octets(in: index, count: count)
    var (position, last, before) = (0, 0, 0)
    while position < name.count, name[position] != 0 {
      (before, last) = (last, position)
      position += 1 + Int(name[position])
    }
    // FNV-1a.
    var hash: UInt32 = 0x811C_9DC5
    for position in before..<name.count {
      hash = (hash ^ UInt32(name[position])) &* 0x0100_0193
    }
    return hash
  }
}

extension Server.Probe {
  func matches(socket: SocketID, id: UInt16) -> Bool {
    isPending && self.socket == socket && self.id == id
  }
}
