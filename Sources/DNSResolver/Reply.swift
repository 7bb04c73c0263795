import DNSCache
import DNSPolicy
import DNSWire
import Memory

/// A reply as a value: a packet that was checked, then scrubbed into RRsets that may be kept.
///
/// One workspace, filled anew for each reply. ``parse(_:_:at:)`` checks the whole message and writes its
/// names and RDATA, uncompressed, into memory of its own; the packet isn't needed any more. ``scrub(as:)``
/// then lists the RRsets that the question and its bailiwick let pass. Nothing is kept before
/// `Cache.store(_:now:)`. The time of each is proportional to the packet's size.
struct Reply: ~Copyable {
  /// Octets of the largest message: TCP has two for the length (RFC 1035 §4.2.2).
  private static let largestMessage = 65_535
  /// Most records of a reply: what fits in 64 KiB at eleven octets each.
  private static let recordLimit = 5_957
  /// Most records of Authority and Additional that are looked at.
  ///
  /// Honest replies have a few dozen: 13 root servers with two addresses each make 39.
  static let extraLimit = 128
  /// Most RRsets of a reply that are kept: an alias and its DNAME for each link, what the last one leads to,
  /// and the rest.
  private static let setLimit = 2 * (Cache.longestChain + 1) + 1 + extraLimit
  /// Most octets that the names of a reply may have more than stand in it: each has to be written out to be
  /// compared, and a pointer to one of 127 labels costs a microsecond.
  ///
  /// Four times the largest message. Records whose owner is the question's name, or has the same pointer as
  /// the one before, cost nothing.
  private static let expansionLimit = 4 << 16
  /// Octets for names and RDATA: those of the largest message, uncompressed, with the name asked for and one
  /// record more than is allowed.
  private static let parsedLimit =
    2 * largestMessage + expansionLimit + 4 * WireName.longest
  /// Octets for records and signatures that don't stand together, proofs, and names that aliases lead to.
  private static let gatheredLimit = 2 * Cache.largestSet
  /// Records up to which each search looks at all of them: nearly all replies.
  private static let searchedWhole = 4
  /// The end of a list of records.
  private static let noRecord = UInt16.max
  /// A pointer to the name behind the header (RFC 1035 §4.1.4).
  private static let questionPointer = 0xC000 | UInt16(MessageHeader.size)

  /// The name asked for.
  var question: NameKey
  /// A name on its way into ``octets``, or out.
  var name: NameKey
  /// Names and RDATA, then what is gathered from them.
  var octets: FixedArray<UInt8>
  var used = 0
  private var records: FixedArray<Record>
  private(set) var recordCount = 0
  /// How many records belong to an RRset that was listed, or have no use.
  private var takenCount = 0
  /// Where the sections after Answer begin among the records.
  private(set) var authority = 0
  private(set) var additional = 0
  /// Lists of records by owner, type and section; one list of all when there are few.
  private var lists: FixedArray<UInt16>
  private var listMask = 0
  /// The RRsets that may be kept, in their order.
  private var sets: FixedArray<ReplySet>
  private(set) var setCount = 0
  /// The bits of the header from QR to RCODE.
  private(set) var flags: UInt16 = 0
  /// Whether the reply has an extended error (RFC 8914).
  private(set) var hasExtendedError = false
  /// Whether Answer has a DNAME.
  private(set) var hasDNAME = false
  /// Whether signatures and proofs were asked for.
  var keepsSignatures = false
  /// Whether the name asked for is an alias.
  var isAliased = false
  /// What the reply is, where that ends scrubbing.
  var fault: Kind?
  /// Records that were left out: not the question's, or outside of the bailiwick.
  var leftOut: UInt64 = 0
  /// Records that searches have looked at: what bounds the time of a reply.
  private(set) var looks = 0
  /// Which names are answered here, and whose servers speak for the others; lent by its owner.
  let policy: Pinned<Policy>
  /// Whether the servers of any route but the default one are asked.
  var hasRoutes: Bool { policy.value.hasRoutes }

  /// A name in ``octets``, in lower case.
  struct NamePlace: BitwiseCopyable {
    var start: UInt32
    var hash: UInt32
    var count: UInt8
  }

  /// A record, its owner and RDATA uncompressed.
  struct Record: BitwiseCopyable {
    var owner: NamePlace
    var section: RecordView.Section
    var isTaken: Bool
    var type: RecordType
    /// The next one of its list.
    var next: UInt16
    var ttl: UInt32
    /// Where the RDATA's length stands in ``octets``, with the RDATA behind it.
    var start: UInt32
  }

  /// Why a message has no records that could be used.
  enum Fault {
    /// It is not well formed.
    case malformed
    /// An error whose upper bits are in OPT (RFC 6891 §6.1.3).
    case error(ResponseCode)
  }

  init(seed: HashSeed, policy: Pinned<Policy>) {
    self.policy = policy
    question = NameKey(seed: seed)
    name = NameKey(seed: seed)
    octets = FixedArray(reserving: Reply.parsedLimit + Reply.gatheredLimit)
    let nowhere = NamePlace(start: 0, hash: 0, count: 0)
    records = FixedArray(
      repeating: Record(
        owner: nowhere, section: .answer, isTaken: false, type: RecordType(rawValue: 0),
        next: Reply.noRecord, ttl: 0, start: 0), count: Reply.recordLimit)
    lists = FixedArray(repeating: Reply.noRecord, count: 1 << 13)
    sets = FixedArray(repeating: ReplySet(owner: nowhere), count: Reply.setLimit)
  }

  /// Takes the name of a message's question.
  ///
  /// - Returns: the offset behind it, or nothing when it is malformed.
  mutating func loadQuestion(_ message: Span<UInt8>) -> Int? {
    try? question.load(from: message, at: MessageHeader.size)
  }

  // MARK: Parsing

  /// Checks a whole message and takes its records.
  ///
  /// - Parameters:
  ///   - message: a reply whose question, in ``question``, is the one that was asked.
  ///   - position: where its records begin. What the question holds is there in our letter case, which is
  ///     not to be kept.
  mutating func parse(
    _ message: Span<UInt8>, _ header: MessageHeader, at position: Int
  ) -> Fault? {
    flags = header.flags
    guard message.count <= Reply.largestMessage,
      let extendedRcode = try? readRecords(message, header, at: position)
    else { return .malformed }
    guard extendedRcode == 0 else {
      return .error(ResponseCode(headerBits: header.rcode, extendedBits: extendedRcode))
    }
    makeLists()
    return nil
  }

  /// Walks the whole message once and notes its records.
  ///
  /// - Returns: the upper bits of its response code.
  private mutating func readRecords(
    _ message: Span<UInt8>, _ header: MessageHeader, at position: Int
  ) throws(WireError) -> UInt8 {
    used = 0
    recordCount = 0
    takenCount = 0
    setCount = 0
    authority = 0
    additional = 0
    leftOut = 0
    looks = 0
    hasExtendedError = false
    hasDNAME = false
    var hasOPT = false
    var extendedRcode: UInt8 = 0
    let asked = placeQuestion()
    var lastOwner = asked
    var lastPointer: UInt16 = 0
    var expansion = 0
    var cursor = RecordCursor(header, at: position)
    while let view = try cursor.next(message) {
      if view.type == .opt {
        // RFC 6891 §6.1.1: one OPT, in Additional, owned by the root.
        guard !hasOPT, view.section == .additional, message[view.owner] == 0 else {
          throw .badOption
        }
        hasOPT = true
        extendedRcode = UInt8(view.ttl >> 24)
        if view.dataCount > 0 { noteOptions(message, view) }
        continue
      }
      let pointer = message.load16(view.owner)
      let owner: NamePlace
      if pointer == Reply.questionPointer {
        owner = asked
      } else if pointer == lastPointer && pointer >= 0xC000 {
        owner = lastOwner
      } else {
        let end = try name.load(from: message, at: view.owner)
        expansion &+= max(0, name.count &- (end &- view.owner))
        guard expansion <= Reply.expansionLimit else { throw .tooLarge }
        owner = placeName()
        lastOwner = owner
        lastPointer = pointer
      }
      // Other classes' data has forms of its own (RFC 1035 §3.4).
      guard view.recordClass == RecordClass.internet.rawValue, !view.type.isMeta,
        view.type.rawValue != 0
      else { continue }
      let start = used
      expansion &+= try takeData(of: view, message, foldingBefore: position) &- view.dataCount
      guard expansion <= Reply.expansionLimit else { throw .tooLarge }
      guard recordCount < Reply.recordLimit else { throw .badCount }
      if view.section == .answer {
        authority = recordCount &+ 1
        if view.type == .dname { hasDNAME = true }
      }
      if view.section != .additional { additional = recordCount &+ 1 }
      records[recordCount] = Record(
        owner: owner, section: view.section, isTaken: false, type: view.type,
        next: UInt16(truncatingIfNeeded: recordCount &+ 1), ttl: view.ttl,
        start: UInt32(truncatingIfNeeded: start))
      recordCount &+= 1
    }
    // What stands behind the last record means nothing, as in queries.
    return extendedRcode
  }

  private mutating func noteOptions(_ message: Span<UInt8>, _ view: RecordView) {
    var options = OptionCursor(at: view.data, count: view.dataCount)
    while let option = try? options.next(message) {
      if option.code == .extendedError { hasExtendedError = true }
    }
  }

  /// Writes a record's RDATA behind what there is, its length before it.
  ///
  /// - Returns: octets that it has when its names are uncompressed.
  private mutating func takeData(
    of view: RecordView, _ message: Span<UInt8>, foldingBefore folded: Int
  ) throws(WireError) -> Int {
    let start = used
    var target = octets.mutableSpan
    let count: Int
    if view.type == .a || view.type == .aaaa {
      count = view.type == .a ? 4 : 16
      guard view.dataCount == count else { throw .badRData }
      target.store(message.extracting(view.data..<view.data &+ count), start &+ 2)
    } else {
      count = try RData.copy(
        view, of: message, into: &target, at: start &+ 2, foldingBefore: folded)
      // Names that are uncompressed may leave more than RDLENGTH can say.
      guard count <= Int(UInt16.max) else { throw .badRData }
    }
    target.store16(UInt16(truncatingIfNeeded: count), start)
    used = start &+ 2 &+ count
    return count
  }

  /// Puts the records into lists, each in the order of the message.
  private mutating func makeLists() {
    guard recordCount > Reply.searchedWhole else {
      // Each leads to the next one as it is.
      listMask = 0
      lists[0] = 0
      if recordCount == 0 { lists[0] = Reply.noRecord } else { end(recordCount &- 1) }
      return
    }
    var size = 8
    while size < recordCount { size *= 2 }
    listMask = size - 1
    for list in 0..<size { lists[list] = Reply.noRecord }
    var index = recordCount
    while index > 0 {
      index &-= 1
      let list = list(of: records[index].owner, records[index].type, records[index].section)
      records[index].next = lists[list]
      lists[list] = UInt16(truncatingIfNeeded: index)
    }
  }

  private mutating func end(_ index: Int) { records[index].next = Reply.noRecord }

  @inline(__always)
  private func list(
    of owner: NamePlace, _ type: RecordType, _ section: RecordView.Section
  ) -> Int {
    // The hash is keyed; types and sections of one name need only be told apart.
    Int(owner.hash ^ UInt32(type.rawValue) &* 0x9E3D ^ UInt32(section.rawValue) << 5) & listMask
  }

  // MARK: Records

  /// The first record of an owner, type and section, taken or not.
  @inline(__always)
  mutating func first(
    of owner: NamePlace, _ type: RecordType, in section: RecordView.Section
  ) -> Int? {
    match(from: lists[list(of: owner, type, section)], owner, type, section)
  }

  /// The next such record behind one.
  @inline(__always)
  mutating func next(
    behind index: Int, of owner: NamePlace, _ type: RecordType, in section: RecordView.Section
  ) -> Int? {
    match(from: records[index].next, owner, type, section)
  }

  private mutating func match(
    from first: UInt16, _ owner: NamePlace, _ type: RecordType, _ section: RecordView.Section
  ) -> Int? {
    var next = first
    while next != Reply.noRecord {
      let index = Int(next)
      looks &+= 1
      if records[index].type == type, records[index].section == section,
        records[index].owner.hash == owner.hash, isSame(records[index].owner, owner)
      {
        return index
      }
      next = records[index].next
    }
    return nil
  }

  /// A record's fields.
  @inline(__always)
  func record(_ index: Int) -> Record { records[index] }

  @inline(__always)
  func isTaken(_ index: Int) -> Bool { records[index].isTaken }

  /// Marks a record as one that isn't to be looked at any more.
  mutating func take(_ index: Int) {
    if records[index].isTaken { return }
    records[index].isTaken = true
    takenCount += 1
  }

  /// Whether all records are taken.
  var isAllTaken: Bool { takenCount == recordCount }

  /// The RDATA of a record.
  @_lifetime(borrow self)
  func data(of index: Int) -> Span<UInt8> {
    let start = Int(records[index].start)
    return octets.span.extracting(start + 2..<start + 2 + Int(octets.span.load16(start)))
  }

  // MARK: RRsets

  /// Lists an RRset that may be kept.
  ///
  /// - Returns: whether there was room, as there is for everything that is looked for.
  @inline(__always)
  mutating func list(_ set: ReplySet) -> Bool {
    guard setCount < Reply.setLimit else { return false }
    sets[setCount] = set
    setCount += 1
    return true
  }

  /// An RRset, or a negative entry, that may be kept.
  @inline(__always)
  func set(_ index: Int) -> ReplySet { sets[index] }

  // MARK: Names

  /// The name asked for, which is the first.
  var asked: NamePlace {
    NamePlace(start: 0, hash: question.hash, count: UInt8(truncatingIfNeeded: question.count))
  }

  private mutating func placeQuestion() -> NamePlace {
    octets.store(question, at: 0)
    used = question.count
    return asked
  }

  /// Writes ``name`` behind what there is; the caller has looked for room.
  mutating func placeName() -> NamePlace {
    let place = NamePlace(
      start: UInt32(truncatingIfNeeded: used), hash: name.hash,
      count: UInt8(truncatingIfNeeded: name.count))
    octets.store(name, at: used)
    used &+= name.count
    return place
  }

  /// A name's octets.
  @_lifetime(borrow self)
  func octets(of place: NamePlace) -> Span<UInt8> {
    octets.span.extracting(Int(place.start)..<Int(place.start) + Int(place.count))
  }

  /// Whether two places have the same name, when their hashes are equal.
  @inline(__always)
  func isSame(_ one: NamePlace, _ other: NamePlace) -> Bool {
    one.start == other.start || one.count == other.count && hasSameOctets(one, other)
  }

  private func hasSameOctets(_ one: NamePlace, _ other: NamePlace) -> Bool {
    WireName.isSame(octets(of: one), octets(of: other))
  }

  /// Whether a name is another one, or lies below it.
  func isAtOrBelow(_ place: NamePlace, _ zone: NamePlace) -> Bool {
    WireName.isAtOrBelow(octets(of: place), octets(of: zone))
  }
}

/// An RRset of a reply, or a negative entry: where its parts lie in the reply's octets.
struct ReplySet: BitwiseCopyable {
  var owner: Reply.NamePlace
  var kind = RRset.Kind.records
  /// Octets of the name of the SOA's zone; 0 when a negative entry has no SOA.
  var zoneCount: UInt8 = 0
  /// The type; of a negative entry the one that was asked for.
  var type = RecordType(rawValue: 0)
  var origin = Origin(rank: .additional, section: .additional)
  /// The least TTL of the records and their signatures as received; of a negative entry, the SOA's.
  var ttl: UInt32 = 0
  /// Records as the cache takes them, or the SOA's RDATA.
  var records = Range()
  /// RRSIG records that cover them.
  var signatures = Range()
  /// Records of a proof, with their owners.
  var proof = Range()

  /// Octets of a reply.
  // In half the octets that two numbers take: an RRset is copied when it is listed, and again when it is stored.
  struct Range: BitwiseCopyable {
    private var lower: UInt32 = 0
    private var upper: UInt32 = 0

    init() {}

    init(start: Int, end: Int) {
      self.start = start
      self.end = end
    }

    var start: Int {
      get { Int(lower) }
      set { lower = UInt32(truncatingIfNeeded: newValue) }
    }

    var end: Int {
      get { Int(upper) }
      set { upper = UInt32(truncatingIfNeeded: newValue) }
    }

    var count: Int { end &- start }
  }
}

extension FixedArray<UInt8> {
  // Two parts of `Reply` at once: the compiler sees that only with a method of one of them.

  @inline(__always)
  fileprivate mutating func store(_ name: borrowing NameKey, at offset: Int) {
    var target = mutableSpan
    target.store(name.octets, offset)
  }
}
