import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import Observability

/// What a client gets that asks for a name now, and why: as JSON, and in sentences.
struct Explanation {
  let report: StructuredValue
  let text: String

  /// Most records of an RRset that are shown.
  private static let recordsShown = 8
  /// Most RRsets that are shown.
  private static let setsShown = 100

  /// One of the facts, both ways.
  private struct Fact {
    let report: StructuredValue
    let lines: [String]
  }

  /// Explains a name: asks nobody, and counts as no use.
  ///
  /// - Parameters:
  ///   - routes: those that are in force.
  ///   - local: where names of the LAN come from.
  init(
    of name: Name, _ type: RecordType, in worker: inout Worker, routes: RouteList,
    local: LocalKeeper, groups: [String]
  ) {
    let name = name.lowercased
    let now = EventLoop.now()
    let facts = worker.service.explain(
      name.wire, type: type, cache: &worker.cache, resolver: worker.resolver, now: now)
    let last = facts.links.last?.name ?? name.wire
    let question = "\(Name.text(last.span)) \(type)"
    let outcome = Explanation.outcome(facts, now: now)

    let clock = (now: UInt32(truncatingIfNeeded: now / 1000), wall: EventLoop.wallClock())
    var sets: [Fact] = []
    for link in facts.links {
      for (index, set) in link.sets.enumerated() where sets.count < Explanation.setsShown {
        sets.append(
          Explanation.known(
            set, owner: Name.text(link.name.span), isUsed: index == link.used, in: worker.cache,
            clock))
      }
    }
    var candidates: [Fact] = []
    switch facts.outcome {
    case .special, .unasked, .blocked: break
    default:
      candidates = facts.question.order.map { Explanation.candidate($0, facts.question.views) }
    }
    let failures = facts.question.lastFailures.map { view in
      Explanation.failure(view, of: worker.cache.source(view.detail.source)?.description)
    }
    var rules = Explanation.rules(
      facts, type, cache: worker.cache, isStrict: worker.resolver.exchanges.asksInOrder,
      local: local, filter: worker.policy.value.filter.value, groups: groups)
    if worker.policy.value.decide(last.span, asked: type).route != .default,
      let last = try? Name(wire: last)
    {
      rules.append(("routes", routes.answer(for: last, by: worker.policy.value).sentence))
    }

    report = .object([
      ("name", .text("\(name)")), ("type", .text("\(type)")),
      (
        "answer",
        .object([
          ("course", .text(outcome.word)), ("rcode", .optional(outcome.rcode)),
          ("text", .text(outcome.sentence)),
        ])
      ),
      ("cached", .list(sets.map(\.report))), ("question", .text(question)),
      ("would_ask", .list(candidates.map(\.report))),
      ("in_flight", facts.question.inFlight.map { Explanation.inFlight($0, now: now) } ?? .null),
      ("last_failure", failures.first?.report ?? .null),
      ("failures", .list(failures.map(\.report))),
      (
        "rules",
        .list(rules.map { .object([("rule", .text($0.rule)), ("text", .text($0.sentence))]) })
      ),
    ])

    var lines = ["\(name) \(type)", outcome.sentence, ""]
    lines += sets.isEmpty ? ["In the cache: nothing."] : ["In the cache:"] + sets.flatMap(\.lines)
    if !rules.isEmpty {
      lines += ["", "Rules and limits:"] + rules.map { "  \($0.rule): \($0.sentence)" }
    }
    lines += ["", "Last failure:" + (failures.isEmpty ? " none is remembered." : "")]
    lines += failures.flatMap(\.lines)
    if !candidates.isEmpty {
      lines += ["", "Upstream would be asked for \(question):"] + candidates.flatMap(\.lines)
    }
    text = lines.joined(separator: "\n") + "\n"
  }

  // MARK: What is known

  /// An RRset or a negative entry.
  private static func known(
    _ set: RRset, owner: String, isUsed: Bool, in cache: borrowing Cache,
    _ clock: (now: UInt32, wall: Int64)
  ) -> Fact {
    let isRecords = set.kind == .records
    var data: [String] = []
    cache.visitRecords(of: set) { rdata in
      guard data.count < recordsShown else { return }
      data.append(
        isRecords
          ? RDataText.text(type: set.type, rdata: rdata)
          : "SOA " + RDataText.text(type: .soa, rdata: rdata))
    }
    let (kind, type, what) =
      switch set.kind {
      case .records: ("records", "\(set.type)", "\(owner) \(set.type)")
      case .noData: ("nodata", "\(set.type)", "\(owner) has no \(set.type)")
      case .nxDomain: ("nxdomain", "ANY", "\(owner) does not exist")
      }
    let count = isRecords ? set.count : data.count
    let left = Int(set.expiry) - Int(clock.now)
    let until = clock.wall + Int64(left)
    let since = until - Int64(set.ttl)
    let flags = set.flags.words.joined(separator: " ")
    let upstream = cache.source(set.source)?.description
    let age = Elapsed.text(seconds: max(Int(set.ttl) - left, 0))
    let end =
      left > 0
      ? "good for \(Elapsed.text(seconds: left)) more, until \(Elapsed.moment(until))"
      : "stale: its time was over \(Elapsed.text(seconds: -left)) ago, \(Elapsed.moment(until))"
    return Fact(
      report: .object([
        ("name", .text(owner)), ("type", .text(type)), ("kind", .text(kind)),
        ("records", .count(count)), ("data", .list(data.map { .text($0) })),
        ("ttl", .count(Int(set.ttl))), ("left", .count(max(left, 0))),
        ("stale", left > 0 ? .null : .count(-left)), ("since", .number(since)),
        ("until", .number(until)), ("rank", .text(set.rank.word)),
        ("section", .text("\(set.section)")), ("flags", .text(flags)),
        ("upstream", .optional(upstream)), ("used", .flag(isUsed)),
      ]),
      lines: ["  \(what)" + (isUsed ? ", which is what counts here" : "")]
        + data.map { "    \($0)" }
        + (count > data.count ? ["    and \(count - data.count) more"] : [])
        + [
          "    came \(age) ago, \(Elapsed.moment(since)), from \(upstream ?? "an upstream that isn't known any more")",
          "    TTL \(set.ttl) s; \(end)",
          "    section \(set.section), rank \(set.rank.word)"
            + (flags.isEmpty ? "" : ", flags \(flags)"),
        ])
  }

  /// A server that may be asked: when, how it is doing, and what a packet to it has.
  private static func candidate(_ candidate: ServerCandidate, _ views: [UpstreamView]) -> Fact {
    let view = views.first { $0.id == candidate.server }
    let upstream = view?.address.endpoint.description ?? ""
    let state = view?.state.rawValue ?? "unknown"
    let roundTrip = view?.roundTrip
    var packet: [String] = []
    if let view {
      packet = [
        view.udpSize == 0 ? "no EDNS" : "EDNS \(view.udpSize)", "cookies \(view.cookies.rawValue)",
        view.usesLowerCase ? "lower case" : "random case",
      ]
    }
    let cause = view?.cause?.sentence
    let age = view?.sinceFailure ?? 0
    let speed = roundTrip.map { "answers in \($0) ms" } ?? "not timed yet"
    let failure = cause.map { "; failed \(Elapsed.text(milliseconds: age)) ago: \($0)" } ?? ""
    let words = packet.joined(separator: ", ")
    return Fact(
      report: .object([
        ("upstream", .text(upstream)), ("turn", .text(candidate.turn.rawValue)),
        ("state", .text(state)), ("rtt", roundTrip.map { .count($0) } ?? .null),
        ("packet", .text(words)), ("last_failure", .optional(cause)),
        ("last_failure_ms", cause == nil ? .null : .count(age)),
      ]),
      lines: ["  \(candidate.turn.rawValue): \(upstream), \(state), \(speed), \(words)\(failure)"])
  }

  private static func inFlight(
    _ view: Resolver.InFlightView, now: UInt64
  ) -> StructuredValue {
    .object([
      ("ms", .count(now &- view.started)), ("attempts", .count(view.attempts)),
      ("upstream", .text(view.address.endpoint.description)), ("waiting", .count(view.waiters)),
    ])
  }

  /// A question that had no answer that could be kept.
  private static func failure(_ view: FailureView, of upstream: String?) -> Fact {
    let row = view.failures > 1 ? ", \(view.failures) times in a row" : ""
    let end =
      view.blockedFor > 0
      ? "; not asked again for \(Elapsed.text(milliseconds: view.blockedFor))" : ""
    return Fact(
      report: .object([
        ("type", .text("\(view.type)")), ("reason", .text(view.detail.words)),
        ("upstream", .optional(upstream)), ("age_ms", .count(view.age)),
        ("in_a_row", .count(view.failures)), ("blocked_ms", .count(view.blockedFor)),
      ]),
      lines: [
        "  \(view.type), \(Elapsed.text(milliseconds: view.age)) ago\(row): \(view.detail.words), \(upstream ?? "no upstream")\(end)"
      ])
  }

  // MARK: What becomes of the question

  private static func outcome(
    _ facts: NameFacts, now: UInt64
  ) -> (word: String, rcode: String?, sentence: String) {
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    func fails(_ before: String) -> (word: String, rcode: String?, sentence: String) {
      guard let rcode = facts.staleAnswer else {
        return ("fails", "SERVFAIL", "\(before) A client gets SERVFAIL.")
      }
      return (
        "fails", "\(rcode)",
        "\(before) A client gets \(rcode) from what is stale, with a TTL of 30 s."
      )
    }
    switch facts.outcome {
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
    case .filtered(_, let answer, let target):
      let leads =
        target.map { " leads to \(Name.text($0.span)), which is blocked" } ?? " is blocked"
      return ("filtered", answer.word, "The name\(leads): a client gets \(answer.sentence).")
    case .aliased(let target):
      return ("aliased", nil, "Safe search: a client gets an alias to \(target).")
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
    case .failsAgain: return fails("It failed not long ago and is not asked again yet.")
    case .failsForAll:
      return fails("Every upstream has been silent for long; they are only probed.")
    case .asks:
      guard let first = facts.question.order.first else { return ("asks", nil, "Nobody is there.") }
      let view = facts.question.views.first { $0.id == first.server }
      let address = view?.address.endpoint.description ?? "another server"
      let sentence = "Nothing in the cache answers it: \(address) is asked first."
      guard let rcode = facts.staleAnswer else { return ("asks", nil, sentence) }
      return (
        "asks", nil,
        "\(sentence) When no answer comes within \(ResolverTiming.clientResponseTimeout) ms a client gets \(rcode) from what is stale."
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

extension BlockAnswer {
  /// The code of the answer.
  fileprivate var word: String {
    switch self {
    case .zero, .noData, .addresses, .alias, .truncated: "NOERROR"
    case .nxDomain: "NXDOMAIN"
    case .refused, .drop: "REFUSED"
    }
  }

  /// What a client gets.
  fileprivate var sentence: String {
    switch self {
    case .zero: "0.0.0.0 or ::, and no data for other types"
    case .nxDomain: "that there is no such name"
    case .noData: "no data"
    case .refused, .drop: "REFUSED"
    case .addresses(let v4, let v6):
      [v4, v6].compactMap { $0.map { "\($0)" } }.joined(separator: " or ")
    case .alias(let name): "an alias to \(name)"
    case .truncated: "nothing over UDP"
    }
  }
}

extension StructuredValue {
  /// A text, or nothing.
  static func optional(_ text: String?) -> StructuredValue { text.map { .text($0) } ?? .null }
}
