import DNSWire
import Memory

// Upstreams that are down are probed, so that no client has to find out that one is back.

extension Resolver {
  /// Takes an upstream as down: questions pass it over while there is another, and probes begin.
  mutating func goDown(_ upstream: Int, now: UInt64) {
    guard choice.isPresent(upstream) else { return }
    counters.downs += 1
    choice.mark(upstream, isDown: true)
    choice.upstreams[upstream].counters.downs += 1
    choice.upstreams[upstream].downSince = now
    choice.upstreams[upstream].forgetSkills()
    choice.upstreams[upstream].probeCount = 0
    choice.upstreams[upstream].probeInterval = ResolverTiming.firstProbe
    scheduleProbe(upstream, now: now)
  }

  /// Takes an upstream as back.
  mutating func comeUp(_ upstream: Int, now: UInt64) {
    // What is heard of it may be what we said ourselves.
    guard !choice.isLooping(upstream) else { return }
    counters.recoveries += 1
    choice.mark(upstream, isDown: false)
    choice.upstreams[upstream].failures = 0
    choice.upstreams[upstream].badAnswers = 0
    choice.upstreams[upstream].probe.isPending = false
    choice.upstreams[upstream].earlierProbe.isPending = false
    endStreamProbe(upstream)
    timers.cancel(settings.inFlightLimit + upstream)
    // What failed meanwhile would be answered now.
    if now >= choice.upstreams[upstream].downSince + ResolverTiming.outage {
      failures.forgetAll()
    }
  }

  private mutating func scheduleProbe(_ upstream: Int, now: UInt64) {
    let interval = choice.upstreams[upstream].probeInterval
    choice.upstreams[upstream].nextProbe = now + interval
    choice.upstreams[upstream].probeInterval = min(interval * 2, ResolverTiming.mostProbeInterval)
    timers.schedule(settings.inFlightLimit + upstream, at: now + interval, now: now)
  }

  /// Asks an upstream that is down for something, from a random port with a random ID.
  mutating func sendProbe(_ upstream: Int, now: UInt64) {
    guard choice.upstreams[upstream].isDown else { return }
    guard !choice.isLooping(upstream) else {
      sendLoopProbe(upstream, now: now)
      return
    }
    let last = choice.upstreams[upstream].probe
    // Clients may ask for nothing meanwhile: probes have to tell, too, that it is silent.
    if last.isPending {
      choice.upstreams[upstream].counters.timeouts += 1
      noteFailure(upstream, .silence, sent: last.sent, now: now)
    }
    scheduleProbe(upstream, now: now)
    let count = choice.upstreams[upstream].probeCount
    choice.upstreams[upstream].probeCount = count &+ 1
    let question = nextProbed(upstream, count)
    let isStreamOnly = choice.upstreams[upstream].rules.isStreamOnly
    if isStreamOnly || count % Resolver.streamProbeShare == Resolver.streamProbeShare - 1 {
      sendStreamProbe(upstream, question, now: now)
    }
    guard !isStreamOnly, let (socket, id) = drawTransaction(upstream) else { return }
    choice.upstreams[upstream].earlierProbe = last
    choice.upstreams[upstream].probe = Upstream.Probe(
      socket: UInt16(socket), id: id, isPending: true, question: question, sent: now)
    counters.probes += 1
    choice.upstreams[upstream].counters.queries += 1
    let query = OutgoingQuery(
      question: QuestionHandle(Resolver.nobody, 0), id: id, upstream: upstream, socket: socket,
      isCased: false, edns: .none, hasCookie: false, isProbe: true)
    _ = actions.push(.send(query))
  }

  /// Which question a probe asks: the root's name servers and the known ones in turn.
  ///
  /// What is down for its errors may answer the root and nothing else.
  private func nextProbed(_ upstream: Int, _ count: UInt8) -> UInt8 {
    let known = choice.upstreams[upstream].knownCount
    guard known > 0, choice.upstreams[upstream].badAnswers >= Upstream.failuresUntilDown else {
      return count % (known + 1)
    }
    return 1 + count % known
  }

  /// One probe of so many is sent over TCP, too: there are networks that let no UDP through.
  private static let streamProbeShare: UInt8 = 3

  /// Asks an upstream that is down over TCP, unless that is being done.
  private mutating func sendStreamProbe(_ upstream: Int, _ question: UInt8, now: UInt64) {
    let last = choice.upstreams[upstream].streamProbe
    guard !last.isPending || now >= last.sent + ResolverTiming.stream else { return }
    if last.isPending, choice.upstreams[upstream].rules.isStreamOnly {
      noteFailure(upstream, .silence, sent: last.sent, now: now)
    }
    endStreamProbe(upstream)
    let id = UInt16(truncatingIfNeeded: random.next())
    choice.upstreams[upstream].streamProbe = Upstream.Probe(
      id: id, isPending: true, question: question, sent: now)
    counters.probes += 1
    choice.upstreams[upstream].counters.streams += 1
    let query = OutgoingQuery(
      question: QuestionHandle(probeOf: upstream, id: id), id: id, upstream: upstream, socket: nil,
      isCased: false, edns: .none, hasCookie: false, isProbe: true)
    _ = actions.push(.openStream(query))
  }

  /// Gives up the probe over TCP, if there is one.
  mutating func endStreamProbe(_ upstream: Int) {
    guard choice.upstreams[upstream].streamProbe.isPending else { return }
    choice.upstreams[upstream].streamProbe.isPending = false
    let id = choice.upstreams[upstream].streamProbe.id
    _ = actions.push(.closeStream(QuestionHandle(probeOf: upstream, id: id)))
  }

  /// Handles a message that came over TCP for a probe.
  mutating func takeStreamProbe(_ packet: Span<UInt8>, _ upstream: Int, now: UInt64) {
    let probe = choice.upstreams[upstream].streamProbe
    guard let header = try? MessageHeader(packet), header.isResponse,
      header.opcode == Opcode.query.rawValue, probe.isPending, header.id == probe.id,
      choice.upstreams[upstream].isDown, asks(probe.question, of: upstream, packet, header)
    else {
      counters.mismatched += 1
      return
    }
    endStreamProbe(upstream)
    let isBad = choice.upstreams[upstream].badAnswers >= Upstream.failuresUntilDown
    choice.upstreams[upstream].hear(now: now)
    guard header.hasAnswerCode || !isBad else { return }
    // Whether UDP is lost there, questions find out: one reply over TCP may only have been the first of any.
    comeUp(upstream, now: now)
  }

  /// Writes the latest probe of an upstream, over UDP or TCP.
  func writeProbe(_ query: OutgoingQuery, into writer: inout MessageWriter) -> Int {
    writer.header(id: query.id, questionCount: 1)
    guard !query.isLoopProbe else { return writeLoopProbe(query.upstream, into: &writer) }
    let question =
      query.socket == nil
      ? choice.upstreams[query.upstream].streamProbe.question
      : choice.upstreams[query.upstream].probe.question
    if let place = KnownQuestion.place(question, of: query.upstream) {
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
    _ packet: Span<UInt8>, _ header: MessageHeader, socket: Int, now: UInt64
  ) -> Bool {
    let upstream = socket / settings.socketsPerUpstream
    guard choice.upstreams[upstream].isDown else { return false }
    var probe = choice.upstreams[upstream].probe
    let isLatest = probe.matches(socket: socket, id: header.id)
    if !isLatest { probe = choice.upstreams[upstream].earlierProbe }
    guard probe.matches(socket: socket, id: header.id),
      asks(probe.question, of: upstream, packet, header)
    else { return false }
    // Whatever it says, it has not been silent.
    if isLatest {
      choice.upstreams[upstream].probe.isPending = false
    } else {
      choice.upstreams[upstream].earlierProbe.isPending = false
    }
    // One that is down for its errors has to have an answer.
    let isBad = choice.upstreams[upstream].badAnswers >= Upstream.failuresUntilDown
    choice.upstreams[upstream].hear(now: now)
    guard header.hasAnswerCode || !isBad else { return true }
    choice.upstreams[upstream].roundTrip = RoundTripTime()
    choice.upstreams[upstream].measure(sent: probe.sent, now: now)
    comeUp(upstream, now: now)
    return true
  }

  /// Whether a packet's question is the one that a probe asked.
  private mutating func asks(
    _ question: UInt8, of upstream: Int, _ packet: Span<UInt8>, _ header: MessageHeader
  ) -> Bool {
    guard header.questionCount == 1, let end = reply.loadQuestion(packet),
      end + 4 <= packet.count, packet.load16(end + 2) == RecordClass.internet.rawValue
    else { return false }
    let type = RecordType(packet.load16(end))
    guard let place = KnownQuestion.place(question, of: upstream) else {
      return type == .ns && reply.question.count == 1
    }
    return type == known[place].type
      && reply.question.matches(
        knownNames.octets(in: place, count: Int(known[place].nameCount)))
  }

  // MARK: What probes ask for

  /// Keeps a question that an upstream had an answer to.
  ///
  /// Of each domain there is one, so that no domain's servers decide whether an upstream seems to answer.
  mutating func noteKnown(_ index: Int, _ upstream: Int, now: UInt64) {
    let count = Int(questions[index].nameCount)
    let domain = names.domain(in: index, count: count)
    choice.upstreams[upstream].knownAt = now
    let first = upstream * KnownQuestion.perUpstream
    var slot = Int(choice.upstreams[upstream].knownNext)
    if let same = (0..<Int(choice.upstreams[upstream].knownCount)).first(where: {
      known[first + $0].domain == domain
    }) {
      slot = same
    } else {
      choice.upstreams[upstream].knownNext = UInt8((slot + 1) % KnownQuestion.perUpstream)
      choice.upstreams[upstream].knownCount = max(
        choice.upstreams[upstream].knownCount, UInt8(slot + 1))
    }
    known[first + slot] = KnownQuestion(
      nameCount: questions[index].nameCount, type: questions[index].type, domain: domain)
    names.copy(index, count: count, into: &knownNames, at: first + slot)
  }
}

/// A question that an upstream had an answer to, to be asked again by probes; its name is in
/// `Resolver.knownNames`.
struct KnownQuestion: BitwiseCopyable {
  /// Octets of its name.
  var nameCount: UInt8 = 0
  var type = RecordType.ns
  /// A hash of the name's last two labels.
  var domain: UInt32 = 0

  /// Questions kept for each upstream.
  static let perUpstream = 3
  /// Milliseconds after which another one is kept.
  static let pause: UInt64 = 1_000

  /// Where the question of a probe is; nothing for the root's name servers.
  static func place(_ question: UInt8, of upstream: Int) -> Int? {
    question == 0 ? nil : upstream * perUpstream + Int(question) - 1
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

extension Upstream.Probe {
  func matches(socket: Int, id: UInt16) -> Bool {
    isPending && Int(self.socket) == socket && self.id == id
  }
}
