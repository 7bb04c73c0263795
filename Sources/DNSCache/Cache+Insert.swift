import DNSWire
import Memory

/// Where data came from.
public struct Origin: Sendable, BitwiseCopyable {
  /// How far it may be trusted.
  public var rank: Rank
  /// The section it came in.
  public var section: RecordView.Section
  /// How it was asked for.
  public var flags: RRsetFlags
  /// The number of the server that it came from (`Cache.number(of:)`); 0 for one that isn't known.
  public var source: UInt8

  /// Names an origin.
  public init(
    rank: Rank, section: RecordView.Section, flags: RRsetFlags = [], source: UInt8 = 0
  ) {
    self.rank = rank
    self.section = section
    self.flags = flags.intersection(.kept)
    self.source = source
  }
}

extension Origin {
  /// The same, with marks that tell what the limits did to a TTL.
  fileprivate func marked(_ kept: UInt32, of received: UInt32) -> Origin {
    guard kept > 0 && kept != received else { return self }
    var origin = self
    origin.flags.insert(kept < received ? .shortened : .prolonged)
    return origin
  }
}

extension Cache {
  /// What became of data that was offered.
  public enum Insertion: Equatable, Sendable {
    /// It is in the cache.
    case stored
    /// It may not be kept; those who wait for it get it from the reply's ``Overlay``.
    case uncacheable(isLarge: Bool)
    /// Something better trusted is there.
    case outranked
    /// There is no room, or it may not be kept and answers no question.
    case noRoom
    /// It is nothing that can be kept: a type that no record has, no record, or too large.
    case refused
  }

  /// Most octets of an RRset, as it is passed to ``insert(owner:type:ttl:records:dnssecRecords:from:now:)``.
  ///
  /// Names are uncompressed in it, so a message of 64 KiB can hold more; such an RRset is an attack.
  public static let largestSet = 65_535

  /// Octets that are left for an SOA beside the proof of a negative entry.
  private static let largestSOA = 1_024
  /// Most octets of the signatures and the proof of a negative entry.
  public static let largestNegativeProof = largestSet - largestSOA

  // MARK: Records

  /// Takes in an RRset.
  ///
  /// Data replaces what has expired or is trusted no more than it (but for stale answers, which only
  /// answers replace); NS, glue and other data from
  /// Authority and Additional never prolongs its own like (ghost domains, CVE-2012-1033).
  ///
  /// - Parameters:
  ///   - owner: the owner name.
  ///   - type: the records' type.
  ///   - ttl: as received; the cache's limits are applied here. What has zero is not kept.
  ///   - records: for each record two octets of length in network order and its uncompressed RDATA,
  ///     well formed for the type.
  ///   - dnssecRecords: signatures and proof; their TTLs are regarded in `ttl`.
  ///   - now: the time in seconds.
  public mutating func insert(
    owner: borrowing NameKey, type: RecordType, ttl: UInt32, records: Span<UInt8>,
    dnssecRecords: DNSSECRecords = DNSSECRecords(), from origin: Origin, now: UInt32
  ) -> Insertion {
    let octets = records.count + dnssecRecords.count
    guard type.rawValue != 0, !type.isMeta, !records.isEmpty, octets <= Cache.largestSet
    else { return .refused }
    let kept = limits.ttl(ttl)
    // Each record has two octets at least.
    let isLarge =
      octets > Cache.octetsPerSet
      || records.count > 2 * Cache.recordsPerSet
        && Cache.countRecords(records) > Cache.recordsPerSet
    if isLarge { counters.largeSets += 1 }
    if kept == 0 || isLarge {
      return insertUncacheable(
        owner: owner, type: type, kind: .records, expiry: now &+ kept, data: records,
        dnssecRecords: dnssecRecords, origin: origin, isLarge: isLarge, now: now)
    }
    return insertSet(
      owner: owner, type: type, kind: .records, ttl: kept, expiry: now &+ kept, data: records,
      dnssecRecords: dnssecRecords, origin: origin.marked(kept, of: ttl), now: now)
  }

  /// Takes in a negative entry: NXDOMAIN, or NODATA.
  ///
  /// - Parameters:
  ///   - owner: the name that is meant: the last of a chain of aliases.
  ///   - type: the type that does not exist; nothing when the name does not.
  ///   - asked: the type asked for when the name does not exist: where other types' data contradicts that,
  ///     it counts for this type only.
  ///   - soa: the SOA that came with the fact; without one, or with one whose zone the name isn't
  ///     in, the entry is not kept (RFC 2308 §5).
  ///   - dnssecRecords: the SOA's signatures and the proof; their TTLs are regarded in the SOA's.
  ///   - now: the time in seconds.
  public mutating func insertNegative(
    owner: borrowing NameKey, type: RecordType?, asked: RecordType? = nil, soa: NegativeSOA?,
    soaData: Span<UInt8>, dnssecRecords: DNSSECRecords = DNSSECRecords(), from origin: Origin,
    now: UInt32
  ) -> Insertion {
    var type = type
    var isBesideBetter = false
    var data: InlineArray<1024, UInt8> = InlineArray(repeating: 0)
    var dataCount = 0
    var ttl: UInt32 = 0
    var received: UInt32 = 0
    guard dnssecRecords.count <= Cache.largestNegativeProof else { return .refused }
    if let soa, soaData.count + 1 <= Cache.largestSOA, soaData.count >= 20,
      let zone = Cache.zoneOffset(in: owner, zoneCount: soa.zoneCount)
    {
      data[0] = zone
      var target = data.mutableSpan
      target.store(soaData, 1)
      dataCount = soaData.count + 1
      let minimum = soaData.load32(soaData.count - 4)
      received = min(soa.ttl, minimum)
      ttl = limits.negativeTTL(soaTTL: soa.ttl, minimum: minimum)
    }
    let isLarge = dataCount + dnssecRecords.count > Cache.octetsPerSet
    if isLarge { counters.largeSets += 1 }
    if type == nil, let asked {
      let contradiction = contradiction(to: origin, at: find(owner), asked: asked, now)
      if dnssecRecords.proof.isEmpty {
        if contradiction != nil { type = asked }
      } else if let best = contradiction, best > origin.rank {
        // Who validates has no use for that proof but with NXDOMAIN; what is better trusted stays.
        isBesideBetter = true
      }
    }
    let kind: RRset.Kind = type == nil ? .nxDomain : .noData
    // Evidence has the SOA's zone for its place: none without it.
    if ttl == 0 || isLarge || isBesideBetter {
      return insertUncacheable(
        owner: owner, type: type ?? RecordType(rawValue: 0), kind: kind, expiry: now &+ ttl,
        data: data.span.extracting(0..<dataCount),
        dnssecRecords: dataCount > 0 ? dnssecRecords : DNSSECRecords(), origin: origin,
        isLarge: isLarge, now: now)
    }
    return insertSet(
      owner: owner, type: type ?? RecordType(rawValue: 0), kind: kind, ttl: ttl,
      expiry: now &+ ttl, data: data.span.extracting(0..<dataCount), dnssecRecords: dnssecRecords,
      origin: origin.marked(ttl, of: received), now: now)
  }

  /// The best rank of data in force that says that a name exists which is said not to.
  ///
  /// Some servers deny names for types that they don't know (RFC 4074 §4.2). An alias doesn't count: while
  /// it is in force its name is asked for only to get signatures or to renew it.
  private func contradiction(
    to origin: Origin, at node: Reference, asked type: RecordType, _ now: UInt32
  ) -> Rank? {
    guard !node.isNone else { return nil }
    var best: Rank?
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let other = RRset(set, in: arena)
      if other.kind == .records, other.type != type, other.type != .cname,
        other.rank.answersQuestions, other.expiry > now,
        other.flags.contains(.unchecked) == origin.flags.contains(.unchecked)
      {
        best = max(best ?? other.rank, other.rank)
      }
      set = arena.link(set, SetField.next)
    }
    return best
  }

  /// Where the last labels of a name begin that take so many octets; nothing if none do.
  private static func zoneOffset(in owner: borrowing NameKey, zoneCount: Int) -> UInt8? {
    let name = owner.octets
    var label = 0
    while label < name.count && name.count - label > zoneCount { label += Int(name[label]) + 1 }
    return name.count - label == zoneCount && zoneCount > 0 ? UInt8(label) : nil
  }

  /// The SOA record that bounds a negative entry.
  public struct NegativeSOA: Sendable {
    /// Octets of the zone's name, which the owner's ends with.
    public var zoneCount: Int
    /// The SOA record's own TTL.
    public var ttl: UInt32

    /// Describes an SOA record.
    public init(zoneCount: Int, ttl: UInt32) {
      self.zoneCount = zoneCount
      self.ttl = ttl
    }
  }

  /// Puts an RRset or a negative entry in its place; what finds none is answered all the same.
  private mutating func insertSet(
    owner: borrowing NameKey, type: RecordType, kind: RRset.Kind, ttl: UInt32, expiry: UInt32,
    data: Span<UInt8>, dnssecRecords: DNSSECRecords, origin: Origin, now: UInt32
  ) -> Insertion {
    guard let node = findOrInsert(owner, now: now) else {
      counters.noRoom += 1
      return insertUncacheable(
        owner: owner, type: type, kind: kind, expiry: expiry, data: data,
        dnssecRecords: dnssecRecords,
        origin: origin, isLarge: false, now: now)
    }
    let old = findSet(type, at: node, like: origin.flags)
    if !old.isNone && isBetter(arena.setHead(old), than: origin, now: now) {
      counters.outranked += 1
      return .outranked
    }
    guard let set = makeSet(type, kind, data, dnssecRecords, origin.flags, owner: node, now: now)
    else {
      if arena.link(node, NodeField.firstSet).isNone { removeNode(node) }
      return insertUncacheable(
        owner: owner, type: type, kind: kind, expiry: expiry, data: data,
        dnssecRecords: dnssecRecords,
        origin: origin, isLarge: false, now: now)
    }
    if !old.isNone { removeSet(old, at: node) }
    store(origin, ttl: ttl, expiry: expiry, in: set)
    if origin.rank.answersQuestions {
      // What is asked for again is in use; and the rest of the reply is not to make it go.
      if !arena.link(node, NodeField.firstSet).isNone {
        arena.store8(
          arena.load8(node, NodeField.use) | NodeUse.sinceHand, node, NodeField.use)
      }
      removeContradictions(to: type, kind, origin, at: node, now)
    }
    limitSets(at: node)
    arena.setLink(set, SetField.next, arena.link(node, NodeField.firstSet))
    arena.setLink(node, NodeField.firstSet, set)
    unmark(node, for: type)
    counters.inserted += 1
    return .stored
  }

  /// Puts what may not be kept into the overlay of the reply, and removes from the cache what it would
  /// replace or contradict there.
  private mutating func insertUncacheable(
    owner: borrowing NameKey, type: RecordType, kind: RRset.Kind, expiry: UInt32,
    data: Span<UInt8>, dnssecRecords: DNSSECRecords, origin: Origin, isLarge: Bool, now: UInt32
  ) -> Insertion {
    // What answers no question is of no use without being kept.
    guard origin.rank.answersQuestions else { return .noRoom }
    let node = find(owner)
    let old = node.isNone ? node : findSet(type, at: node, like: origin.flags)
    if !old.isNone && isBetter(arena.setHead(old), than: origin, now: now) {
      counters.outranked += 1
      return .outranked
    }
    guard let set = addToOverlay(owner, type, kind, data, dnssecRecords, origin.flags, now: now)
    else {
      return .noRoom
    }
    // The TTL says that it is no data of the cache.
    store(origin, ttl: 0, expiry: expiry, in: set)
    if !node.isNone {
      if !old.isNone { removeSet(old, at: node) }
      removeContradictions(to: type, kind, origin, at: node, now)
      if arena.link(node, NodeField.firstSet).isNone { removeNode(node) }
    }
    return .uncacheable(isLarge: isLarge)
  }

  private mutating func store(
    _ origin: Origin, ttl: UInt32, expiry: UInt32, in set: Reference
  ) {
    arena.store32(expiry, set, SetField.expiry)
    arena.store32(ttl, set, SetField.ttl)
    arena.store8(RankAndSection(origin.rank, origin.section).rawValue, set, SetField.rankAndSection)
    arena.store8(origin.source, set, SetField.source)
  }

  // Inlined for the same reason as `find`.
  @inline(__always)
  private func isBetter(_ old: SetHead, than origin: Origin, now: UInt32) -> Bool {
    let rank = RankAndSection(rawValue: old.rankAndSection).rank
    guard old.expiry > now else {
      // What only helps to find others, glue for one, doesn't push out what may still have to be given
      // as a stale answer.
      return !origin.rank.answersQuestions && rank.answersQuestions
        && old.expiry > staleHorizon(now)
    }
    // Of what was asked for by its name, as of what only an alias led to, data with signatures is worth
    // more than data without, whatever AA says: those who want signatures have no use for the latter.
    if origin.rank.answersQuestions && rank.answersQuestions
      && (rank == .aliasedAnswer) == (origin.rank == .aliasedAnswer)
      && RRsetFlags(rawValue: old.flags).contains(.withoutDNSSEC)
        != origin.flags.contains(.withoutDNSSEC)
    {
      return origin.flags.contains(.withoutDNSSEC)
    }
    if rank > origin.rank { return true }
    return rank == origin.rank && !origin.rank.answersQuestions
  }

  /// Builds a block for an RRset, in no list yet; its addresses are in their index already.
  ///
  /// Of records that stand in the data twice one is kept (RFC 2181 §5).
  ///
  /// - Parameter isUncacheable: it may not be kept, and is no part of what the cache counts and leads to.
  mutating func makeSet(
    _ type: RecordType, _ kind: RRset.Kind, _ data: Span<UInt8>, _ dnssecRecords: DNSSECRecords,
    _ flags: RRsetFlags, owner node: Reference, isUncacheable: Bool = false, now: UInt32
  ) -> Reference? {
    let entry = RRset.addressEntry(type, kind)
    let (count, octets, isUnique) =
      kind == .records ? measureRecords(data) : (0, data.count, true)
    let room = entry > 0 ? count * entry : octets
    let end =
      dnssecRecords.count > 0
      ? DNSSECRecordsField.start(dataCount: room) + DNSSECRecordsField.data + dnssecRecords.count
      : SetField.data + room
    guard let set = isUncacheable ? allocateUncacheable(end) : allocateSet(end, owner: node, now)
    else {
      counters.noRoom += 1
      return nil
    }
    let scopes = kind == .records ? LocalScopes(of: data, type) : []
    arena.store(
      SetHead(
        next: 0, expiry: 0, ttl: 0, type: type.rawValue, count: UInt16(count),
        dataCount: UInt32(room), rankAndSection: 0, source: 0,
        kindAndScopes: kind.rawValue | scopes.rawValue, flags: flags.rawValue), set, 0)
    if dnssecRecords.count > 0 { store(dnssecRecords, in: set, dataCount: room) }
    if !isUncacheable {
      setCount += 1
      recordCount += count
    }
    if entry == 0 && isUnique {
      arena.store(data, set, SetField.data)
      return set
    }
    duplicates.begin(count: isUnique ? 0 : Cache.countRecords(data))
    var position = 0
    var target = SetField.data
    while position < data.count {
      let end = position + 2 + Int(data.load16(position))
      if isUnique || duplicates.isFirst(data, at: position) {
        if entry > 0 {
          let insertSet = Reference(rawValue: set.rawValue + UInt32(target / Arena.unit))
          putAddress(
            data.extracting(position + 2..<end), type, insertSet, owner: node,
            isIndexed: !isUncacheable && !flags.contains(.unchecked))
          target += entry
        } else {
          arena.store(data.extracting(position..<end), set, target)
          target += end - position
        }
      }
      position = end
    }
    return set
  }

  private mutating func allocateSet(
    _ octets: Int, owner node: Reference, _ now: UInt32
  ) -> Reference? {
    octets <= Cache.largestBlock ? allocate(octets, keeping: node, now: now) : nil
  }

  private mutating func putAddress(
    _ address: Span<UInt8>, _ type: RecordType, _ insertSet: Reference, owner node: Reference,
    isIndexed: Bool
  ) {
    arena.store(address, insertSet, AddressField.address)
    arena.setLink(insertSet, AddressField.owner, node)
    if !isIndexed { return }
    if type == .a {
      addresses4.insert(insertSet, in: &arena)
    } else {
      addresses6.insert(insertSet, in: &arena)
    }
  }

  /// Counts the different records in a list of lengths and RDATA, and their octets.
  private mutating func measureRecords(
    _ data: Span<UInt8>
  ) -> (count: Int, octets: Int, isUnique: Bool) {
    let all = Cache.countRecords(data)
    guard all > 1 else { return (all, data.count, true) }
    var count = 0
    var octets = 0
    var position = 0
    duplicates.begin(count: all)
    while position < data.count {
      let size = 2 + Int(data.load16(position))
      if duplicates.isFirst(data, at: position) {
        count += 1
        octets += size
      }
      position += size
    }
    return (count, octets, count == all)
  }

  /// Counts the records in a list of lengths and RDATA.
  private static func countRecords(_ data: Span<UInt8>) -> Int {
    var count = 0
    var position = 0
    while position < data.count {
      position += 2 + Int(data.load16(position))
      count += 1
    }
    // UNREACHABLE: the records were written one behind the other, or looked through, before.
    precondition(position == data.count)
    return count
  }

  /// Removes what can't be true beside new answers: the newest reply is believed.
  ///
  /// An alias has no other data but DNSSEC's (RFC 1034 §3.6.2, RFC 4034 §3, §4); a name that does not
  /// exist has none. What is better trusted and still good stays, but for an NXDOMAIN entry where there are
  /// records now, and what was fetched with CD has no say about what wasn't.
  private mutating func removeContradictions(
    to type: RecordType, _ kind: RRset.Kind, _ origin: Origin, at node: Reference, _ now: UInt32
  ) {
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let next = arena.link(set, SetField.next)
      let other = RRset(set, in: arena)
      let isDenied = kind == .records && other.kind == .nxDomain
      let isBetter = other.rank > origin.rank && other.expiry > now && !isDenied
      let isUncacheable = other.flags.contains(.unchecked) != origin.flags.contains(.unchecked)
      if !isBetter && !isUncacheable && Cache.contradicts(type, kind, other) {
        removeSet(set, at: node)
      }
      set = next
    }
  }

  /// Whether a new answer can't be true beside something that is known already.
  static func contradicts(_ type: RecordType, _ kind: RRset.Kind, _ other: RRset) -> Bool {
    switch (kind, other.kind) {
    case (.nxDomain, _): other.rank.answersQuestions
    case (_, .nxDomain): true
    // RFC 2308 §2.2: had there been an alias, it would have come instead of "no such type".
    case (.noData, .records): other.type == .cname && areApart(type, other)
    case (.records, .noData): type == .cname && areApart(type, other)
    case (.records, .records): areApart(type, other)
    case (.noData, .noData): false
    }
  }

  /// Whether one of two answers is an alias and the other can't stand beside one.
  private static func areApart(_ type: RecordType, _ other: RRset) -> Bool {
    other.rank.answersQuestions && (type == .cname) != (other.type == .cname)
      && !mayStandBesideCNAME(type) && !mayStandBesideCNAME(other.type)
  }

  private static func mayStandBesideCNAME(_ type: RecordType) -> Bool {
    switch type {
    case .rrsig, .nsec, .nsec3, .key, .sig: true
    default: false
    }
  }

  /// Keeps the number of RRsets of a name within ``setsPerName``; the oldest one goes.
  private mutating func limitSets(at node: Reference) {
    var count = 0
    var last = Reference.none
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      count += 1
      last = set
      set = arena.link(set, SetField.next)
    }
    if count >= Cache.setsPerName {
      removeSet(last, at: node)
      counters.setsPerNameLimit += 1
    }
  }
}
