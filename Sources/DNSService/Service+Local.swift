import DNSCache
import DNSPolicy
import DNSWire
import Memory

// Names that this server answers itself: special ones, and the LAN's own.

extension Service {
  /// What an answer is composed from beside the cache.
  struct Material {
    /// Which data will do for the client.
    var queryFlags: QueryFlags
    /// What a client that has waited is answered from, too.
    var overlays = OverlayPair.newQuery
    /// Whether expired data is used, too.
    var stale = false
    /// Whether it is known that no list has the name asked for.
    var isFree = false
    /// The time in seconds.
    var now: UInt32

    init(_ queryFlags: QueryFlags, now: UInt32) {
      self.queryFlags = queryFlags
      self.now = now
    }
  }

  /// Writes what is answered here for the key's name, behind the aliases that lead to it.
  ///
  /// An alias of the LAN's own is followed, in the cache, too.
  ///
  /// - Parameters:
  ///   - other: what the name is an alias of by a rule.
  ///   - screens: whether the name has yet to be looked for in lists.
  ///   - remarks: what upstream said beside the answer: options for an OPT record.
  /// - Returns: the message's octets, or nothing when something is missing that the key then names, and that others
  ///   have to be asked for.
  @inline(never)
  mutating func composeLocal(
    _ header: Header, _ material: Material, as other: Name? = nil, screens: Bool = false,
    beside remarks: Span<UInt8> = Span(), from cache: inout Cache, into writer: inout MessageWriter
  ) -> Int? {
    // The compiler sees that a handle of its own is no part of what is changed below.
    let policy = policy
    let isLed = writer.counts.answer > 0
    // By the name asked for. What the operator wrote himself may lead anywhere.
    let isFiltered = isLed && cache.rebindFilter.isOn && cache.isAliasFiltered
    // The zone's own data, unless an alias of another's leads here.
    let flags = Service.responseFlags(header.flags) | (isLed ? 0 : MessageHeader.Flag.authoritative)
    var other = other
    var screens = screens
    var links = Int(writer.counts.answer)
    while true {
      if let name = other.take() {
        writer.limit = header.limit - header.optOctets
        if let count = goOn(
          .filter(name), &links, isFiltered, header,
          flags & ~MessageHeader.Flag.authoritative, material, beside: remarks,
          from: &cache, into: &writer)
        {
          return count
        }
        continue
      }
      let decision = policy.value.decide(key.octets, hash: key.hash, asked: header.type)
      if screens && !decision.goesBeforeLists {
        switch screenMissing(header, writer) {
        case .passed, .allowed: break
        case .blocked(let reason, let answer, let target):
          return finishFiltered(header, reason, answer, target: target, into: &writer)
        case .alias(let name):
          other = name
          continue
        }
      }
      // What the operator or safe search leads to isn't looked for in lists.
      screens = false
      let match: Policy.LocalMatch
      switch decision {
      case .local(let found): match = found
      case .route(let route):
        missingRoute = route
        writer.limit = header.limit
        return nil
      }
      if isFiltered && hasLocalAddress(match, header.type, cache.rebindFilter) {
        writer.rewindToQuestion()
        writer.limit = header.limit
        counters.rebindBlocked &+= 1
        return Service.finishBlocked(header, &writer)
      }
      writer.limit = header.limit - header.optOctets
      guard header.type != .cname, !header.type.isOfAlias, let alias = alias(match) else {
        return finishLocal(header, match, flags, into: &writer)
      }
      if let count = goOn(
        .local(alias), &links, isFiltered, header, flags, material, beside: remarks, from: &cache,
        into: &writer)
      {
        return count
      }
    }
  }

  /// Writes an alias that is made here, and what the cache has of its target.
  ///
  /// - Parameter links: aliases so far.
  /// - Returns: the message's octets, or nothing when the name that the key then has is missing.
  private mutating func goOn(
    _ alias: Alias, _ links: inout Int, _ isFiltered: Bool, _ header: Header, _ flags: UInt16,
    _ material: Material, beside remarks: Span<UInt8>, from cache: inout Cache,
    into writer: inout MessageWriter
  ) -> Int? {
    // As above.
    let policy = policy
    links += 1
    guard links <= Cache.longestChain else {
      writer.rewindToQuestion()
      writer.limit = header.limit
      return Service.finishEndless(header, &writer)
    }
    let mark = writer.mark
    let target = writeAlias(alias, into: &writer)
    if writer.overflowed {
      writer.rewind(to: mark)
      return finish(header, flags | MessageHeader.Flag.truncated, into: &writer)
    }
    if header.type == .cname || header.type.isOfAlias {
      return finish(header, flags, into: &writer)
    }
    switch alias {
    case .local(let own): key.load(trusted: policy.value.local.value.data(of: own))
    case .filter(let name): key.load(trusted: name.wire.span)
    }
    // What the operator or safe search leads to isn't looked for in lists.
    var material = material
    if material.overlays.isNewQuery { material.overlays = .screenedQuery }
    if cache.hasUnjudged { judge(header.type, &cache, material) }
    let answer = cache.answer(
      &key, after: Cache.AliasChain(owner: target, links: links, isFiltered: isFiltered),
      type: header.type, queryFlags: material.queryFlags, into: &writer,
      overlays: material.overlays, stale: material.stale,
      partly: Service.isWrittenPartly(header), now: material.now)
    if case .missing = answer {
      links = max(links, Int(writer.counts.answer))
      return nil
    }
    return finish(answer, header, flags, material, beside: remarks, cache, into: &writer)
  }

  /// The alias that a name of the LAN's own is.
  private func alias(_ match: Policy.LocalMatch) -> LocalRecords? {
    guard case .records(let name) = match.answer else { return nil }
    return policy.value.local.value.alias(of: name)
  }

  /// An alias that is made here.
  private enum Alias {
    /// One of the LAN's own.
    case local(LocalRecords)
    /// A rule's: safe search.
    case filter(Name)
  }

  /// Writes an alias that is made here.
  ///
  /// - Returns: where its target stands in the message.
  private func writeAlias(_ alias: Alias, into writer: inout MessageWriter) -> Int {
    let begin: Int
    switch alias {
    case .local(let own):
      begin = self.begin(.cname, ttl: policy.value.local.value.ttl(of: own), into: &writer)
      writer.name(policy.value.local.value.data(of: own), compress: true)
    case .filter(let name):
      begin = self.begin(.cname, ttl: Service.safeSearchTTL, into: &writer)
      writer.name(name.wire.span, compress: true)
    }
    writer.endRecord(begin, in: .answer)
    return begin
  }

  /// Whether what is answered here for a name has a local address that a name of the internet may not lead to.
  func hasLocalAddress(
    _ match: Policy.LocalMatch, _ type: RecordType, _ filter: borrowing RebindFilter
  ) -> Bool {
    switch match.answer {
    case .special(let kind):
      return kind == .loopback && (type == .a || type == .aaaa) && filter.coversLoopback
    case .records(let name):
      var records = policy.value.local.value.records(of: name, type)
      while !records.isEmpty {
        if filter.isLocal(policy.value.local.value.data(of: records), type) { return true }
        policy.value.local.value.advance(&records)
      }
      return false
    case .noData, .nxDomain: return false
    }
  }

  // MARK: The answer

  /// Ends an answer with what a name that is answered here has.
  private func finishLocal(
    _ header: Header, _ match: Policy.LocalMatch, _ flags: UInt16, into writer: inout MessageWriter
  ) -> Int {
    var flags = flags
    let mark = writer.mark
    if !writeOwnRecords(header.type, match, into: &writer),
      case let match = policy.value.placed(match, key.octets),
      !writeZoneData(header.type, match, into: &writer)
    {
      flags |= rcode(match).rawValue
      writeNegativeSOA(match, into: &writer)
    }
    if writer.overflowed {
      writer.rewind(to: mark)
      flags |= MessageHeader.Flag.truncated
    }
    return finish(header, flags, into: &writer)
  }

  private func finish(
    _ header: Header, _ flags: UInt16, into writer: inout MessageWriter
  ) -> Int {
    writer.limit = header.limit
    if header.hasEDNS { Service.writeOPT(extendedRcode: 0, for: header, into: &writer) }
    return writer.finish(flags: flags)
  }

  /// What a name without data of the type asked for is: there, or not there at all.
  private func rcode(_ match: Policy.LocalMatch) -> ResponseCode {
    switch match.answer {
    case .records, .noData: return .noError
    case .nxDomain: return .nxDomain
    case .special(let kind):
      switch kind {
      case .absent: return .nxDomain
      case .loopback, .noData: return .noError
      case .empty: return match.isApex ? .noError : .nxDomain
      case .loopbackReverse:
        // The names between the zone and that of 127.0.0.1 are there, and empty (RFC 8020).
        return match.isApex || LoopbackName.isAbove(key.octets) ? .noError : .nxDomain
      }
    }
  }

  /// Writes the records that the key's name has.
  ///
  /// - Returns: whether there are any.
  private func writeOwnRecords(
    _ type: RecordType, _ match: Policy.LocalMatch, into writer: inout MessageWriter
  ) -> Bool {
    switch match.answer {
    case .records(let name): writeRecords(name, type, into: &writer)
    case .special(let kind): writeSpecialData(kind, type, into: &writer)
    case .noData, .nxDomain: false
    }
  }

  /// Writes the SOA or NS record that each zone has, if the key's name is a zone's own.
  ///
  /// - Returns: whether that was asked for.
  private func writeZoneData(
    _ type: RecordType, _ match: Policy.LocalMatch, into writer: inout MessageWriter
  ) -> Bool {
    guard match.isApex, let zone = policy.value.authority(match) else { return false }
    switch (match.answer, type) {
    case (.special(.absent), _): return false
    case (_, .soa):
      writeSOA(zone, owner: key.octets, in: .answer, into: &writer)
      return true
    case (_, .ns):
      let begin = begin(.ns, ttl: soaTTL(zone), into: &writer)
      writer.name(policy.value.name(zone), compress: true)
      writer.endRecord(begin, in: .answer)
      return true
    default: return false
    }
  }

  private func begin(
    _ type: RecordType, ttl: UInt32, into writer: inout MessageWriter
  ) -> Int {
    // The name asked for stands in the question, in the client's own letter case.
    writer.counts.answer == 0
      ? writer.beginRecord(owner: MessageHeader.size, type: type, ttl: ttl)
      : writer.beginRecord(ownerName: key.octets, type: type, ttl: ttl)
  }

  // MARK: The LAN's own records

  /// Writes a name's records under the key's name, and the addresses of hosts that they name.
  private func writeRecords(
    _ name: LocalName, _ type: RecordType, into writer: inout MessageWriter
  ) -> Bool {
    var leastTTL: UInt32 = 0
    let first = policy.value.local.value.visit(name, type) { ttl, data in
      leastTTL = ttl
      let begin = begin(type, ttl: ttl, into: &writer)
      writer.data(data, of: type)
      writer.endRecord(begin, in: .answer)
    }
    guard !first.isEmpty else { return false }
    if !writer.overflowed { writeAdditional(first, type, ttl: leastTTL, into: &writer) }
    return true
  }

  /// Adds the addresses of hosts of the LAN that NS, MX and SRV records name (RFC 1034 §4.3.2 step 6).
  ///
  /// What doesn't fit is left out.
  private func writeAdditional(
    _ first: LocalRecords, _ type: RecordType, ttl: UInt32, into writer: inout MessageWriter
  ) {
    let before: Int
    switch type {
    case .ns: before = 0
    case .mx: before = 2
    case .srv: before = 6
    default: return
    }
    var targets = first
    while !targets.isEmpty {
      let data = policy.value.local.value.data(of: targets)
      let host = data.extracting(min(before, data.count)..<data.count)
      if !host.isEmpty, let name = policy.value.local.value.find(host) {
        for type in [RecordType.a, .aaaa] {
          let mark = writer.mark
          var addresses = policy.value.local.value.records(of: name, type)
          while !addresses.isEmpty && !writer.overflowed {
            let begin = writer.beginRecord(ownerName: host, type: type, ttl: ttl)
            writer.octets(policy.value.local.value.data(of: addresses))
            writer.endRecord(begin, in: .additional)
            policy.value.local.value.advance(&addresses)
          }
          if writer.overflowed {
            writer.rewind(to: mark)
            return
          }
        }
      }
      policy.value.local.value.advance(&targets)
    }
  }

  // MARK: Special zones

  private func writeSpecialData(
    _ kind: SpecialZone.Kind, _ type: RecordType, into writer: inout MessageWriter
  ) -> Bool {
    switch (kind, type) {
    case (.loopback, .a):
      let begin = begin(.a, ttl: Service.specialTTL, into: &writer)
      writer.number32(0x7F00_0001)
      writer.endRecord(begin, in: .answer)
      return true
    case (.loopback, .aaaa):
      let begin = begin(.aaaa, ttl: Service.specialTTL, into: &writer)
      for part in [0, 0, 0, 1] as [UInt32] { writer.number32(part) }
      writer.endRecord(begin, in: .answer)
      return true
    case (.loopbackReverse, .ptr) where LoopbackName.isOne(key.octets):
      let begin = begin(.ptr, ttl: Service.specialTTL, into: &writer)
      writer.name(LoopbackName.localhost.span, compress: true)
      writer.endRecord(begin, in: .answer)
      return true
    default: return false
    }
  }

  // MARK: Start of authority

  /// Seconds for which what special zones have may be kept (RFC 6303 §3).
  private static let specialTTL: UInt32 = 10_800
  /// The same for zones of the LAN's own, where the settings don't say.
  private static let localTTL: UInt32 = 60

  /// Seconds for which it may be kept that a zone has no such name or data.
  private func soaTTL(_ zone: Int) -> UInt32 {
    switch policy.value.negativeTTL {
    case let ttl? where policy.value.mayChange(zone): ttl
    case nil where policy.value.isLocal(zone): Service.localTTL
    default: Service.specialTTL
    }
  }

  /// Writes into Authority why there is no data: the zone's SOA, or one made up.
  private func writeNegativeSOA(_ match: Policy.LocalMatch, into writer: inout MessageWriter) {
    guard let zone = policy.value.authority(match) else {
      // A zone of its own: nobody is told anything of other names. For a name that isn't there it is the root.
      let own = key.octets
      let owner =
        if case .nxDomain = match.answer { own.extracting(own.count - 1..<own.count) } else { own }
      let ttl = policy.value.negativeTTL ?? Service.localTTL
      writeSOA(owner: owner, zone: owner, ttl: ttl, in: .authority, into: &writer)
      return
    }
    if let apex = policy.value.local.value.find(policy.value.name(zone)) {
      let soa = policy.value.local.value.records(of: apex, .soa)
      if !soa.isEmpty {
        let data = policy.value.local.value.data(of: soa)
        // RFC 2308 §3.
        let minimum = data.count >= 4 ? data.load32(data.count - 4) : 0
        let begin = writer.beginRecord(
          ownerName: policy.value.name(zone), type: .soa,
          ttl: min(policy.value.local.value.ttl(of: soa), minimum))
        writer.data(data, of: .soa)
        writer.endRecord(begin, in: .authority)
        return
      }
    }
    writeSOA(zone, owner: policy.value.name(zone), in: .authority, into: &writer)
  }

  private func writeSOA(
    _ zone: Int, owner: Span<UInt8>, in section: RecordView.Section,
    into writer: inout MessageWriter
  ) {
    writeSOA(
      owner: owner, zone: policy.value.name(zone), ttl: soaTTL(zone), in: section, into: &writer)
  }

  /// Writes the SOA of RFC 6303 §3.
  func writeSOA(
    owner: Span<UInt8>, zone: Span<UInt8>, ttl: UInt32, in section: RecordView.Section,
    into writer: inout MessageWriter
  ) {
    let begin = writer.beginRecord(ownerName: owner, type: .soa, ttl: ttl)
    writer.name(zone, compress: true)
    writer.name(LoopbackName.nobody.span, compress: true)
    for number in [1, 3_600, 1_200, 604_800, ttl] as [UInt32] { writer.number32(number) }
    writer.endRecord(begin, in: section)
  }
}

/// The names of loopback addresses, and what such records hold.
private enum LoopbackName {
  /// Who is responsible for a zone of RFC 6303.
  static var nobody: [UInt8] { Array("\u{6}nobody\u{7}invalid\0".utf8) }
  static var localhost: [UInt8] { Array("\u{9}localhost\0".utf8) }
  private static var ipv4: [UInt8] {
    Array("\u{1}1\u{1}0\u{1}0\u{3}127\u{7}in-addr\u{4}arpa\0".utf8)
  }
  /// Octets of the zone of ::1, which is that address's name.
  private static let ipv6Count = 32 * 2 + 10

  /// Whether a name in one of the two zones is that of a loopback address.
  static func isOne(_ name: Span<UInt8>) -> Bool {
    let isIPv4 = name.count == ipv4.count && isAbove(name)
    return isIPv4 || name.count == ipv6Count
  }

  /// Whether a name ends that of 127.0.0.1.
  static func isAbove(_ name: Span<UInt8>) -> Bool {
    let whole = ipv4
    guard name.count <= whole.count else { return false }
    let skipped = whole.count - name.count
    for index in 0..<name.count where whole[skipped + index] != name[index] { return false }
    return true
  }
}
