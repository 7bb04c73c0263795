import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSWire
import Memory

/// What a client gets that asks for a name now, and why; for people.
///
/// The client is one without DO and CD. RRsets are the cache's own: they are good until it changes.
public struct NameFacts: Sendable {
  /// The names on the way: the one asked for first, then where aliases lead.
  public var links: [Cache.Link]
  /// What becomes of the question.
  public var outcome: Outcome
  /// The answer's code if stale data were used; nothing when there is none that would answer.
  public var staleAnswer: ResponseCode?
  /// What happens, and happened, upstream to the last link's name.
  public var question: QuestionFacts

  /// What a client gets for a name in a special zone.
  public struct SpecialAnswer: Sendable {
    /// The name of the zone that is answered here, in wire form; nothing for a name of the LAN's own outside of any.
    public var zone: [UInt8]?
    /// Whether that zone is the LAN's own, and no special one.
    public var isOwnZone = false
    /// The route that has nobody to ask, if it is one's zone; else the default one.
    public var route: RouteID
    /// The answer's code.
    public var rcode: ResponseCode
    /// The records of the name itself; none when it does not exist or has none of the type.
    public var records: [Record]
    /// Where the LAN's own records of the name were read, whatever their type; none for a special name.
    public var origins: [RecordOrigin] = []
  }

  /// Where a local record was read.
  public struct RecordOrigin: Sendable {
    /// Its type.
    public var type: RecordType
    /// The source.
    public var source: LocalSource.ID
    /// The line there.
    public var line: Int
    /// Whether it is given; not when a better source has the name.
    public var isGiven: Bool
  }

  /// What becomes of a question.
  public enum Outcome: Sendable {
    /// The cache answers.
    case hit(ResponseCode)
    /// It is answered here: the name, or what it leads to, is in a special zone.
    case special(SpecialAnswer)
    /// No record has that type: it is answered here with a code.
    case unasked(ResponseCode)
    /// The aliases form a loop or too long a chain.
    case endless
    /// A list or a rule blocks it, or what it leads to, for this host; the name is told when it is another.
    case filtered(NameFilter.Reason, BlockAnswer, target: [UInt8]?)
    /// Safe search answers it as an alias.
    case aliased(Name)
    /// The answer holds a local address, which the name may not lead to (`RebindProtection`).
    case blocked
    /// The same question is being asked already; the client waits with others.
    case joins
    /// It has failed not long before, and isn't asked again yet.
    case failsAgain
    /// Every upstream has been silent for long.
    case failsForAll
    /// An upstream is asked.
    case asks
  }
}

extension Service {
  /// Says what a client gets that asks for a name now, and why; asks nobody and counts as no use.
  ///
  /// - Parameters:
  ///   - name: the name in wire form, lower-cased.
  ///   - now: the time in milliseconds.
  public mutating func explain(
    _ name: [UInt8], type: RecordType, cache: inout Cache, resolver: borrowing Resolver,
    now: UInt64
  ) -> NameFacts {
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    // Loaded anew for each query, so that what it held is of no more use.
    key.load(trusted: name.span)
    let staleAnswer: ResponseCode? =
      switch trace(type, in: &cache, stale: true, now: seconds).answer {
      case .written(let rcode, _, _): rcode
      case .blocked: .noError
      case .missing, .endless, .unscreened: nil
      }
    let (answer, links) = trace(type, in: &cache, stale: false, now: seconds)
    let isFiltered = links.count > 1 && cache.rebindFilter.isOn && cache.isAliasFiltered
    let last = links.last?.name ?? name
    key.load(trusted: last.span)
    let question = resolver.facts(of: key, type: type, queryFlags: [], now: now)
    let outcome: NameFacts.Outcome
    let filtered = filtered(links.map(\.name), type)
    switch answer {
    case _ where filtered != nil: outcome = filtered ?? .endless
    case _ where Service.isSpecial(type): outcome = .unasked(Service.specialTypeCode(type))
    case .written(let rcode, _, _): outcome = .hit(rcode)
    case .blocked: outcome = .blocked
    case .endless: outcome = .endless
    case .missing, .unscreened:
      outcome =
        local(type, isFiltered: isFiltered, cache: &cache, now: seconds)
        ?? Service.asked(question.plan, hasStale: staleAnswer != nil)
    }
    return NameFacts(links: links, outcome: outcome, staleAnswer: staleAnswer, question: question)
  }

  private func trace(
    _ type: RecordType, in cache: inout Cache, stale: Bool, now: UInt32
  ) -> (answer: Cache.Answer, links: [Cache.Link]) {
    cache.trace(key, type: type, stale: stale, now: now) { [policy] in
      policy.value.keeps($0, since: $1)
    }
  }

  /// What lists and rules make of the names on the way, for a client on this host.
  private func filtered(_ names: [[UInt8]], _ type: RecordType) -> NameFacts.Outcome? {
    let question = NameFilter.Question(type: type, client: IPAddress(v4: 0x7F00_0001))
    for (index, name) in names.enumerated() {
      let match = filter.value.look(name.span)
      guard filter.value.isActive, !match.isEmpty,
        !policy.value.decide(name.span, asked: type).goesBeforeLists
      else { continue }
      switch filter.value.decide(name.span, match, question) {
      case .free, .passed: continue
      case .allowed: if index == 0 { return nil }
      case .alias(let target): if index == 0 { return .aliased(target) }
      case .blocked(let reason, let answer):
        return .filtered(reason, answer, target: index == 0 ? nil : name)
      }
    }
    return nil
  }

  /// What becomes of a question that no data answers.
  private static func asked(_ plan: Resolver.Plan, hasStale: Bool) -> NameFacts.Outcome {
    switch plan {
    case .join: .joins
    case .failedBefore: .failsAgain
    case .noServer: .failsForAll
    // Who has something else is not the one to find out whether anybody is there.
    case .ask(_, let isTrial): isTrial && hasStale ? .failsForAll : .asks
    }
  }

  /// What a client gets for what the key names if it is answered here; nil when upstream is asked for it.
  private mutating func local(
    _ type: RecordType, isFiltered: Bool, cache: inout Cache, now: UInt32
  ) -> NameFacts.Outcome? {
    guard case .local(let match) = policy.value.decide(key.octets, asked: type) else { return nil }
    if isFiltered && hasLocalAddress(match, type, cache.rebindFilter) { return .blocked }
    let header = Header(
      id: 0, flags: MessageHeader.Flag.recursionDesired, type: type, hasEDNS: false,
      dnssecOK: false, udpSize: 0, transport: .udp, address: IPAddress(v4: 0), isProven: true)
    // Of class IN.
    let kind = type.rawValue
    let question =
      key.octets.indices.map { key.octets[$0] } + [UInt8(kind >> 8), UInt8(kind & 0xFF), 0, 1]
    var octets = [UInt8](repeating: 0, count: ServiceSettings.plainUDPSize)
    var reply = octets.mutableSpan
    var writer = MessageWriter(&reply, limit: header.limit, suffixes: suffixes)
    Service.begin(&writer, header, question.span)
    guard let count = composeLocal(header, Material([], now: now), from: &cache, into: &writer),
      let message = try? Message(parsing: octets.span.extracting(0..<count))
    else { return nil }
    var answer = NameFacts.SpecialAnswer(
      zone: nil, route: match.route, rcode: message.rcode, records: message.answers)
    if let zone = policy.value.authority(match) {
      let name = policy.value.name(zone)
      answer.zone = name.indices.map { name[$0] }
      answer.isOwnZone = policy.value.isLocal(zone)
    }
    if case .records(let name) = match.answer {
      policy.value.local.value.visitRecords(of: name) { kind, _, records, isGiven in
        let origin = policy.value.local.value.origin(of: records)
        answer.origins.append(
          NameFacts.RecordOrigin(
            type: kind, source: origin.source, line: origin.line, isGiven: isGiven))
      }
    }
    return .special(answer)
  }
}
