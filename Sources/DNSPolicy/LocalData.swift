import DNSWire
import Memory

/// What the LAN knows itself: the records of its own names, from files, leases and the configuration.
///
/// Each record has its source and its line, so that a file that changed is read again without touching what came
/// from others (``beginReading(_:)``). Where several sources have a name, the best of them alone answers for it;
/// see ``LocalSource/Kind``. All parents of a name are there, too, with the number of their children: so a look-up
/// tells a name without data from one that doesn't exist (RFC 8020), and finds the wildcard that stands for a name
/// (RFC 4592 §3.3.1).
///
/// It is no second ``Cache``: nothing here expires, is evicted or has a rank, and every record has a place in a file.
public struct LocalData: ~Copyable {
  var arena: Arena
  var names: BucketTable
  let seed: HashSeed
  /// What each source is, and how often it was read, modulo 256.
  var sources: FixedArray<Source>
  /// A bit for each last label that names of several labels have or had, chosen by its hash: nearly every name of the
  /// internet is told by it.
  var lastLabels: UInt64 = 0

  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Source: BitwiseCopyable {
    var kind = LocalSource.Kind.leases
    var pass: UInt8 = 0
  }

  /// Seconds for which records without a TTL of their own may be kept.
  public var defaultTTL: UInt32 = 60

  /// Names that have records.
  public internal(set) var nameCount = 0
  /// Records there are.
  public internal(set) var recordCount = 0
  /// Names there are, those included that only others are below.
  var nodeCount = 0

  /// Records that a name has at most.
  public static let recordsPerName = 256
  /// Octets of an RDATA at most: what fits in an answer over UDP is a hundredth of it.
  public static let largestData = 16_384
  /// Octets for a home and an office: some 700,000 names.
  public static let usualOctets = 64 << 20

  /// Reserves memory, which is touched only as it fills.
  ///
  /// - Parameter seed: a secret: leases have names that their clients chose.
  public init(octets: Int = usualOctets, seed: HashSeed) {
    let buckets = octets / 64
    arena = Arena(capacity: min(max(octets - buckets * 4, 4_096), Arena.maximumCapacity))
    names = BucketTable(maximum: buckets)
    sources = FixedArray(repeating: Source(), count: LocalSource.most)
    self.seed = seed
  }

  /// Octets in use.
  public var octets: Int { blockOctets + names.octets }
  /// Octets of names and records.
  var blockOctets: Int { arena.used }

  // MARK: Finding

  /// Where a name stands among those that are known.
  enum Place {
    /// No name that is known has its last label.
    case outside
    /// It has records.
    case name(LocalName)
    /// It has none, but names below it have.
    case emptyNonTerminal
    /// A wildcard stands for it.
    case wildcard(LocalName)
    /// It isn't known.
    case unknown
  }

  /// Finds a name.
  ///
  /// - Parameters:
  ///   - name: wire form, uncompressed, lower-cased.
  ///   - hash: its hash, if that is known.
  func place(of name: Span<UInt8>, hash: UInt32? = nil) -> Place {
    mayHold(name) ? search(name, hash ?? self.hash(name)) : .outside
  }

  /// Notes that names with a last label may be here; those of one label are always looked for.
  mutating func noteLastLabel(of name: Span<UInt8>) {
    var last = 0
    var next = Int(name[0]) + 1
    while name[next] != 0 {
      last = next
      next = last + Int(name[last]) + 1
    }
    if last > 0 { lastLabels |= LocalData.bit(hash(name.extracting(last..<name.count))) }
  }

  private func mayHold(_ name: Span<UInt8>) -> Bool {
    guard name.count > 1 else { return false }
    var last = 0
    var next = 0
    while name[next] != 0 {
      last = next
      next = last + Int(name[last]) + 1
    }
    // Names of one label are as many as the LAN has hosts: they would set every bit.
    if last == 0 { return true }
    return lastLabels & LocalData.bit(hash(name.extracting(last..<name.count))) != 0
  }

  @inline(never)
  private func search(_ name: Span<UInt8>, _ hash: UInt32) -> Place {
    let own = find(hash, name)
    if !own.isNone {
      return arena.link(own, LocalNodeField.firstRecord).isNone
        ? .emptyNonTerminal : .name(LocalName(node: own))
    }
    // RFC 4592 §3.3.1: the closest encloser's own wildcard, and no other.
    var start = Int(name[0]) + 1
    while start < name.count - 1 {
      let above = name.extracting(start..<name.count)
      let parent = find(self.hash(above), above)
      if !parent.isNone {
        let wildcard = arena.link(parent, LocalNodeField.wildcard)
        return wildcard.isNone ? .unknown : .wildcard(LocalName(node: wildcard))
      }
      start += Int(name[start]) + 1
    }
    return .unknown
  }

  /// Reads ahead what looking for names will need, step by step for all of them, so that the waits overlap.
  ///
  /// - Parameters:
  ///   - hashes: the names' hashes, those of their ``NameKey``s.
  ///   - places: as many, to work with.
  /// - Returns: a number without a meaning, to be used so that the reads are not left out.
  public func anticipate(_ hashes: Span<UInt32>, _ places: inout MutableSpan<UInt32>) -> UInt32 {
    for index in 0..<min(hashes.count, places.count) {
      places[index] = names[names.bucket(hashes[index])].rawValue
    }
    var seen: UInt32 = 0
    for index in 0..<min(hashes.count, places.count) {
      let node = Reference(rawValue: places[index])
      if node.isNone { continue }
      // The name may begin in one line of the processor's cache and end in the next.
      seen ^= arena.load32(node, LocalNodeField.hash)
      places[index] = arena.load32(node, LocalNodeField.firstRecord)
    }
    for index in 0..<min(hashes.count, places.count) {
      let record = Reference(rawValue: places[index])
      if !record.isNone { seen ^= arena.load32(record, LocalRecordField.line) }
    }
    return seen
  }

  /// The name itself, if it has records.
  public func find(_ name: Span<UInt8>) -> LocalName? {
    guard case .name(let found) = place(of: name) else { return nil }
    return found
  }

  func find(_ hash: UInt32, _ name: Span<UInt8>) -> Reference {
    var node = names[names.bucket(hash)]
    while !node.isNone {
      if arena.load32(node, LocalNodeField.hash) == hash
        && WireName.isSame(self.name(of: node), name)
      {
        return node
      }
      node = arena.link(node, LocalNodeField.chain)
    }
    return node
  }

  /// A name in wire form.
  @_lifetime(borrow self)
  public func name(of name: LocalName) -> Span<UInt8> { self.name(of: name.node) }

  @_lifetime(borrow self)
  private func name(of node: Reference) -> Span<UInt8> {
    arena.octets(node, LocalNodeField.name, count: Int(arena.load8(node, LocalNodeField.nameCount)))
  }

  // MARK: Records

  /// A name's records of a type, one after the other: those of the best source that has the name.
  ///
  /// Of the PTR records that follow from addresses only the first is given: a host has one name by its address.
  public func records(of name: LocalName, _ type: RecordType) -> LocalRecords {
    var records = LocalRecords(type: type, standing: standing(of: name))
    records.current = next(from: arena.link(name.node, LocalNodeField.firstRecord), records)
    if records.standing >= LocalData.derivedStanding { records.only = firstDerived(records) }
    if !records.only.isNone { records.current = records.only }
    return records
  }

  /// The alias that a name is; nothing for one that is none, as most.
  public func alias(of name: LocalName) -> LocalRecords? {
    var record = arena.link(name.node, LocalNodeField.firstRecord)
    while !record.isNone {
      if arena.load16(record, LocalRecordField.type) == RecordType.cname.rawValue {
        let alias = records(of: name, .cname)
        return alias.isEmpty ? nil : alias
      }
      record = arena.link(record, LocalRecordField.next)
    }
    return nil
  }

  /// Visits a name's records of a type, each with the TTL of all: the least (RFC 2181 §5.2).
  ///
  /// - Returns: the first; empty when there is none.
  public func visit(
    _ name: LocalName, _ type: RecordType, _ body: (_ ttl: UInt32, _ data: Span<UInt8>) -> Void
  ) -> LocalRecords {
    let first = records(of: name, type)
    var ttl = UInt32.max
    var records = first
    while !records.isEmpty {
      ttl = min(ttl, self.ttl(of: records))
      advance(&records)
    }
    records = first
    while !records.isEmpty {
      body(ttl, data(of: records))
      advance(&records)
    }
    return first
  }

  /// Goes on to the next record; false when there is none.
  public func advance(_ records: inout LocalRecords) {
    records.current =
      records.only.isNone
      ? next(from: arena.link(records.current, LocalRecordField.next), records) : .none
  }

  /// How good the best source of a name is: the less the better.
  func standing(of name: LocalName) -> UInt8 {
    var best = UInt8.max
    var record = arena.link(name.node, LocalNodeField.firstRecord)
    while !record.isNone {
      best = min(best, standing(of: record))
      record = arena.link(record, LocalRecordField.next)
    }
    return best
  }

  private static let derivedStanding: UInt8 = 4

  func standing(of record: Reference) -> UInt8 {
    let kind = sources[Int(arena.load8(record, LocalRecordField.source))].kind.rawValue
    return arena.load8(record, LocalRecordField.isDerived) == 0
      ? kind : kind + LocalData.derivedStanding
  }

  private func next(from start: Reference, _ records: LocalRecords) -> Reference {
    var record = start
    while !record.isNone {
      if arena.load16(record, LocalRecordField.type) == records.type.rawValue,
        standing(of: record) == records.standing
      {
        return record
      }
      record = arena.link(record, LocalRecordField.next)
    }
    return record
  }

  /// Of equally good records that follow from addresses the one that stands first in the first file.
  private func firstDerived(_ records: LocalRecords) -> Reference {
    var first = records.current
    var record = first
    while !record.isNone {
      if order(of: record) < order(of: first) { first = record }
      record = next(from: arena.link(record, LocalRecordField.next), records)
    }
    return first
  }

  private func order(of record: Reference) -> UInt64 {
    UInt64(arena.load8(record, LocalRecordField.source)) << 32
      | UInt64(arena.load32(record, LocalRecordField.line))
  }

  /// A record's RDATA, uncompressed.
  @_lifetime(borrow self)
  public func data(of records: LocalRecords) -> Span<UInt8> { data(of: records.current) }

  /// Seconds for which a record may be kept.
  public func ttl(of records: LocalRecords) -> UInt32 {
    let ttl = arena.load32(records.current, LocalRecordField.ttl)
    return ttl == LocalRecordField.noTTL ? defaultTTL : ttl
  }

  /// Where a record was read.
  public func origin(of records: LocalRecords) -> (source: LocalSource.ID, line: Int) {
    (
      LocalSource.ID(number: arena.load8(records.current, LocalRecordField.source)),
      Int(arena.load32(records.current, LocalRecordField.line))
    )
  }

  /// All records of a name, of whatever type and source, with whether each is given; for people.
  public func visitRecords(
    of name: LocalName,
    _ body: (RecordType, _ data: Span<UInt8>, LocalRecords, _ isGiven: Bool) -> Void
  ) {
    let best = standing(of: name)
    var record = arena.link(name.node, LocalNodeField.firstRecord)
    while !record.isNone {
      let type = RecordType(rawValue: arena.load16(record, LocalRecordField.type))
      var view = LocalRecords(type: type, standing: best)
      view.current = record
      let isGiven =
        standing(of: record) == best
        && (best < LocalData.derivedStanding || records(of: name, type).current == record)
      body(type, data(of: record), view, isGiven)
      record = arena.link(record, LocalRecordField.next)
    }
  }

  /// Whether a name has records of a type.
  public func has(_ type: RecordType, _ name: LocalName) -> Bool {
    !records(of: name, type).isEmpty
  }

  @_lifetime(borrow self)
  func data(of record: Reference) -> Span<UInt8> {
    arena.octets(
      record, LocalRecordField.data, count: Int(arena.load16(record, LocalRecordField.dataCount)))
  }

  // MARK: For people

  /// Looks at the names that have records, a part of them at a time; see ``removeUnread(of:from:buckets:)``.
  public func visitNames(
    from cursor: inout Int, buckets: Int, _ body: (LocalName) -> Void
  ) -> Bool {
    let end = min(cursor + buckets, names.count)
    while cursor < end {
      var node = names[cursor]
      while !node.isNone {
        if !arena.link(node, LocalNodeField.firstRecord).isNone { body(LocalName(node: node)) }
        node = arena.link(node, LocalNodeField.chain)
      }
      cursor += 1
    }
    return cursor >= names.count
  }

  // MARK: Hashes

  static func bit(_ hash: UInt32) -> UInt64 { 1 << UInt64(hash & 63) }

  /// The hash of a name: what a ``NameKey`` has, made with the same seed.
  func hash(_ name: Span<UInt8>) -> UInt32 { NameKey.hash(of: name, seed) }
}

/// Where a node's fields lie in its block: a name of ``LocalData``.
enum LocalNodeField {
  /// Next node of the same bucket.
  static let chain = 0
  /// The name's hash.
  static let hash = 4
  /// First record; none for a name that only others are below.
  static let firstRecord = 8
  /// The node of the name without its first label.
  static let parent = 12
  /// Nodes whose parent this is.
  static let children = 16
  /// The child whose first label is an asterisk.
  static let wildcard = 20
  /// Octets of the name.
  static let nameCount = 24
  /// The name: wire form, lower-cased.
  static let name = 25
}

/// Where a record's fields lie in its block.
enum LocalRecordField {
  /// Next record of the same name.
  static let next = 0
  /// The line that it was read from.
  static let line = 4
  /// Seconds for which it may be kept, or ``noTTL``.
  static let ttl = 8
  static let type = 12
  /// Octets of RDATA.
  static let dataCount = 14
  /// The source's number.
  static let source = 16
  /// When it was last met; see ``LocalData/beginReading(_:)``.
  static let pass = 17
  /// Whether it follows from an address.
  static let isDerived = 18
  /// The RDATA, uncompressed.
  static let data = 19

  /// The value of ``ttl`` for a record that has none of its own.
  static let noTTL = UInt32.max
}

extension Span<UInt8> {
  func isSame(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }
}

extension Arena {
  func link(_ place: Reference, _ field: Int) -> Reference {
    Reference(rawValue: load32(place, field))
  }

  mutating func setLink(_ place: Reference, _ field: Int, _ target: Reference) {
    store32(target.rawValue, place, field)
  }
}
