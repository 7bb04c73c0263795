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
  public var links: [Link]
  /// What becomes of the question.
  public var course: Course
  /// The answer's code if stale data were used; nothing when there is none that would answer.
  public var staleAnswer: ResponseCode?
  /// What happens, and happened, upstream to the last link's name.
  public var question: QuestionFacts

  /// A name, and what is known of it.
  public struct Link: Sendable {
    /// The name in wire form, lower-cased.
    public var name: [UInt8]
    /// What is known, stale data among it.
    public var sets: [RRset]
    /// Which of it answers the question, or leads on.
    public var used: Int?
  }

  /// What a client gets for a name in a special zone.
  public struct SpecialAnswer: Sendable {
    /// The zone's name in wire form.
    public var zone: [UInt8]
    /// The route that has nobody to ask, if it is one's zone; else the default one.
    public var route: RouteID
    /// The answer's code.
    public var rcode: ResponseCode
    /// The records of the name itself; none when it does not exist or has none of the type.
    public var records: [Record]
  }

  /// What becomes of a question.
  public enum Course: Sendable {
    /// The cache answers.
    case hit(ResponseCode)
    /// It is answered here: the name, or what it leads to, is in a special zone.
    case special(SpecialAnswer)
    /// No record has that type: it is answered here with a code.
    case unasked(ResponseCode)
    /// The aliases form a loop or too long a chain.
    case endless
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
  /// Says what a client gets that asks for a name now, and why; changes nothing.
  ///
  /// - Parameters:
  ///   - name: the name in wire form, lower-cased.
  ///   - now: the time in milliseconds.
  public mutating func explain(
    _ name: [UInt8], type: RecordType, cache: borrowing Cache, resolver: borrowing Resolver,
    now: UInt64
  ) -> NameFacts {
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    let (links, end) = Service.follow(name, type, in: cache, stale: false, now: seconds)
    var key = NameKey(seed: cache.seed)
    let asked = links.last?.name ?? name
    key.load(trusted: asked.span)
    let question = resolver.facts(of: key, type: type, needs: [], now: now)
    var stale: ResponseCode?
    if case .written(let rcode) = Service.follow(name, type, in: cache, stale: true, now: seconds)
      .end
    {
      stale = rcode
    }
    let course: NameFacts.Course
    switch end {
    case _ where Service.isSpecial(type): course = .unasked(Service.specialTypeCode(type))
    case .written where Service.isBlocked(name, links, cache): course = .blocked
    case .written(let rcode): course = .hit(rcode)
    case .endless: course = .endless
    case .missing:
      if links.count > 1 && Service.isFiltered(name, cache),
        case .local(let match) = policy.value.decide(key.octets, asked: type),
        Service.isLoopback(match, type), cache.rebindFilter.coversLoopback
      {
        course = .blocked
      } else if let answer = specialAnswer(asked, type) {
        course = .special(answer)
      } else if question.inFlight != nil {
        course = .joins
      } else if question.isBlocked(type) {
        course = .failsAgain
      } else {
        course = question.isNobodyThere ? .failsForAll : .asks
      }
    }
    return NameFacts(links: links, course: course, staleAnswer: stale, question: question)
  }

  /// What a client gets for a name that is answered here; nil for one that upstream is asked for.
  private mutating func specialAnswer(
    _ name: [UInt8], _ type: RecordType
  ) -> NameFacts.SpecialAnswer? {
    // Loaded anew for each query, so that what it held is of no more use.
    key.load(trusted: name.span)
    guard case .local(let match) = policy.value.decide(key.octets, asked: type) else { return nil }
    let header = Header(
      id: 0, flags: MessageHeader.Flag.recursionDesired, type: type, hasEDNS: false,
      dnssecOK: false, udpSize: 0, transport: .udp, address: IPAddress(v4: 0), isProven: true)
    // Of class IN.
    let kind = type.rawValue
    let question = name + [UInt8(kind >> 8), UInt8(kind & 0xFF), 0, 1]
    var octets = [UInt8](repeating: 0, count: ServiceSettings.plainUDPSize)
    var reply = octets.mutableSpan
    var writer = MessageWriter(&reply, limit: header.limit, suffixes: suffixes)
    Service.begin(&writer, header, question.span)
    guard let count = composeSpecial(header, hidesLoopback: false, into: &writer),
      let message = try? Message(parsing: octets.span.extracting(0..<count))
    else { return nil }
    let zone = policy.value.name(match.zone)
    return NameFacts.SpecialAnswer(
      zone: zone.indices.map { zone[$0] }, route: match.route, rcode: message.rcode,
      records: message.answers)
  }

  private static func isFiltered(_ name: [UInt8], _ cache: borrowing Cache) -> Bool {
    var key = NameKey(seed: cache.seed)
    key.load(trusted: name.span)
    return cache.rebindFilter.applies(to: key.octets)
  }

  /// Whether an answer to a name is withheld for a local address in it.
  private static func isBlocked(
    _ name: [UInt8], _ links: [NameFacts.Link], _ cache: borrowing Cache
  ) -> Bool {
    guard let last = links.last, let used = last.used, last.sets[used].kind == .records,
      isFiltered(name, cache)
    else { return false }
    let type = last.sets[used].type
    var isLocal = false
    cache.visitRecords(of: last.sets[used]) {
      if cache.rebindFilter.isLocal($0, type) { isLocal = true }
    }
    return isLocal
  }

  private enum ChainEnd {
    case written(ResponseCode)
    case missing
    case endless
  }

  /// Follows aliases as `Cache.answer` does for a client without DO and CD.
  private static func follow(
    _ name: [UInt8], _ type: RecordType, in cache: borrowing Cache, stale: Bool, now: UInt32
  ) -> (links: [NameFacts.Link], end: ChainEnd) {
    var links: [NameFacts.Link] = []
    var name = name
    while true {
      var key = NameKey(seed: cache.seed)
      key.load(trusted: name.span)
      var sets: [RRset] = []
      cache.visitSets(of: key, stale: true, now: now) { sets.append($0) }
      let usable = sets.indices.filter {
        let set = sets[$0]
        return set.rank.answersQuestions && !set.marks.contains(.unchecked)
          && (stale || set.expiry > now)
      }
      let exact = usable.first { sets[$0].type == type }
      let alias = usable.last {
        sets[$0].type == .cname && sets[$0].kind == .records && !type.isOfAlias
      }
      let noName = usable.last { sets[$0].kind == .noName }
      let used = exact ?? alias ?? noName
      links.append(NameFacts.Link(name: name, sets: sets, used: used))
      guard let used else { return (links, .missing) }
      if used == exact { return (links, .written(.noError)) }
      if used == noName { return (links, .written(.nxDomain)) }
      guard links.count <= Cache.longestChain else { return (links, .endless) }
      cache.visitRecords(of: sets[used]) { target in name = target.indices.map { target[$0] } }
    }
  }
}

extension QuestionFacts {
  /// Whether a question without DO and CD has failed not long before, and isn't asked again yet.
  fileprivate func isBlocked(_ type: RecordType) -> Bool {
    troubles.contains { $0.type == type && $0.needs.isEmpty && $0.blockedFor > 0 }
  }
}
