import DNSCache
import DNSPolicy
import DNSWire
import Memory

// Names that are blocked, or answered as another name, by lists and rules: see NameFilter.

extension Service {
  /// What lists and rules make of a question.
  enum Screened {
    /// It is answered as if there were none.
    case passed
    /// The same, wherever aliases lead.
    case allowed
    /// The name asked for is blocked, or one that it leads to.
    case blocked(NameFilter.Reason, BlockAnswer, target: [UInt8]?)
    /// The name asked for is an alias of another.
    case alias(Name)
  }

  /// Composes an answer that needs more than the cache: names that lists may have, and those that are answered here.
  ///
  /// ``compose(_:_:beside:from:into:)`` found no answer: a name is missing, or it isn't known whether lists have it.
  ///
  /// - Returns: the message's octets, or nothing when something is missing that the key then names, and that others
  ///   have to be asked for.
  @inline(never)
  mutating func composeByRules(
    _ header: Header, _ material: Material, beside remarks: Span<UInt8> = Span(),
    from cache: inout Cache, into writer: inout MessageWriter
  ) -> Int? {
    ruleSource = .local
    var material = material
    var isAllowed = false
    if isUnscreened || !material.overlays.isNewQuery {
      if isUnscreened {
        isUnscreened = false
        writer.rewindToQuestion()
        writer.limit = header.limit
        writer.loadQuestion(into: &key)
      }
      switch screen(header, material, &cache) {
      case .blocked(let reason, let answer, let target):
        return finishFiltered(header, reason, answer, target: target, into: &writer)
      case .alias(let name):
        return composeLocal(
          header, material, as: name, beside: remarks, from: &cache, into: &writer)
      case .passed: break
      case .allowed: isAllowed = true
      }
      if material.overlays.isNewQuery { material.overlays = .screenedQuery }
      if let count = compose(header, material, beside: remarks, from: &cache, into: &writer) {
        ruleSource = .hit
        return count
      }
    }
    // The names on the way are not blocked; the one that is missing has yet to be looked for.
    return composeLocal(
      header, material, screens: !isAllowed, beside: remarks, from: &cache, into: &writer)
  }

  /// Ends the answer to a query that rules had to be asked about.
  @inline(never)
  mutating func finishByRules(
    _ count: Int, _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>,
    now: UInt64
  ) -> Verdict {
    let rcode = Service.rcode(reply)
    guard rcode == 0 || admitCostly(header, now: now), admitExcess(of: count, header, now: now)
    else { return limit(header, question, reply: &reply) }
    switch ruleSource {
    case .hit:
      if rcode == ResponseCode.servFail.rawValue { failed.note(question, .endlessAliases) }
      counters.hits &+= 1
    case .local:
      counters.local &+= 1
      counters.special &+= 1
    default: break
    }
    return .reply(count, ruleSource)
  }

  /// Writes the answer of a query that is not answered at once, from all that there is.
  mutating func composeAnswer(
    _ header: Header, _ material: Material, beside remarks: Span<UInt8> = Span(),
    from cache: inout Cache, into writer: inout MessageWriter
  ) -> Int? {
    ruleSource = .hit
    guard filter.value.isActive else {
      return compose(header, material, beside: remarks, from: &cache, into: &writer)
        ?? composeLocal(header, material, beside: remarks, from: &cache, into: &writer)
    }
    // Rules may have changed since it came.
    if material.overlays.isNewQuery,
      let count = compose(header, material, beside: remarks, from: &cache, into: &writer)
    {
      return count
    }
    return composeByRules(header, material, beside: remarks, from: &cache, into: &writer)
  }

  /// Looks at the names that the cache would answer a question with.
  ///
  /// The key has the name that is asked for.
  private func screen(
    _ header: Header, _ material: Material, _ cache: inout Cache
  ) -> Screened {
    var result = Screened.passed
    _ = cache.screenAnswer(
      key, type: header.type, queryFlags: material.queryFlags, overlays: material.overlays,
      stale: material.stale, isFree: material.isFree, now: material.now
    ) { name in
      let match = filter.value.look(name)
      guard !match.isEmpty else { return .free }
      let isAsked = key.matches(name)
      switch filter.value.decide(name, match, question(header)) {
      case .free, .passed: return .passed
      case .allowed:
        guard isAsked else { return .passed }
        result = .allowed
      case .alias(let target):
        guard isAsked else { return .passed }
        result = .alias(target)
      case .blocked(let reason, let answer):
        result = .blocked(reason, answer, target: isAsked ? nil : name.indices.map { name[$0] })
      }
      return .stop
    }
    return result
  }

  /// What the filter is to know of a query.
  private func question(_ header: Header) -> NameFilter.Question {
    NameFilter.Question(
      type: header.type, client: header.address,
      isStream: header.transport == .tcp)
  }

  /// What lists and rules make of the key's name, which is missing in the cache: the name asked for, or one that it
  /// leads to.
  mutating func screenMissing(
    _ header: Header, _ writer: borrowing MessageWriter
  ) -> Screened {
    let isTarget = writer.counts.answer > 0
    let match = filter.value.look(key.octets)
    guard !match.isEmpty else {
      isMissingFree = !isTarget
      return .passed
    }
    if isTarget {
      writer.loadQuestion(into: &askedKey)
      if isAllowed(askedKey.octets, header) { return .allowed }
    }
    switch filter.value.decide(key.octets, match, question(header)) {
    case .free, .passed: return .passed
    case .allowed: return .allowed
    case .alias(let target): return isTarget ? .passed : .alias(target)
    case .blocked(let reason, let answer):
      return .blocked(
        reason, answer, target: isTarget ? key.octets.indices.map { key.octets[$0] } : nil)
    }
  }

  /// Whether the name asked for is allowed wherever it leads.
  private func isAllowed(_ asked: Span<UInt8>, _ header: Header) -> Bool {
    let match = filter.value.look(asked)
    return !match.isEmpty && filter.value.decide(asked, match, question(header)) == .allowed
  }

  // MARK: The answer

  /// Seconds for which safe search's aliases may be kept.
  static let safeSearchTTL: UInt32 = 3_600

  /// Ends the answer to a question that is blocked.
  ///
  /// - Parameter target: the name that is blocked when it isn't the one asked for.
  mutating func finishFiltered(
    _ header: Header, _ reason: NameFilter.Reason, _ answer: BlockAnswer, target: [UInt8]?,
    into writer: inout MessageWriter
  ) -> Int {
    ruleSource = .blocked
    blockedBy = reason
    counters.blocked &+= 1
    filter.value.noteBlocked(by: reason, from: header.address)
    writer.rewindToQuestion()
    writer.loadQuestion(into: &key)
    writer.limit = header.limit - header.optOctets
    var flags = Service.responseFlags(header.flags)
    let ttl = filter.value.ttl
    switch (answer, header.type) {
    case (.zero, .a):
      writer.record(
        owner: MessageHeader.size, type: .a, ttl: ttl, data: [0, 0, 0, 0].span, in: .answer)
    case (.zero, .aaaa):
      writer.record(
        owner: MessageHeader.size, type: .aaaa, ttl: ttl,
        data: [UInt8](repeating: 0, count: 16).span, in: .answer)
    case (.addresses(let address?, _), .a), (.addresses(_, let address?), .aaaa):
      writer.record(
        owner: MessageHeader.size, type: header.type, ttl: ttl, data: address.octets.span,
        in: .answer)
    case (.refused, _), (.drop, _): flags |= ResponseCode.refused.rawValue
    case (.nxDomain, _):
      flags |= ResponseCode.nxDomain.rawValue
      writeFilteredSOA(owner: [0], ttl: ttl, into: &writer)
    case (.truncated, _): flags |= MessageHeader.Flag.truncated
    case (.zero, _), (.noData, _), (.addresses, _), (.alias, _):
      writeFilteredSOA(owner: key.octets.indices.map { key.octets[$0] }, ttl: ttl, into: &writer)
    }
    writer.limit = header.limit
    if header.hasEDNS {
      Service.writeOPT(
        extendedRcode: 0, for: header, error: filter.value.extendedError(reason, target: target),
        into: &writer)
    }
    return writer.finish(flags: flags)
  }

  /// Writes the SOA by which clients know how long a name may be taken for one without data (RFC 2308 §3).
  private func writeFilteredSOA(
    owner: [UInt8], ttl: UInt32, into writer: inout MessageWriter
  ) {
    let mark = writer.mark
    writeSOA(owner: owner.span, zone: owner.span, ttl: ttl, in: .authority, into: &writer)
    if writer.overflowed { writer.rewind(to: mark) }
  }
}

extension NameFilter {
  /// What clients that speak EDNS are told of a block (RFC 8914 §4.16, §4.18): by which list, or that it is a rule of
  /// their group's.
  func extendedError(_ reason: Reason, target: [UInt8]?) -> ExtendedError {
    let leads =
      target.map { " it leads to \((try? Name(wire: $0.span)).map { "\($0)" } ?? "another name")" }
      ?? ""
    switch reason {
    case .list(let number):
      return ExtendedError(.blocked, "list \(listName(number))\(leads.isEmpty ? "" : ":\(leads)")")
    case .rule(let number):
      switch rule(number)?.origin {
      case .group:
        return ExtendedError(.filtered, "a rule of your group\(leads.isEmpty ? "" : ":\(leads)")")
      case .builtIn: return ExtendedError(.blocked, "this resolver is to be kept to")
      default: return ExtendedError(.blocked, "a rule\(leads.isEmpty ? "" : ":\(leads)")")
      }
    }
  }
}
