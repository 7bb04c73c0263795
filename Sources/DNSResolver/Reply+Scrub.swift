import DNSCache
import DNSPolicy
import DNSWire
import Memory

// Which records of a reply may be kept: the chain of aliases from the question first, then what Authority
// and Additional hold inside the bailiwick.

extension Reply {
  /// What a reply says, once it is scrubbed.
  enum Kind {
    /// It has the records that were asked for.
    case answer
    /// The name, or the last one of its aliases, has no records of the type.
    case noData
    /// There is no such name, or none where its aliases lead to.
    case nxDomain
    /// Its aliases lead to a name that has to be asked for by itself.
    case partial
    /// The server doesn't resolve: it points elsewhere.
    case referral
    /// The answer is more than can be kept.
    case tooLarge
    /// A DNAME makes a name of more than 255 octets (RFC 6672 §2.2).
    case nameTooLong
  }

  /// How a reply was asked for, and of whom.
  struct Terms {
    /// The type asked for.
    var type: RecordType
    /// DO and CD of the packet that it is the reply to.
    var queryFlags: QueryFlags
    /// The number that the cache knows the server by.
    var source: UInt8
    /// Whether the server's AD counts.
    var believesAD: Bool
    /// The route whose servers were asked.
    var route: RouteID
  }

  /// Labels that the zone in Authority must have before Additional is kept all over it: no reply
  /// speaks for a whole top-level domain.
  private static let leastZoneLabels = 2

  /// Lists what of the reply may be kept.
  ///
  /// The bailiwick is the zone that Authority names for the question, or the name asked for when it names
  /// none: of Authority that zone's own data is kept, of Additional the addresses of hosts inside it. A record
  /// of Answer that the chain doesn't lead to is left out. Unless it is one of the first four kinds, nothing
  /// of the reply is to be kept; if a name is too long, what leads there: aliases and the DNAME.
  mutating func scrub(as terms: Terms) -> Kind {
    let type = terms.type
    keepsSignatures = terms.queryFlags.contains(.signatures)
    var rrsetFlags: RRsetFlags = keepsSignatures ? [] : .withoutDNSSEC
    if terms.queryFlags.contains(.unchecked) { rrsetFlags.insert(.unchecked) }
    // AD speaks of Answer and Authority (RFC 4035 §3.2.3).
    if terms.believesAD && flags & MessageHeader.Flag.authenticData != 0 {
      rrsetFlags.insert(.authentic)
    }
    fault = nil
    isAliased = false
    let isAuthoritative = flags & MessageHeader.Flag.authoritative != 0
    var origin = Origin(
      rank: isAuthoritative ? .authoritativeAnswer : .answer, section: .answer, flags: rrsetFlags,
      source: terms.source)
    var owner = asked
    var links = 0
    var isFound = false
    while true {
      if takeSet(of: owner, type, as: origin) {
        isFound = true
        break
      }
      guard type != .cname, !type.isOfAlias,
        let target = takeAlias(of: owner, as: origin, by: terms.route)
      else {
        break
      }
      owner = target
      links += 1
      isAliased = true
      // The server was asked for the alias, not for what it leads to.
      origin.rank = .aliasedAnswer
      // What is said of a name beyond can't be told from what is said of this one.
      guard links <= Cache.longestChain else { return .partial }
      // What is answered here, or by the servers of another route, isn't this one's to say, and would be found as
      // an answer.
      guard isSpokenFor(owner, type, by: terms.route) else { return .partial }
    }
    if let fault { return fault }
    var kind = Kind.answer
    if !isFound {
      kind = takeNegative(of: owner, type, isAliased: links > 0, as: origin)
      switch kind {
      case .noData, .nxDomain, .partial: break
      default: return kind
      }
    }
    if !isAllTaken { takeExtras(rrsetFlags, terms) }
    return kind
  }

  // MARK: Answer

  /// Lists the RRset of a name and type in the section that it came in.
  ///
  /// - Returns: whether there is one.
  private mutating func takeSet(
    of owner: NamePlace, _ type: RecordType, as origin: Origin
  ) -> Bool {
    let section = origin.section
    guard var index = first(of: owner, type, in: section) else { return false }
    var records = ReplySet.Range()
    var ttl = UInt32.max
    var count: UInt64 = 0
    var fits = true
    while true {
      if !isTaken(index) {
        take(index)
        count += 1
        fits = fits && append(index, to: &records) && records.count <= Cache.largestSet
        ttl = ReplySet.least(ttl, record(index).ttl)
      }
      guard let next = next(behind: index, of: owner, type, in: section) else { break }
      index = next
    }
    guard count > 0 else { return false }
    // Half an RRset is none (RFC 2181 §5).
    guard fits else {
      leftOut &+= count
      if section == .answer { fault = .tooLarge }
      return false
    }
    return keep(ReplySet(owner: owner, type: type, origin: origin, ttl: ttl, records: records))
  }

  /// Lists an RRset with its signatures, and what proves it.
  ///
  /// - Parameter redirection: the number of the DNAME record that it was made from, if it was.
  /// - Returns: whether there was room.
  @inline(__always)
  private mutating func keep(_ set: ReplySet, redirection: Int? = nil) -> Bool {
    // Of Authority nothing is given to clients but what proves something. A DNAME is for all of them.
    guard keepsSignatures || redirection != nil, set.origin.section != .authority else {
      return list(set)
    }
    var set = set
    guard takeProofs(of: &set, redirection) else {
      leftOut &+= 1
      if set.origin.section == .answer { fault = .tooLarge }
      return false
    }
    return list(set)
  }

  /// Lists the alias of a name, and the DNAME that it was made from.
  ///
  /// - Returns: where it leads to; nothing when there is none.
  private mutating func takeAlias(
    of owner: NamePlace, as origin: Origin, by route: RouteID
  ) -> NamePlace? {
    let redirection = hasDNAME ? takeRedirection(of: owner, as: origin, by: route) : nil
    var alias: Int?
    var next = first(of: owner, .cname, in: .answer)
    while let index = next {
      // RFC 2181 §10.1: an alias has one target; others are left out.
      if !isTaken(index) {
        take(index)
        alias = alias ?? index
      }
      next = self.next(behind: index, of: owner, .cname, in: .answer)
    }
    var set = ReplySet(owner: owner, type: .cname, origin: origin)
    if let alias {
      _ = append(alias, to: &set.records)
      set.ttl = .max
      set.limit(record(alias).ttl)
    } else {
      guard let redirection, makeAlias(&set, from: redirection) else { return nil }
    }
    guard keep(set, redirection: redirection) else { return nil }
    return placeName(at: set.records.start + 2..<set.records.end)
  }

  /// Makes the alias that a DNAME calls for and the server left out (RFC 6672 §3.4).
  private mutating func makeAlias(_ set: inout ReplySet, from redirection: Int) -> Bool {
    let dname = record(redirection)
    // The labels that the DNAME's owner lacks, before the DNAME's target.
    let head = Int(set.owner.count) - Int(dname.owner.count)
    let tail = data(of: redirection).count
    guard head + tail <= WireName.longest else {
      fault = .nameTooLong
      return false
    }
    let start = used
    guard hasRoom(2 + head + tail) else {
      fault = .tooLarge
      return false
    }
    var target = octets.mutableSpan
    target.store16(UInt16(head + tail), start)
    target.copy(Int(set.owner.start), to: start + 2, count: head)
    target.copy(Int(dname.start) + 2, to: start + 2 + head, count: tail)
    used = start + 2 + head + tail
    set.records = ReplySet.Range(start: start, end: used)
    set.ttl = .max
    set.limit(dname.ttl)
    return true
  }

  /// Lists the DNAME above a name (RFC 6672), the first one of the message.
  ///
  /// - Returns: its number among the records, if there is one.
  private mutating func takeRedirection(
    of owner: NamePlace, as origin: Origin, by route: RouteID
  ) -> Int? {
    var found: Int?
    var start = Int(owner.start)
    let end = start + Int(owner.count)
    while octets[start] != 0 {
      start += Int(octets[start]) + 1
      octets.load(start..<end, into: &name)
      let zone = NamePlace(
        start: UInt32(start), hash: name.hash, count: UInt8(truncatingIfNeeded: end - start))
      if let index = first(of: zone, .dname, in: .answer) { found = min(found ?? index, index) }
    }
    guard let found else { return nil }
    // One above the route's names proves the alias, and is another route's to give by itself.
    if !isTaken(found), !hasRoutes || isSpokenFor(record(found).owner, .dname, by: route) {
      _ = takeSet(of: record(found).owner, .dname, as: origin)
    }
    return found
  }

  // MARK: Authority and Additional

  private mutating func takeExtras(_ rrsetFlags: RRsetFlags, _ terms: Terms) {
    let (zone, isZoneKnown) = zone()
    var looked = 0
    for index in 0..<recordCount where !isTaken(index) {
      let record = record(index)
      // Not on the chain from the question, or too many.
      guard record.section != .answer, looked < Reply.extraLimit else {
        leftOut &+= 1
        continue
      }
      looked += 1
      let isAuthority = record.section == .authority
      // What is left of these proves nothing that is kept.
      if isAuthority && keepsSignatures && Reply.isProof(record.type) { continue }
      guard isAuthority ? isOfZone(record, zone, isZoneKnown) : isGlue(record, zone),
        !hasRoutes || isSpokenFor(record.owner, record.type, by: terms.route)
      else {
        leftOut &+= 1
        continue
      }
      _ = takeSet(
        of: record.owner, record.type,
        as: Origin(
          rank: isAuthority ? .authority : .additional, section: record.section,
          flags: isAuthority ? rrsetFlags : rrsetFlags.subtracting(.authentic), source: terms.source
        ))
    }
  }

  /// Whether the servers of a route speak for a name.
  private func isSpokenFor(_ owner: NamePlace, _ type: RecordType, by route: RouteID) -> Bool {
    guard case .route(let other) = policy.value.decide(octets(of: owner), asked: type) else {
      return false
    }
    return other == route
  }

  /// Whether a record of Authority tells of the zone that the name asked for is in.
  ///
  /// Zones above it are none of this reply's business (CVE-2025-11411).
  private func isOfZone(_ record: Record, _ zone: NamePlace, _ isZoneKnown: Bool) -> Bool {
    switch record.type {
    case .ns, .soa:
      isZoneKnown && record.owner.hash == zone.hash && isSame(record.owner, zone)
    case .ds: isAtOrBelow(record.owner, zone)
    default: false
    }
  }

  /// Whether a record of Additional is an address of a host inside the zone.
  private func isGlue(_ record: Record, _ zone: NamePlace) -> Bool {
    (record.type == .a || record.type == .aaaa) && record.ttl > 0
      && isAtOrBelow(record.owner, zone)
  }

  /// The deepest zone that Authority names for the question; without one, the question's name.
  // Inlined: while the reply is being changed, a call that only borrows it gets a copy of the whole.
  @inline(__always)
  private func zone() -> (zone: NamePlace, isKnown: Bool) {
    var zone: NamePlace?
    for index in authorityRecords {
      let record = record(index)
      guard record.type == .ns || record.type == .soa,
        record.owner.count > zone?.count ?? 0, isAtOrBelow(asked, record.owner),
        WireName.labelCount(octets(of: record.owner)) >= Reply.leastZoneLabels
      else { continue }
      zone = record.owner
    }
    return (zone ?? asked, zone != nil)
  }

  /// The records of Authority that are looked at.
  var authorityRecords: Swift.Range<Int> {
    authority..<min(authority + Reply.extraLimit, additional)
  }

  // MARK: Octets

  /// Whether so many octets more can be gathered.
  func hasRoom(_ count: Int) -> Bool { used + count <= octets.count }

  /// Adds a record, with its length, to others of its RRset.
  ///
  /// They stand together already, but for where records of other kinds came between.
  ///
  /// - Returns: whether there was room.
  mutating func append(_ index: Int, to range: inout ReplySet.Range) -> Bool {
    let start = Int(record(index).start)
    let count = 2 + data(of: index).count
    if range.count == 0 {
      range = ReplySet.Range(start: start, end: start + count)
    } else if range.end == start {
      range.end += count
    } else {
      if range.end != used {
        guard hasRoom(range.count) else { return false }
        range = gather(range.start, count: range.count)
      }
      guard hasRoom(count) else { return false }
      range.end = gather(start, count: count).end
    }
    return true
  }

  /// Copies octets behind what there is.
  mutating func gather(_ start: Int, count: Int) -> ReplySet.Range {
    let end = used + count
    var target = octets.mutableSpan
    target.copy(start, to: end - count, count: count)
    used = end
    return ReplySet.Range(start: end - count, end: end)
  }

  /// Takes a name that is known to be well formed, in lower case; nothing when there is no room.
  mutating func placeName(at range: Swift.Range<Int>) -> NamePlace? {
    guard hasRoom(range.count) else { return nil }
    octets.load(range, into: &name)
    return placeName()
  }
}

extension ReplySet {
  /// Regards another record's TTL.
  mutating func limit(_ other: UInt32) { ttl = ReplySet.least(ttl, other) }

  /// The TTL of an RRset with another record.
  ///
  /// RFC 2181 §5.2: the TTLs of an RRset are equal; where they are not, the least is right. §8: a TTL with
  /// its top bit set is zero.
  static func least(_ ttl: UInt32, _ other: UInt32) -> UInt32 {
    min(ttl, other > UInt32(Int32.max) ? 0 : other)
  }
}

extension FixedArray<UInt8> {
  /// Fills a key with a name that is known to be well formed.
  // Two parts of `Reply` at once: the compiler sees that only with a method of one of them.
  func load(_ range: Range<Int>, into key: inout NameKey) {
    key.load(trusted: span.extracting(range))
  }
}
