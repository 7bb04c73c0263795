import DNSWire
import Memory

/// Where data came from.
public struct Origin: Sendable {
  /// How far it may be trusted.
  public var rank: Rank
  /// The section it came in.
  public var section: RecordView.Section

  /// Names an origin.
  public init(rank: Rank, section: RecordView.Section) {
    self.rank = rank
    self.section = section
  }
}

extension Cache {
  /// What became of data that was offered.
  public enum Insertion: Sendable {
    /// It is in the cache, or may be used once.
    case stored
    /// Something better trusted is there.
    case outranked
    /// No room could be made.
    case noRoom
  }

  // MARK: Records

  /// Takes in an RRset.
  ///
  /// Data replaces what has expired or is trusted no more than it; NS, glue and other data from
  /// Authority and Additional never prolongs its own like (ghost domains, CVE-2012-1033).
  ///
  /// - Parameters:
  ///   - owner: the owner name.
  ///   - type: the records' type.
  ///   - ttl: as received; the cache's limits are applied here. Zero means to be used once.
  ///   - records: for each record two octets of length in network order and its uncompressed RDATA,
  ///     well formed for the type.
  ///   - once: the data may be used once only, whatever its TTL.
  ///   - now: the time in seconds.
  public mutating func insert(
    owner: borrowing NameKey, type: RecordType, ttl: UInt32, records: Span<UInt8>,
    from origin: Origin, once: Bool = false, now: UInt32
  ) -> Insertion {
    let kept = limits.ttl(ttl)
    return place(
      owner: owner, type: type, kind: .records, ttl: kept, expiry: now &+ kept, data: records,
      origin: origin, once: once || kept == 0, now: now)
  }

  /// Takes in a negative fact: no such name, or no records of a type.
  ///
  /// - Parameters:
  ///   - owner: the name that is meant: the last of a chain of aliases.
  ///   - type: the type that does not exist; nothing when the name does not.
  ///   - soa: the SOA that came with the fact; without one, it may be used once (RFC 2308 §5).
  ///   - now: the time in seconds.
  public mutating func insertNegative(
    owner: borrowing NameKey, type: RecordType?, soa: NegativeSOA?, soaData: Span<UInt8>,
    from origin: Origin, now: UInt32
  ) -> Insertion {
    var data: InlineArray<1024, UInt8> = InlineArray(repeating: 0)
    var dataCount = 0
    var ttl: UInt32 = 0
    if let soa, soaData.count + 1 <= 1024, soaData.count >= 20 {
      data[0] = UInt8(owner.count - soa.zoneCount)
      var target = data.mutableSpan
      target.store(soaData, 1)
      dataCount = soaData.count + 1
      ttl = limits.negativeTTL(soaTTL: soa.ttl, minimum: soaData.load32(soaData.count - 4))
    }
    return place(
      owner: owner, type: type ?? RecordType(rawValue: 0), kind: type == nil ? .noName : .noData,
      ttl: ttl, expiry: now &+ ttl, data: data.span.extracting(0..<dataCount), origin: origin,
      once: ttl == 0, now: now)
  }

  /// The SOA record that bounds a negative fact.
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

  /// Puts an RRset or a negative fact in its place, whatever its source.
  mutating func place(
    owner: borrowing NameKey, type: RecordType, kind: RRset.Kind, ttl: UInt32, expiry: UInt32,
    data: Span<UInt8>, origin: Origin, once: Bool, now: UInt32
  ) -> Insertion {
    guard let node = findOrInsert(owner) else { return .noRoom }
    let old = findSet(type, at: node)
    if !old.isNone && isBetter(RRset(old, in: arena), than: origin, now: now) {
      counters.outranked += 1
      return .outranked
    }
    guard let set = makeSet(type, kind, data, owner: node) else {
      if arena.link(node, NodeField.firstSet).isNone { removeNode(node) }
      return .noRoom
    }
    if !old.isNone { removeSet(old, at: node) }
    arena.store32(expiry, set, SetField.expiry)
    arena.store32(ttl, set, SetField.ttl)
    arena.store8(origin.rank.rawValue, set, SetField.rank)
    arena.store8(origin.section.rawValue, set, SetField.section)
    let isOnce = once && rememberEphemeral(node)
    arena.store8(isOnce ? 1 : 0, set, SetField.ephemeral)
    if origin.rank.answersQuestions { removeContradictions(to: type, kind, at: node) }
    limitSets(at: node)
    arena.setLink(set, SetField.next, arena.link(node, NodeField.firstSet))
    arena.setLink(node, NodeField.firstSet, set)
    counters.inserted += 1
    return .stored
  }

  private func isBetter(_ old: RRset, than origin: Origin, now: UInt32) -> Bool {
    guard old.expiry > now else { return false }
    if old.rank > origin.rank { return true }
    return old.rank == origin.rank && !origin.rank.answersQuestions
  }

  /// Builds a block for an RRset, in no list yet; its addresses are in their index already.
  mutating func makeSet(
    _ type: RecordType, _ kind: RRset.Kind, _ data: Span<UInt8>, owner node: Reference
  ) -> Reference? {
    let entry = RRset.addressEntry(type, kind)
    let count = kind == .records ? Cache.countRecords(data) : 0
    let octets = entry > 0 ? count * entry : data.count
    guard let set = allocate(SetField.data + octets, keeping: node) else { return nil }
    arena.store16(type.rawValue, set, SetField.type)
    arena.store8(kind.rawValue, set, SetField.kind)
    arena.store16(UInt16(count), set, SetField.count)
    arena.store32(UInt32(octets), set, SetField.dataCount)
    if entry > 0 {
      let width = entry - AddressField.address
      for index in 0..<count {
        let place = Cache.addressPlace(set, index, entry)
        let at = index * (2 + width) + 2
        arena.store(data.extracting(at..<at + width), place, AddressField.address)
        arena.setLink(place, AddressField.owner, node)
        if type == .a {
          addresses4.insert(place, in: &arena)
        } else {
          addresses6.insert(place, in: &arena)
        }
      }
    } else {
      arena.store(data, set, SetField.data)
    }
    setCount += 1
    recordCount += count
    return set
  }

  /// Counts the records in a list of lengths and RDATA.
  private static func countRecords(_ data: Span<UInt8>) -> Int {
    var count = 0
    var position = 0
    while position < data.count {
      position += 2 + Int(data.load16(position))
      count += 1
    }
    precondition(position == data.count && count <= Int(UInt16.max))
    return count
  }

  /// Removes what can't be true beside new answers: the newest reply is believed.
  ///
  /// An alias has no other data but DNSSEC's (RFC 1034 §3.6.2, RFC 4034 §3, §4); a name that does not
  /// exist has none.
  private mutating func removeContradictions(
    to type: RecordType, _ kind: RRset.Kind, at node: Reference
  ) {
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let next = arena.link(set, SetField.next)
      if Cache.contradicts(type, kind, RRset(set, in: arena)) { removeSet(set, at: node) }
      set = next
    }
  }

  /// Whether a new answer can't be true beside something that is known already.
  static func contradicts(_ type: RecordType, _ kind: RRset.Kind, _ other: RRset) -> Bool {
    switch (kind, other.kind) {
    case (.noName, _): other.rank.answersQuestions
    case (_, .noName): true
    case (.noData, _): false
    case (.records, .noData): false
    case (.records, .records):
      other.rank.answersQuestions && (type == .cname) != (other.type == .cname)
        && !mayStandBesideCNAME(type) && !mayStandBesideCNAME(other.type)
    }
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
