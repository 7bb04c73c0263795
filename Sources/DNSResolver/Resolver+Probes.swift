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
    choice.upstreams[upstream].probeInterval = ResolverTiming.firstProbe
    scheduleProbe(upstream, now: now)
  }

  /// Takes an upstream as back.
  mutating func comeUp(_ upstream: Int, now: UInt64) {
    counters.recoveries += 1
    choice.mark(upstream, isDown: false)
    choice.upstreams[upstream].failures = 0
    choice.upstreams[upstream].badAnswers = 0
    choice.upstreams[upstream].probe.isPending = false
    choice.upstreams[upstream].earlierProbe.isPending = false
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

  /// Asks an upstream that is down for something that it knew, from a random port with a random ID.
  mutating func sendProbe(_ upstream: Int, now: UInt64) {
    guard choice.upstreams[upstream].isDown else { return }
    scheduleProbe(upstream, now: now)
    guard let (socket, id) = drawTransaction(upstream) else { return }
    choice.upstreams[upstream].earlierProbe = choice.upstreams[upstream].probe
    choice.upstreams[upstream].probe = Upstream.Probe(
      socket: UInt16(socket), id: id, isPending: true, sent: now)
    counters.probes += 1
    choice.upstreams[upstream].counters.queries += 1
    let query = OutgoingQuery(
      question: QuestionHandle(Resolver.nobody, 0), id: id, upstream: upstream, socket: socket,
      isCased: false, edns: .none, hasCookie: false, isProbe: true)
    _ = actions.push(.send(query))
  }

  /// Writes a probe: the question that the upstream had an answer to, or else for the root's servers.
  func writeProbe(_ query: OutgoingQuery, into writer: inout MessageWriter) -> Int {
    let count = Int(choice.upstreams[query.upstream].knownCount)
    writer.header(id: query.id, questionCount: 1)
    if count > 0 {
      writer.octets(knownNames.octets(in: query.upstream, count: count))
    } else {
      writer.octet(0)
    }
    writer.number16(choice.upstreams[query.upstream].knownType.rawValue)
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
    if !probe.matches(socket: socket, id: header.id) {
      probe = choice.upstreams[upstream].earlierProbe
    }
    guard probe.matches(socket: socket, id: header.id),
      isProbed(upstream, packet, header)
    else { return false }
    // One that is down for its errors has to have an answer.
    let isBad = choice.upstreams[upstream].badAnswers >= Upstream.failuresUntilDown
    choice.upstreams[upstream].hear(now: now)
    guard header.hasAnswerCode || !isBad else { return true }
    choice.upstreams[upstream].roundTrip = RoundTripTime()
    choice.upstreams[upstream].measure(sent: probe.sent, now: now)
    comeUp(upstream, now: now)
    return true
  }

  /// Whether a packet's question is the one that an upstream's probes ask.
  private mutating func isProbed(
    _ upstream: Int, _ packet: Span<UInt8>, _ header: MessageHeader
  ) -> Bool {
    let count = Int(choice.upstreams[upstream].knownCount)
    guard header.questionCount == 1, let end = ingest.loadQuestion(packet),
      end + 4 <= packet.count,
      packet.load16(end) == choice.upstreams[upstream].knownType.rawValue,
      packet.load16(end + 2) == RecordClass.internet.rawValue
    else { return false }
    guard count > 0 else { return ingest.question.count == 1 }
    return ingest.question.matches(knownNames.octets(in: upstream, count: count))
  }
}

extension Upstream.Probe {
  fileprivate func matches(socket: Int, id: UInt16) -> Bool {
    isPending && Int(self.socket) == socket && self.id == id
  }
}
