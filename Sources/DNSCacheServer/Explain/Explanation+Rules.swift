import Configuration
import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire
import Observability

// The rules and limits that touched a name, for `ctl explain`.

extension Explanation {
  /// Where a record of the LAN's own stands.
  private static func sentence(_ origin: NameFacts.RecordOrigin, _ local: LocalKeeper) -> String {
    let rest = origin.isGiven ? "" : ", but a better source has the name"
    let place = local.place(of: origin.source, line: origin.line)
    return "\(origin.type) is from \(place)\(rest)"
  }

  /// The rules that had a say in what is known of a name, and in what becomes of a question for it.
  static func rules(
    _ facts: NameFacts, _ type: RecordType, cache: borrowing Cache, isStrict: Bool,
    local: LocalKeeper, filter: borrowing NameFilter, groups: [String]
  ) -> [(rule: String, sentence: String)] {
    var rules: [(rule: String, sentence: String)] = []
    func add(_ rule: String, _ sentence: String) {
      if !rules.contains(where: { $0.rule == rule && $0.sentence == sentence }) {
        rules.append((rule, sentence))
      }
    }
    if case .special(let answer) = facts.outcome {
      if !answer.origins.isEmpty {
        for origin in answer.origins { add("local", sentence(origin, local)) }
      } else if answer.route == .default, let zone = answer.zone {
        let zone = Name.text(zone.span)
        if answer.isOwnZone {
          add("local", "names in \(zone) are the LAN's own: local.domain, or local.zones, has it")
        } else {
          add("special-zones", "names in \(zone) are answered here; \(NameRules.remedy(zone))")
        }
      }
    }
    for link in facts.links {
      for sentence in blocks(link.name, type, filter, groups) { add("block", sentence) }
    }
    let sets = facts.links.flatMap(\.sets)
    for set in sets {
      rulesOfTime(set, cache, add)
      if !set.rank.answersQuestions {
        add(
          "rank",
          "\(set.type) from section \(set.section) helps to find others, and is never given as an answer"
        )
      }
      if set.flags.contains(.unchecked) {
        add("checking-disabled", "what was asked for with CD is given to clients with CD only")
      }
    }
    for view in facts.question.lastFailures {
      rulesOfFailure(view, add)
    }
    if case .asks = facts.outcome, isStrict {
      add(
        "upstream-order",
        "strict: an upstream is asked while all that were given before it are down")
    }
    if case .blocked = facts.outcome {
      add(
        "rebind-protection",
        "the answer for \(type) holds a local address, which this name may not lead to; see --rebind-allow"
      )
    }
    if case .endless = facts.outcome {
      add("cname-chain", "at most \(Cache.longestChain) aliases are followed")
    }
    return rules
  }

  /// What lists and rules say of a name, for which groups.
  private static func blocks(
    _ name: [UInt8], _ type: RecordType, _ filter: borrowing NameFilter, _ groups: [String]
  ) -> [String] {
    let match = filter.look(name.span)
    guard filter.isActive, !match.isEmpty else { return [] }
    let question = NameFilter.Question(type: type, client: IPAddress(v4: 0x7F00_0001))
    var sentences: [(said: String, groups: [String])] = []
    for (number, group) in groups.enumerated() {
      let said: String
      switch filter.decide(name.span, match, question, inGroup: number) {
      case .free, .passed: said = "is in a list or a rule, but not blocked"
      case .allowed: said = "is allowed"
      case .alias(let target): said = "is an alias of \(target) by safe search"
      case .blocked(.list(let list), _): said = "is blocked by list \(filter.listName(list))"
      case .blocked(.rule(let rule), _):
        said = "is blocked by \(filter.rule(rule).map { BlockReport.words($0) } ?? "a rule")"
      }
      if let index = sentences.firstIndex(where: { $0.said == said }) {
        sentences[index].groups.append(group)
      } else {
        sentences.append((said, [group]))
      }
    }
    return sentences.map {
      "\(Name.text(name.span)) \($0.said), for \($0.groups.joined(separator: ", ")); see ctl block test"
    }
  }

  private static func rulesOfTime(
    _ set: RRset, _ cache: borrowing Cache, _ add: (String, String) -> Void
  ) {
    let limits = cache.limits
    if set.flags.contains(.shortened) {
      let isNegative = set.kind != .records && set.ttl == limits.maximumNegativeTTL
      let rule = isNegative ? "max-negative-ttl" : "max-ttl"
      add(rule, "\(word(set)) came with a longer TTL, which was cut to \(set.ttl) s")
    }
    if set.flags.contains(.prolonged) {
      add(
        "min-ttl", "\(word(set)) came with a shorter TTL, which was raised to \(set.ttl) s")
    }
    if set.kind != .records {
      add(
        "negative-caching",
        "that there is no \(set.kind == .nxDomain ? "such name" : "\(set.type)") is believed for as long as the zone's SOA says"
      )
    }
    if cache.isStale(set, now: Cache.seconds()) {
      add(
        "serve-stale",
        "\(word(set)) is kept for \(Elapsed.text(seconds: Int(limits.staleAge))) after its time, for when upstream fails"
      )
    }
  }

  private static func rulesOfFailure(_ view: FailureView, _ add: (String, String) -> Void) {
    if view.blockedFor > 0 {
      let flags =
        view.queryFlags.isEmpty ? "" : " with \(view.queryFlags.words.joined(separator: " "))"
      add(
        "failure-cache",
        "\(view.type)\(flags) failed \(Elapsed.text(milliseconds: view.age)) ago and is asked again in \(Elapsed.text(milliseconds: view.blockedFor)) (RFC 9520)"
      )
    }
    switch view.detail.kind {
    case .uncacheable:
      add(
        "not-kept",
        "the last answer for \(view.type) had a TTL of zero, or no SOA that says how long: it was given once"
      )
    case .large:
      add(
        "large-rrset",
        "the last answer for \(view.type) had more than \(Cache.recordsPerSet) records or \(Cache.octetsPerSet) octets: it was given once"
      )
    default: break
    }
  }

  private static func word(_ set: RRset) -> String {
    switch set.kind {
    case .records: "\(set.type)"
    case .noData: "the absence of \(set.type)"
    case .nxDomain: "the name's absence"
    }
  }
}

extension FailureDetail {
  /// What was in the way, for people.
  var words: String {
    switch kind {
    case .silence: "no reply in time"
    case .unreachable: "can't be reached"
    case .errorCode: "\(rcode) from upstream"
    case .referral: "upstream points elsewhere: it does not resolve"
    case .malformed: "a malformed reply"
    case .tooLarge: "more than a message or an RRset may hold"
    case .uncacheable: "an answer that may be given once only"
    case .large: "an answer too large to be kept"
    }
  }
}
