import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import Observability

// What `ctl explain` tells of a name.

extension NameStory {
  /// What a client gets that asks for a name now, and why.
  ///
  /// - Parameter routes: those that are in force.
  static func make(
    of name: Name, _ type: RecordType, in worker: inout Worker, routes: RouteList
  ) -> NameStory {
    let now = EventLoop.now()
    let wire = name.lowercased.wire
    let facts = worker.service.explain(
      wire, type: type, cache: worker.cache, resolver: worker.resolver, now: now)
    let last = facts.links.last?.name ?? wire
    var story = NameStory(
      name: "\(name.lowercased)", type: "\(type)",
      answer: answer(facts, now: now),
      question: "\(Name.text(last.span)) \(type)")
    let clock = (now: UInt32(truncatingIfNeeded: now / 1000), wall: EventLoop.wallClock())
    for link in facts.links {
      for (index, set) in link.sets.enumerated() where story.sets.count < NameStory.setsShown {
        story.sets.append(
          known(
            set, owner: Name.text(link.name.span), isUsed: index == link.used, in: worker.cache,
            clock))
      }
    }
    switch facts.course {
    case .special, .unasked, .blocked: break
    default:
      story.wouldAsk = facts.question.order.map { candidate($0, facts.question.views) }
    }
    if let view = facts.question.inFlight {
      story.inFlight = .object([
        ("ms", .count(now &- view.started)), ("attempts", .count(view.attempts)),
        ("upstream", .text(view.address.endpoint.text)), ("waiting", .count(view.waiters)),
      ])
    }
    story.failures = facts.question.troubles.map { view in
      NameStory.PastFailure(
        type: "\(view.type)", reason: view.trouble.words,
        upstream: worker.cache.source(view.trouble.source)?.text, age: view.age,
        count: view.failures, blockedFor: view.blockedFor)
    }
    story.rules = rules(
      facts, type, cache: worker.cache, isStrict: worker.resolver.exchanges.asksInOrder)
    if worker.policy.value.decide(last.span).route != .default,
      let name = try? Name(wire: last)
    {
      let route = routes.answer(for: name, by: worker.policy.value)
      story.rules.append((rule: "routes", sentence: route.sentence))
    }
    return story
  }

  private static func known(
    _ set: RRset, owner: String, isUsed: Bool, in cache: borrowing Cache,
    _ clock: (now: UInt32, wall: Int64)
  ) -> NameStory.KnownSet {
    var data: [String] = []
    cache.visitRecords(of: set) { octets in
      guard data.count < NameStory.recordsShown else { return }
      data.append(
        RDataText.text(type: set.kind == .records ? set.type : .soa, rdata: octets))
    }
    if set.kind != .records { data = data.map { "SOA \($0)" } }
    let left = Int(set.expiry) - Int(clock.now)
    let until = clock.wall + Int64(left)
    return NameStory.KnownSet(
      name: owner, type: set.kind == .noName ? "ANY" : "\(set.type)",
      kind: set.kind == .records ? "records" : set.kind == .noData ? "nodata" : "nxdomain",
      count: set.kind == .records ? set.count : data.count, data: data, ttl: Int(set.ttl),
      since: until - Int64(set.ttl), until: until, left: left, rank: set.rank.word,
      section: "\(set.section)", flags: set.marks.words.joined(separator: " "),
      upstream: cache.source(set.source)?.text, isUsed: isUsed)
  }

  private static func candidate(
    _ candidate: ServerCandidate, _ views: [UpstreamView]
  ) -> NameStory.Candidate {
    let view = views.first { $0.id == candidate.server }
    var packet: [String] = []
    if let view {
      packet.append(view.udpSize == 0 ? "no EDNS" : "EDNS \(view.udpSize)")
      packet.append("cookies \(view.cookies.rawValue)")
      packet.append(view.usesLowerCase ? "lower case" : "random case")
    }
    return NameStory.Candidate(
      upstream: view?.address.endpoint.text ?? "", turn: candidate.turn.rawValue,
      state: view?.state.rawValue ?? "unknown", roundTrip: view?.roundTrip,
      packet: packet.joined(separator: ", "),
      failure: view?.cause.map { ($0.sentence, view?.sinceFailure ?? 0) })
  }

  // MARK: What becomes of the question

  private static func answer(
    _ facts: NameFacts, now: UInt64
  ) -> (course: String, rcode: String?, sentence: String) {
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    func stale(_ before: String, else without: String) -> (String?, String) {
      guard let rcode = facts.staleAnswer else { return ("SERVFAIL", "\(before) \(without)") }
      return (
        "\(rcode)", "\(before) A client gets \(rcode) from what is stale, with a TTL of 30 s."
      )
    }
    switch facts.course {
    case .hit(let rcode):
      let left = facts.links.compactMap { link in link.used.map { link.sets[$0].expiry } }.min()
      let rest = Elapsed.text(seconds: Int(left ?? seconds) - Int(seconds))
      return ("hit", "\(rcode)", "A client gets \(rcode) from the cache, for \(rest) more.")
    case .special(let answer): return ("local", "\(answer.rcode)", sentence(answer))
    case .unasked(let rcode): return ("unasked", "\(rcode)", sentence(unasked: rcode))
    case .endless:
      return (
        "endless", "SERVFAIL", "A client gets SERVFAIL: aliases form a loop or too long a chain."
      )
    case .blocked:
      return (
        "blocked", "NOERROR",
        "A client gets no records: the answer holds a local address, which this name may not lead to."
      )
    case .joins:
      let view = facts.question.inFlight
      let age = Elapsed.text(milliseconds: now &- (view?.started ?? now))
      return (
        "joins", nil,
        "It is being asked already, for \(age), and a client waits with \(view?.waiters ?? 0) others."
      )
    case .failsAgain:
      let (rcode, sentence) = stale(
        "It failed not long ago and is not asked again yet.", else: "A client gets SERVFAIL.")
      return ("fails", rcode, sentence)
    case .failsForAll:
      let (rcode, sentence) = stale(
        "Every upstream has been silent for long; they are only probed.",
        else: "A client gets SERVFAIL.")
      return ("fails", rcode, sentence)
    case .asks:
      guard let first = facts.question.order.first else { return ("asks", nil, "Nobody is there.") }
      let view = facts.question.views.first { $0.id == first.server }
      let address = view?.address.endpoint.text ?? "another server"
      let sentence = "Nothing in the cache answers it: \(address) is asked first."
      guard let rcode = facts.staleAnswer else { return ("asks", nil, sentence) }
      let patience = ResolverTiming.clientResponseTimeout
      return (
        "asks", nil,
        "\(sentence) When no answer comes within \(patience) ms a client gets \(rcode) from what is stale."
      )
    }
  }

  /// What a client gets for a name that is answered here.
  private static func sentence(_ answer: NameFacts.SpecialAnswer) -> String {
    let before = "Answered here, upstream is not asked: a client gets \(answer.rcode)"
    guard let ttl = answer.records.first?.ttl else {
      return answer.rcode == .nxDomain
        ? "\(before): there is no such name." : "\(before) without records of this type."
    }
    let data = answer.records.map { "\($0.type) \(RDataText.text(type: $0.type, rdata: $0.rdata))" }
    let rest = Elapsed.text(seconds: Int(ttl))
    return "\(before) with \(data.joined(separator: ", ")), to be kept for \(rest)."
  }

  /// What a client gets for a type that no record has.
  private static func sentence(unasked rcode: ResponseCode) -> String {
    switch rcode {
    case .noError:
      "A client gets NOERROR with one HINFO record that says \"RFC8482\": ANY is not answered, nor is upstream asked for it."
    case .refused: "A client gets REFUSED: a cache has no zones to transfer, and asks for none."
    default: "A client gets \(rcode): no record has this type, and upstream is not asked for it."
    }
  }
}
