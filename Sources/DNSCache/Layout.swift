import DNSWire
import Memory

/// Where a node's fields lie in its block: a name and what is known of it.
enum NodeField {
  /// Next node of the same bucket.
  static let chain = 0
  /// The name's hash.
  static let hash = 4
  /// First RRset.
  static let firstSet = 8
  /// The node that came into the queue next.
  static let newer = 12
  /// The node that came into the queue before.
  static let older = 16
  /// Octets of the name.
  static let nameCount = 20
  /// ``NodeUse``, and ``ScreenStamp`` above it.
  static let use = 21
  /// The generation of the rules that its data came by, or was judged by; see ``Cache/hasUnjudged``.
  static let generation = 22
  /// The name: wire form, lower-cased.
  static let name = 24
}

/// What a node was used for; a use sets all of it, so that one comparison tells whether to write.
enum NodeUse {
  /// Used since the eviction's hand last passed.
  static let sinceHand: UInt8 = 1
  /// Used since the sweep last found its data in the first half of their life.
  static let lately: UInt8 = 2
  /// All of it.
  static let all: UInt8 = 3
}

/// Where an RRset's fields lie in its block.
enum SetField {
  /// Next RRset of the same node.
  static let next = 0
  /// The second from which on the RRset is no longer good.
  static let expiry = 4
  /// The TTL it came with, after capping.
  static let ttl = 8
  /// The type; 0 for NXDOMAIN.
  static let type = 12
  /// Records.
  static let count = 14
  /// Octets of data.
  static let dataCount = 16
  /// ``Standing``: rank, section, and how often it was asked for again in vain.
  static let rankAndSection = 20
  /// The number of the server that it came from; 0 when that isn't known.
  static let source = 21
  /// ``RRset/Kind``, and ``LocalScopes`` above it.
  static let kindAndScopes = 22
  /// ``SetMarks``.
  static let flags = 23
  /// The records.
  ///
  /// Addresses: entries of ``AddressField``. Other types: for each record two octets of length in
  /// network order and the RDATA. Negative entries: how many octets of the name precede the zone's, and
  /// the SOA's RDATA.
  static let data = 24
}

/// What is read of a node to find it, in one step: the fields up to its name, as ``NodeField`` places them.
struct NodeHead: BitwiseCopyable {
  let chain: UInt32
  let hash: UInt32
  let firstSet: UInt32
  let newer: UInt32
  let older: UInt32
  let nameCount: UInt8
  let use: UInt8
  let generation: UInt16
}

/// The fields of an RRset up to its data in one step, as ``SetField`` places them.
struct SetHead: BitwiseCopyable {
  let next: UInt32
  let expiry: UInt32
  let ttl: UInt32
  let type: UInt16
  let count: UInt16
  let dataCount: UInt32
  let rankAndSection: UInt8
  let source: UInt8
  let kindAndScopes: UInt8
  let flags: UInt8

  /// ``RRset/Kind``.
  @inline(__always)
  var kind: UInt8 { kindAndScopes & LocalScopes.kindMask }
}

/// Where the DNSSEC records lie that stand behind the data of an RRset, at the next multiple of four.
enum DNSSECRecordsField {
  /// Octets of signatures.
  static let signatures = 0
  /// Octets of proof.
  static let proof = 4
  /// The signatures, then the proof.
  ///
  /// Signatures are RRSIG records that cover the RRset, or the SOA of a negative entry: for each two
  /// octets of length in network order and the RDATA. The proof's records have other owners: for each
  /// the owner name in wire form, lower-cased, two octets of type, two of length, and the RDATA.
  static let data = 8

  /// Where the DNSSEC records begin.
  static func start(dataCount: Int) -> Int { (SetField.data + dataCount + 3) & ~3 }
}

/// Where the fields of an address lie: an A or AAAA record, and its place among equal addresses.
enum AddressField {
  /// Next group of the same bucket; only the first entry of a group has it.
  static let chain = 0
  /// Next entry with the same address.
  static let nextSame = 4
  /// Previous entry with the same address; none for the first of a group.
  static let previousSame = 8
  /// The node whose name has this address.
  static let owner = 12
  /// Four or sixteen octets.
  static let address = 16
}

extension Arena {
  func link(_ place: Reference, _ field: Int) -> Reference {
    Reference(rawValue: load32(place, field))
  }

  mutating func setLink(_ place: Reference, _ field: Int, _ target: Reference) {
    store32(target.rawValue, place, field)
  }

  /// Fills a key with a name that lies in a block.
  func load(_ key: inout NameKey, _ place: Reference, _ offset: Int, count: Int) {
    key.load(trusted: octets(place, offset, count: count))
  }

  @inline(__always)
  func nodeHead(_ node: Reference) -> NodeHead { load(node, 0, as: NodeHead.self) }

  @inline(__always)
  func setHead(_ set: Reference) -> SetHead { load(set, 0, as: SetHead.self) }

  /// ``RRset/Kind``.
  @inline(__always)
  func kind(_ set: Reference) -> UInt8 { load8(set, SetField.kindAndScopes) & LocalScopes.kindMask }

  func nodeName(_ node: Reference) -> Int { Int(load8(node, NodeField.nameCount)) }
}

/// What is known of one type at one name: an RRset, or the fact that there is none.
public struct RRset: Sendable {
  /// What is known.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// There are records.
    case records = 0
    /// The name has no records of this type (NODATA, RFC 2308 §2.2).
    case noData = 1
    /// There is no such name (NXDOMAIN, RFC 2308 §2.1).
    case nxDomain = 2
  }

  /// The type; 0 when ``kind`` is ``Kind/noName``.
  public var type: RecordType
  /// What is known.
  public var kind: Kind
  /// How many records.
  public var count: Int
  /// The TTL that it came with, after capping, in seconds.
  public var ttl: UInt32
  /// The second, on the cache's clock, from which on it is no longer good.
  public var expiry: UInt32
  /// How far it may be trusted.
  public var rank: Rank
  /// The section it came in.
  public var section: RecordView.Section
  /// The number of the server that it came from; `Cache.source(_:)` has its address.
  public var source: UInt8

  let reference: Reference
  let dataCount: Int
  /// How it was asked for.
  public let flags: RRsetFlags

  /// Whether it tells of an address that names are looked up by.
  ///
  /// What nobody checked does not.
  var isIndexed: Bool { !flags.contains(.unchecked) }

  init(_ reference: Reference, in arena: borrowing Arena) {
    let head = arena.setHead(reference)
    self.reference = reference
    type = RecordType(rawValue: head.type)
    kind = Kind(rawValue: head.kind) ?? .records
    count = Int(head.count)
    ttl = head.ttl
    expiry = head.expiry
    let rankAndSection = RankAndSection(rawValue: head.rankAndSection)
    rank = rankAndSection.rank
    section = rankAndSection.section
    source = head.source
    dataCount = Int(head.dataCount)
    flags = RRsetFlags(rawValue: head.flags)
  }

  /// Octets of one entry when the records are addresses, else zero.
  static func addressEntry(_ type: RecordType, _ kind: Kind) -> Int {
    guard kind == .records else { return 0 }
    switch type {
    case .a: return AddressField.address + 4
    case .aaaa: return AddressField.address + 16
    default: return 0
    }
  }
}
