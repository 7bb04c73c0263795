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
  private var names: BucketTable
  private let seed: HashSeed
  /// What each source is, and how often it was read, modulo 256.
  private var sources: FixedArray<Source>
  /// A bit for each last label that names have or had, chosen by its hash: nearly every name of the internet is told
  /// by it.
  private var lastLabels: UInt64 = 0

  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Source: BitwiseCopyable {
    var kind = LocalSource.Kind.leases
    var pass: UInt8 = 0
  }

  /// Seconds for which records without a TTL of their own may be kept.
  public var defaultTTL: UInt32 = 60

  /// Names that have records.
  public private(set) var nameCount = 0
  /// Records there are.
  public private(set) var recordCount = 0

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
  /// - Parameter name: wire form, uncompressed, lower-cased.
  func place(of name: Span<UInt8>) -> Place {
    mayHold(name) ? search(name) : .outside
  }

  private func mayHold(_ name: Span<UInt8>) -> Bool {
    guard lastLabels != 0, name.count > 1 else { return false }
    var last = 0
    var next = 0
    while name[next] != 0 {
      last = next
      next = last + Int(name[last]) + 1
    }
    return lastLabels & LocalData.bit(hash(LocalData.rootHash, name, labelAt: last)) != 0
  }

  @inline(never)
  private func search(_ name: Span<UInt8>) -> Place {
    let suffixes = Suffixes(name, seed)
    let own = find(suffixes.hash(0), name)
    if !own.isNone {
      return arena.link(own, NodeField.firstRecord).isNone
        ? .emptyNonTerminal : .name(LocalName(node: own))
    }
    // RFC 4592 §3.3.1: the closest encloser's own wildcard, and no other.
    for label in 1..<max(suffixes.count, 1) {
      let parent = find(suffixes.hash(label), name.extracting(suffixes.start(label)..<name.count))
      if parent.isNone { continue }
      let wildcard = arena.link(parent, NodeField.wildcard)
      return wildcard.isNone ? .unknown : .wildcard(LocalName(node: wildcard))
    }
    return .unknown
  }

  /// The name itself, if it has records.
  public func find(_ name: Span<UInt8>) -> LocalName? {
    guard case .name(let found) = place(of: name) else { return nil }
    return found
  }

  private func find(_ hash: UInt32, _ name: Span<UInt8>) -> Reference {
    var node = names[names.bucket(hash)]
    while !node.isNone {
      if arena.load32(node, NodeField.hash) == hash && WireName.isSame(self.name(of: node), name) {
        return node
      }
      node = arena.link(node, NodeField.chain)
    }
    return node
  }

  /// A name in wire form.
  @_lifetime(borrow self)
  public func name(of name: LocalName) -> Span<UInt8> { self.name(of: name.node) }

  @_lifetime(borrow self)
  private func name(of node: Reference) -> Span<UInt8> {
    arena.octets(node, NodeField.name, count: Int(arena.load8(node, NodeField.nameCount)))
  }

  // MARK: Records

  /// A name's records of a type, one after the other: those of the best source that has the name.
  ///
  /// Of the PTR records that follow from addresses only the first is given: a host has one name by its address.
  public func records(of name: LocalName, _ type: RecordType) -> LocalRecords {
    var records = LocalRecords(type: type, standing: standing(of: name))
    records.current = next(from: arena.link(name.node, NodeField.firstRecord), records)
    if records.standing >= LocalData.derivedStanding { records.only = firstDerived(records) }
    if !records.only.isNone { records.current = records.only }
    return records
  }

  /// Goes on to the next record; false when there is none.
  public func advance(_ records: inout LocalRecords) {
    records.current =
      records.only.isNone
      ? next(from: arena.link(records.current, RecordField.next), records) : .none
  }

  /// How good the best source of a name is: the less the better.
  private func standing(of name: LocalName) -> UInt8 {
    var best = UInt8.max
    var record = arena.link(name.node, NodeField.firstRecord)
    while !record.isNone {
      best = min(best, standing(of: record))
      record = arena.link(record, RecordField.next)
    }
    return best
  }

  private static let derivedStanding: UInt8 = 4

  private func standing(of record: Reference) -> UInt8 {
    let kind = sources[Int(arena.load8(record, RecordField.source))].kind.rawValue
    return arena.load8(record, RecordField.isDerived) == 0 ? kind : kind + LocalData.derivedStanding
  }

  private func next(from start: Reference, _ records: LocalRecords) -> Reference {
    var record = start
    while !record.isNone {
      if arena.load16(record, RecordField.type) == records.type.rawValue,
        standing(of: record) == records.standing
      {
        return record
      }
      record = arena.link(record, RecordField.next)
    }
    return record
  }

  /// Of equally good records that follow from addresses the one that stands first in the first file.
  private func firstDerived(_ records: LocalRecords) -> Reference {
    var first = records.current
    var record = first
    while !record.isNone {
      if order(of: record) < order(of: first) { first = record }
      record = next(from: arena.link(record, RecordField.next), records)
    }
    return first
  }

  private func order(of record: Reference) -> UInt64 {
    UInt64(arena.load8(record, RecordField.source)) << 32
      | UInt64(arena.load32(record, RecordField.line))
  }

  /// A record's RDATA, uncompressed.
  @_lifetime(borrow self)
  public func data(of records: LocalRecords) -> Span<UInt8> { data(of: records.current) }

  /// Seconds for which a record may be kept.
  public func ttl(of records: LocalRecords) -> UInt32 {
    let ttl = arena.load32(records.current, RecordField.ttl)
    return ttl == RecordField.noTTL ? defaultTTL : ttl
  }

  /// Where a record was read.
  public func origin(of records: LocalRecords) -> (source: LocalSource.ID, line: Int) {
    (
      LocalSource.ID(number: arena.load8(records.current, RecordField.source)),
      Int(arena.load32(records.current, RecordField.line))
    )
  }

  /// All records of a name, of whatever type and source, with whether each is given; for people.
  public func visitRecords(
    of name: LocalName,
    _ body: (RecordType, _ data: Span<UInt8>, LocalRecords, _ isGiven: Bool) -> Void
  ) {
    let best = standing(of: name)
    var record = arena.link(name.node, NodeField.firstRecord)
    while !record.isNone {
      let type = RecordType(rawValue: arena.load16(record, RecordField.type))
      var view = LocalRecords(type: type, standing: best)
      view.current = record
      let isGiven =
        standing(of: record) == best
        && (best < LocalData.derivedStanding || records(of: name, type).current == record)
      body(type, data(of: record), view, isGiven)
      record = arena.link(record, RecordField.next)
    }
  }

  /// Whether a name has records of a type.
  public func has(_ type: RecordType, _ name: LocalName) -> Bool {
    !records(of: name, type).isEmpty
  }

  @_lifetime(borrow self)
  private func data(of record: Reference) -> Span<UInt8> {
    arena.octets(
      record, RecordField.data, count: Int(arena.load16(record, RecordField.dataCount)))
  }

  // MARK: Reading a source

  /// Says what a source is.
  public mutating func setKind(_ kind: LocalSource.Kind, of source: LocalSource.ID) {
    sources[Int(source.number)].kind = kind
  }

  /// Begins to read a source anew: what is not added from now on is removed by ``removeUnread(of:from:names:)``.
  public mutating func beginReading(_ source: LocalSource.ID) {
    sources[Int(source.number)].pass &+= 1
  }

  /// What became of a record.
  public enum Addition: Sendable {
    /// It is new; `isName` when its name had no records before, so that others may have said something of it.
    case added(isName: Bool)
    /// It was there.
    case known
    /// It is new, but another source has more to say of its name.
    case shadowed(isName: Bool)
    /// The name has as many records as it may.
    case tooMany
    /// There is no room.
    case noRoom
  }

  /// Takes in a record, or notes that its source still has it.
  public mutating func add(_ record: LocalRecord, from source: LocalSource.ID) -> Addition {
    guard record.name.count > 1, record.data.count <= LocalData.largestData else { return .noRoom }
    let pass = sources[Int(source.number)].pass
    let suffixes = Suffixes(record.name, seed)
    let known = find(suffixes.hash(0), record.name)
    var last = Reference.none
    var count = 0
    if !known.isNone {
      var other = arena.link(known, NodeField.firstRecord)
      while !other.isNone {
        if isSame(other, record, source) {
          // The same twice in one reading counts where it stands first.
          if arena.load8(other, RecordField.pass) != pass {
            arena.store8(pass, other, RecordField.pass)
            arena.store32(UInt32(clamping: record.line), other, RecordField.line)
            arena.store32(record.ttl ?? RecordField.noTTL, other, RecordField.ttl)
          }
          return .known
        }
        count += 1
        last = other
        other = arena.link(other, RecordField.next)
      }
      guard count < LocalData.recordsPerName else { return .tooMany }
    }
    guard let block = arena.allocate(octets: RecordField.data + record.data.count) else {
      return .noRoom
    }
    let node: Reference
    if known.isNone {
      guard let new = insert(record.name, suffixes, 0) else {
        arena.free(block)
        return .noRoom
      }
      node = new
    } else {
      node = known
    }
    arena.store32(0, block, RecordField.next)
    arena.store32(UInt32(clamping: record.line), block, RecordField.line)
    arena.store32(record.ttl ?? RecordField.noTTL, block, RecordField.ttl)
    arena.store16(record.type.rawValue, block, RecordField.type)
    arena.store16(UInt16(record.data.count), block, RecordField.dataCount)
    arena.store8(source.number, block, RecordField.source)
    arena.store8(pass, block, RecordField.pass)
    arena.store8(record.isDerived ? 1 : 0, block, RecordField.isDerived)
    arena.store(record.data, block, RecordField.data)
    if last.isNone {
      arena.setLink(node, NodeField.firstRecord, block)
      nameCount += 1
    } else {
      arena.setLink(last, RecordField.next, block)
    }
    recordCount += 1
    let isShadowed = standing(of: block) > standing(of: LocalName(node: node))
    return isShadowed ? .shadowed(isName: count == 0) : .added(isName: count == 0)
  }

  private func isSame(
    _ other: Reference, _ record: LocalRecord, _ source: LocalSource.ID
  ) -> Bool {
    arena.load16(other, RecordField.type) == record.type.rawValue
      && arena.load8(other, RecordField.source) == source.number
      && (arena.load8(other, RecordField.isDerived) != 0) == record.isDerived
      && data(of: other).isSame(record.data)
  }

  /// Removes what a source no longer has, a part of the names at a time.
  ///
  /// - Parameters:
  ///   - cursor: where to go on; 0 at first.
  ///   - buckets: how many parts of the table are looked through.
  /// - Returns: whether all has been looked through.
  public mutating func removeUnread(
    of source: LocalSource.ID, from cursor: inout Int, buckets: Int
  ) -> Bool {
    let pass = sources[Int(source.number)].pass
    let end = min(cursor + buckets, names.count)
    while cursor < end {
      var node = names[cursor]
      while !node.isNone {
        let next = arena.link(node, NodeField.chain)
        // A node that goes may take its parents with it, of which the next may be one.
        node = removeRecords(of: source, butOf: pass, at: node) ? names[cursor] : next
      }
      cursor += 1
    }
    return cursor >= names.count
  }

  /// Removes a name's records that a reading has not met; true when the name went, too.
  private mutating func removeRecords(
    of source: LocalSource.ID, butOf pass: UInt8, at node: Reference
  ) -> Bool {
    var previous = Reference.none
    var record = arena.link(node, NodeField.firstRecord)
    guard !record.isNone else { return false }
    while !record.isNone {
      let next = arena.link(record, RecordField.next)
      if arena.load8(record, RecordField.source) == source.number
        && arena.load8(record, RecordField.pass) != pass
      {
        if previous.isNone {
          arena.setLink(node, NodeField.firstRecord, next)
        } else {
          arena.setLink(previous, RecordField.next, next)
        }
        arena.free(record)
        recordCount -= 1
      } else {
        previous = record
      }
      record = next
    }
    guard previous.isNone else { return false }
    nameCount -= 1
    return removeIfEmpty(node)
  }

  // MARK: Nodes

  /// Makes the node of a name, and those of its parents that are missing.
  private mutating func insert(
    _ name: Span<UInt8>, _ suffixes: borrowing Suffixes, _ label: Int
  ) -> Reference? {
    let own = name.extracting(suffixes.start(label)..<name.count)
    guard let node = arena.allocate(octets: NodeField.name + own.count) else { return nil }
    var parent = Reference.none
    if label + 1 < suffixes.count {
      let above = name.extracting(suffixes.start(label + 1)..<name.count)
      parent = find(suffixes.hash(label + 1), above)
      if parent.isNone {
        guard let made = insert(name, suffixes, label + 1) else {
          arena.free(node)
          return nil
        }
        parent = made
      }
      arena.store32(arena.load32(parent, NodeField.children) + 1, parent, NodeField.children)
      if own[0] == 1 && own[1] == UInt8(ascii: "*") {
        arena.setLink(parent, NodeField.wildcard, node)
      }
    } else {
      lastLabels |= LocalData.bit(suffixes.hash(label))
    }
    let hash = suffixes.hash(label)
    let bucket = names.bucket(hash)
    arena.setLink(node, NodeField.chain, names[bucket])
    arena.store32(hash, node, NodeField.hash)
    arena.store32(0, node, NodeField.firstRecord)
    arena.store32(0, node, NodeField.children)
    arena.store32(0, node, NodeField.wildcard)
    arena.setLink(node, NodeField.parent, parent)
    arena.store8(UInt8(own.count), node, NodeField.nameCount)
    arena.store(own, node, NodeField.name)
    names[bucket] = node
    nodeCount += 1
    if nodeCount * 4 > names.count * 3 { splitBucket() }
    return node
  }

  private var nodeCount = 0

  private mutating func splitBucket() {
    guard let old = names.grow() else { return }
    var node = names[old]
    names[old] = .none
    while !node.isNone {
      let next = arena.link(node, NodeField.chain)
      let bucket = names.bucket(arena.load32(node, NodeField.hash))
      arena.setLink(node, NodeField.chain, names[bucket])
      names[bucket] = node
      node = next
    }
  }

  /// Removes a node without records and children, and its parents that are of no more use; true when it went.
  private mutating func removeIfEmpty(_ first: Reference) -> Bool {
    var node = first
    while !node.isNone, arena.link(node, NodeField.firstRecord).isNone,
      arena.load32(node, NodeField.children) == 0
    {
      let parent = arena.link(node, NodeField.parent)
      if !parent.isNone {
        arena.store32(arena.load32(parent, NodeField.children) - 1, parent, NodeField.children)
        if arena.link(parent, NodeField.wildcard) == node {
          arena.setLink(parent, NodeField.wildcard, .none)
        }
      }
      unchain(node)
      arena.free(node)
      nodeCount -= 1
      node = parent
    }
    return node != first
  }

  private mutating func unchain(_ node: Reference) {
    let bucket = names.bucket(arena.load32(node, NodeField.hash))
    let next = arena.link(node, NodeField.chain)
    var before = names[bucket]
    if before == node {
      names[bucket] = next
      return
    }
    while arena.link(before, NodeField.chain) != node {
      before = arena.link(before, NodeField.chain)
    }
    arena.setLink(before, NodeField.chain, next)
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
        if !arena.link(node, NodeField.firstRecord).isNone { body(LocalName(node: node)) }
        node = arena.link(node, NodeField.chain)
      }
      cursor += 1
    }
    return cursor >= names.count
  }

  // MARK: Hashes
  //
  // From the right end, label by label, so that one pass has the hashes of all parents.

  private static var rootHash: UInt64 { 0x9E37_79B9_7F4A_7C15 }

  private static func bit(_ hash: UInt32) -> UInt64 { 1 << UInt64(hash & 63) }

  private static func folded(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash ^ hash >> 32)
  }

  private func hash(_ rest: UInt64, _ name: Span<UInt8>, labelAt start: Int) -> UInt32 {
    LocalData.folded(LocalData.hash(rest, name, labelAt: start, seed))
  }

  private static func hash(
    _ rest: UInt64, _ name: Span<UInt8>, labelAt start: Int, _ seed: HashSeed
  ) -> UInt64 {
    var hash = rest
    var word: UInt64 = 0
    var octets = 0
    for index in start...start + Int(name[start]) {
      word = word << 8 | UInt64(name[index])
      octets += 1
      if octets.isMultiple(of: 8) {
        hash = seed.mix(hash, word)
        word = 0
      }
    }
    return seed.mix(hash, word ^ UInt64(octets) << 56)
  }

  /// Where the labels of a name begin, and the hashes of the names from there on.
  private struct Suffixes: ~Copyable {
    // A name of 255 octets has 127 labels at most (RFC 1035 §2.3.4).
    private var starts: InlineArray<128, UInt8> = InlineArray(repeating: 0)
    private var hashes: InlineArray<128, UInt32> = InlineArray(repeating: 0)
    private(set) var count = 0

    init(_ name: Span<UInt8>, _ seed: HashSeed) {
      var position = 0
      while name[position] != 0 {
        starts[count] = UInt8(truncatingIfNeeded: position)
        count += 1
        position += Int(name[position]) + 1
      }
      var hash = LocalData.rootHash
      for label in stride(from: count - 1, through: 0, by: -1) {
        hash = LocalData.hash(hash, name, labelAt: Int(starts[label]), seed)
        hashes[label] = LocalData.folded(hash)
      }
    }

    func start(_ label: Int) -> Int { Int(starts[label]) }
    func hash(_ label: Int) -> UInt32 { hashes[label] }
  }
}

/// Where a node's fields lie in its block: a name of ``LocalData``.
private enum NodeField {
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
private enum RecordField {
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
  fileprivate func isSame(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }
}

extension Arena {
  fileprivate func link(_ place: Reference, _ field: Int) -> Reference {
    Reference(rawValue: load32(place, field))
  }

  fileprivate mutating func setLink(_ place: Reference, _ field: Int, _ target: Reference) {
    store32(target.rawValue, place, field)
  }
}
