import DNSCache
import DNSWire
import Memory

/// Takes what is useful out of a reply: its Answer, Authority and Additional sections go into the cache.
///
/// A reply is first checked whole, each name and each record's RDATA; only then is anything kept.
/// Answers are kept along the chain from the question's name, so a record that the chain doesn't lead
/// to is left out. The bailiwick is the zone that Authority names for the question, or the name asked
/// for when it names none: of Authority that zone's own data is kept, of Additional the addresses of
/// hosts inside it.
struct ReplyIngest: ~Copyable {
  /// What a reply is worth.
  enum Verdict {
    /// Not a well-formed message.
    case malformed
    /// The upstream doesn't resolve: it points elsewhere.
    case referral
    /// An error whose upper bits are in OPT (RFC 6891 §6.1.3).
    case error(ResponseCode)
    /// The answer is more than can be kept.
    case tooLarge
    /// The name asked for leads to a local address, and is not to.
    case rebound
    /// A DNAME makes a name of more than 255 octets (RFC 6672 §2.2).
    case nameTooLong
    /// The cache knows now what the reply says about the question, or the next link of its chain.
    case usable
  }

  /// Most records of a reply: what fits in 64 KiB at eleven octets each.
  private static let recordLimit = 5_957
  /// Most records of Authority and Additional that are looked at.
  ///
  /// Honest replies have a few dozen: 13 root servers with two addresses each make 39.
  static let extraLimit = 128
  /// Most DNAME records of Answer that are looked at: honest replies have one for each alias at most.
  private static let redirectionLimit = 16
  /// Most octets that the names of a reply may have more than stand in it: each has to be written out to be
  /// compared, and a pointer to one of 127 labels costs a microsecond.
  ///
  /// Four times the largest message. Records whose owner is the question's name, or has the same pointer as
  /// the one before, cost nothing.
  private static let expansionLimit = 4 << 16
  /// Octets in which RDATA is uncompressed: an RRset, and one record more.
  private static let workspace = Cache.largestSet + 2 + 65_535 + 2 * WireName.longest
  /// Labels that the zone in Authority must have before Additional is kept all over it: no reply
  /// speaks for a whole top-level domain.
  private static let leastZoneLabels = 2

  /// A pointer to the name behind the header (RFC 1035 §4.1.4).
  private static let questionPointer = 0xC000 | UInt16(MessageHeader.size)

  /// The name asked for.
  var question: NameKey
  var current: NameKey
  var owner: NameKey
  private var zone: NameKey
  /// The owner of what signatures are looked for.
  var signed: NameKey
  /// The zone whose NSEC and NSEC3 records are a proof.
  var signer: NameKey
  var records: FixedArray<Entry>
  var recordCount = 0
  /// Numbers of the first DNAME records of Answer.
  private var redirections: FixedArray<Int>
  private var redirectionCount = 0
  /// The offset behind the question, whose letter case is ours and not to be kept.
  private(set) var questionEnd = 0
  var data: FixedArray<UInt8>
  /// Whether `current` is the name asked for.
  private var isAtQuestion = false
  private var leftOut: UInt64 = 0
  private var extendedRcode: UInt8 = 0
  /// Whether the reply has an extended error (RFC 8914).
  private(set) var hasExtendedError = false
  /// Whether an RRset of the reply was too large to be kept.
  private var hasOverflowed = false
  /// Whether signatures and proofs were asked for.
  private(set) var keepsEvidence = false
  /// How the reply was asked for, and whether it has AD that is believed.
  private var marks: SetMarks = []
  /// The number that the cache knows the server by that it came from.
  private var source: UInt8 = 0
  /// Whether the answer has an address that the name may not have.
  private var isRebound = false
  /// Whether a DNAME led to a name that is too long.
  private var isNameTooLong = false
  /// Names that are answered here, and addresses that names may not lead to.
  var forbidden: Cache.Forbidden

  struct Entry {
    var view: RecordView
    var ownerHash: UInt32
    /// Whether the owner is a pointer to the question's name, as in most replies.
    var isOfQuestion: Bool
    var isTaken: Bool
  }

  init(seed: HashSeed, forbidden: consuming Cache.Forbidden) {
    self.forbidden = forbidden
    question = NameKey(seed: seed)
    current = NameKey(seed: seed)
    owner = NameKey(seed: seed)
    zone = NameKey(seed: seed)
    signed = NameKey(seed: seed)
    signer = NameKey(seed: seed)
    let empty = RecordView(
      owner: 0, type: RecordType(rawValue: 0), recordClass: 0, ttl: 0, data: 0, dataCount: 0,
      section: .answer)
    records = FixedArray(
      repeating: Entry(view: empty, ownerHash: 0, isOfQuestion: false, isTaken: false),
      count: ReplyIngest.recordLimit)
    redirections = FixedArray(repeating: 0, count: ReplyIngest.redirectionLimit)
    data = FixedArray(repeating: 0, count: ReplyIngest.workspace)
  }

  /// Takes the name of a message's question.
  ///
  /// - Returns: the offset behind it, or nothing when it is malformed.
  mutating func loadQuestion(_ message: Span<UInt8>) -> Int? {
    try? question.load(from: message, at: MessageHeader.size)
  }

  /// How many records were left out since the last call.
  mutating func takeLeftOut() -> UInt64 {
    defer { leftOut = 0 }
    return leftOut
  }

  /// Checks a reply and takes its records in.
  ///
  /// - Parameters:
  ///   - message: a reply whose question, in ``question``, is the one that was asked.
  ///   - position: where its records begin.
  ///   - type: the type asked for.
  ///   - needs: DO and CD of the packet that it is the reply to.
  ///   - source: the number that the cache knows the server by that it came from.
  ///   - now: the time in seconds.
  mutating func read(
    _ message: Span<UInt8>, _ header: MessageHeader, at position: Int, type: RecordType,
    needs: DNSSECNeeds, source: UInt8, into cache: inout Cache, now: UInt32
  ) -> Verdict {
    questionEnd = position
    self.source = source
    keepsEvidence = needs.contains(.signatures)
    marks = keepsEvidence ? [] : .withoutDNSSEC
    if needs.contains(.unchecked) { marks.insert(.unchecked) }
    // AD speaks of Answer and Authority (RFC 4035 §3.2.3).
    if header.flags & MessageHeader.Flag.authenticData != 0, cache.believesAD(of: source) {
      marks.insert(.authentic)
    }
    guard (try? check(message, header, at: position)) != nil else { return .malformed }
    guard extendedRcode == 0 else {
      return .error(ResponseCode(headerBits: header.rcode, extendedBits: extendedRcode))
    }
    cache.beginReply()
    let isAuthoritative = header.flags & MessageHeader.Flag.authoritative != 0
    var answer = Origin(
      rank: isAuthoritative ? .authoritativeAnswer : .answer, section: .answer, marks: marks,
      source: source)
    current.load(question)
    isAtQuestion = true
    var links = 0
    var isFound = false
    while true {
      if takeSet(message, type, .answer, from: answer, into: &cache, now: now) {
        isFound = true
        break
      }
      guard type != .cname, !type.isOfAlias, followAlias(message, answer, &cache, now) else {
        break
      }
      links += 1
      // The upstream was asked for the alias, not for what it leads to.
      answer.rank = .aliasedAnswer
      // What is said of a name beyond can't be told from what is said of this one.
      guard links <= Cache.longestChain else { return .usable }
      // What is answered here isn't upstream's to say, and would be found as an answer.
      if forbidden.forbids(current.octets) { return .usable }
    }
    guard !hasOverflowed else { return .tooLarge }
    guard !isRebound else { return .rebound }
    guard !isNameTooLong else { return .nameTooLong }
    if !isFound {
      switch takeNegative(message, header, type, links: links, answer, into: &cache, now: now) {
      case .usable: break
      case let verdict: return verdict
      }
    }
    takeExtras(message, into: &cache, now: now)
    return .usable
  }

  // MARK: Checking

  /// Walks the whole message once and notes its records.
  private mutating func check(
    _ message: Span<UInt8>, _ header: MessageHeader, at position: Int
  ) throws(WireError) {
    recordCount = 0
    redirectionCount = 0
    extendedRcode = 0
    hasExtendedError = false
    hasOverflowed = false
    isRebound = false
    isNameTooLong = false
    leftOut = 0
    var hasOPT = false
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
        var options = OptionCursor(at: view.data, count: view.dataCount)
        while let option = try? options.next(message) {
          if option.code == .extendedError { hasExtendedError = true }
        }
        continue
      }
      let pointer = message.load16(view.owner)
      let isOfQuestion = pointer == ReplyIngest.questionPointer
      if !isOfQuestion && (pointer != lastPointer || pointer < 0xC000) {
        let end = try owner.load(from: message, at: view.owner)
        lastPointer = pointer
        expansion &+= max(0, owner.count &- (end &- view.owner))
      }
      // Other classes' data has forms of its own (RFC 1035 §3.4).
      guard view.recordClass == RecordClass.internet.rawValue, !view.type.isMeta,
        view.type.rawValue != 0
      else { continue }
      expansion &+= try checkData(of: view, message)
      guard expansion <= ReplyIngest.expansionLimit else { throw .tooLarge }
      guard recordCount < ReplyIngest.recordLimit else { throw .badCount }
      records[recordCount] = Entry(
        view: view, ownerHash: isOfQuestion ? question.hash : owner.hash,
        isOfQuestion: isOfQuestion, isTaken: false)
      if view.type == .dname, view.section == .answer,
        redirectionCount < ReplyIngest.redirectionLimit
      {
        redirections[redirectionCount] = recordCount
        redirectionCount += 1
      }
      recordCount += 1
    }
    // What stands behind the last record means nothing, as in queries.
  }

  /// Checks a record's RDATA.
  ///
  /// - Returns: octets that it gets when its names are uncompressed.
  private mutating func checkData(
    of view: RecordView, _ message: Span<UInt8>
  ) throws(WireError) -> Int {
    if let count = ReplyIngest.addressCount(view.type) {
      guard view.dataCount == count else { throw .badRData }
      return 0
    }
    var target = data.mutableSpan
    // Names that are uncompressed may leave more than RDLENGTH can say.
    let count = try RData.copy(view, of: message, into: &target, at: 0)
    guard count <= Int(UInt16.max) else { throw .badRData }
    return count &- view.dataCount
  }

  /// Octets of an address, for the types whose RDATA is one and is taken in as it came.
  @inline(__always)
  private static func addressCount(_ type: RecordType) -> Int? {
    switch type {
    case .a: 4
    case .aaaa: 16
    default: nil
    }
  }

  // MARK: Answer

  /// Takes in the RRset of a type that belongs to `current`.
  ///
  /// - Parameter redirection: the number of the DNAME record that it was made from, if it was.
  /// - Returns: whether there is one.
  private mutating func takeSet(
    _ message: Span<UInt8>, _ type: RecordType, _ section: RecordView.Section, from origin: Origin,
    redirection: Int? = nil, into cache: inout Cache, now: UInt32
  ) -> Bool {
    var ttl = UInt32.max
    var written = 0
    for index in 0..<recordCount {
      let entry = records[index]
      guard entry.view.section == section, entry.view.type == type,
        entry.ownerHash == current.hash, !entry.isTaken, isOwned(message, entry)
      else { continue }
      records[index].isTaken = true
      guard let count = copyData(of: entry.view, message, at: written + 2),
        written + 2 + count <= Cache.largestSet
      else {
        // Half an RRset is none (RFC 2181 §5).
        leftOut += 1
        hasOverflowed = true
        return false
      }
      var target = data.mutableSpan
      target.store16(UInt16(count), written)
      guard isWelcome(type, at: written + 2, count: count) else {
        leftOut += 1
        if section == .answer { isRebound = true }
        return false
      }
      written += 2 + count
      // RFC 2181 §5.2: the TTLs of an RRset are equal; where they are not, the least is right. §8: a
      // TTL with its top bit set is zero.
      ttl = min(ttl, entry.view.ttl > UInt32(Int32.max) ? 0 : entry.view.ttl)
    }
    guard written > 0 else { return false }
    return keep(
      written, ttl: ttl, message, type, section, from: origin, redirection: redirection,
      into: &cache, now: now)
  }

  /// Puts the RRset at the front of `data`, which belongs to `current`, into the cache with its evidence.
  ///
  /// - Returns: whether there was room for the evidence.
  private mutating func keep(
    _ written: Int, ttl: UInt32, _ message: Span<UInt8>, _ type: RecordType,
    _ section: RecordView.Section, from origin: Origin, redirection: Int?,
    into cache: inout Cache, now: UInt32
  ) -> Bool {
    var evidence = EvidenceExtent(at: written, ttl: ttl)
    // Of Authority nothing is given to clients but what proves something. A DNAME is for all of them.
    if (keepsEvidence || redirection != nil) && section != .authority {
      signed.load(current)
      guard !keepsEvidence || takeSignatures(message, of: type, section, &evidence),
        section != .answer || takeProof(message, of: redirection, &evidence)
      else {
        leftOut += 1
        hasOverflowed = true
        return false
      }
    }
    _ = cache.insert(
      owner: current, type: type, ttl: evidence.ttl, records: data.span.extracting(0..<written),
      evidence: Evidence(
        signatures: data.span.extracting(written..<evidence.signatures),
        proof: data.span.extracting(evidence.signatures..<evidence.end)),
      from: origin, now: now)
    return true
  }

  /// Whether `current` may have a record: all but local addresses for names of the internet.
  ///
  /// The owner counts, not the name asked for: what is kept under a name is found by all who ask for it.
  ///
  /// - Parameter offset: where the record's RDATA stands in `data`.
  private func isWelcome(_ type: RecordType, at offset: Int, count: Int) -> Bool {
    !forbidden.forbids(data.span.extracting(offset..<offset + count), type, of: current)
  }

  /// Writes a record's RDATA, uncompressed, into the workspace; returns its octets.
  private mutating func copyData(
    of view: RecordView, _ message: Span<UInt8>, at offset: Int
  ) -> Int? {
    let folded = questionEnd
    var target = data.mutableSpan
    if let count = ReplyIngest.addressCount(view.type) {
      target.store(message.extracting(view.data..<view.data + count), offset)
      return count
    }
    return try? RData.copy(
      view, of: message, into: &target, at: offset, foldingBefore: folded)
  }

  /// Whether a record belongs to `current`.
  private mutating func isOwned(_ message: Span<UInt8>, _ entry: Entry) -> Bool {
    if entry.isOfQuestion && isAtQuestion { return true }
    guard (try? owner.load(from: message, at: entry.view.owner)) != nil else { return false }
    return owner.matches(current.octets)
  }

  /// Takes in the alias at `current`, and the DNAME that it was made from, and moves on to its target.
  private mutating func followAlias(
    _ message: Span<UInt8>, _ origin: Origin, _ cache: inout Cache, _ now: UInt32
  ) -> Bool {
    let redirection = takeRedirection(message, origin, &cache, now)
    var first: RecordView?
    for index in 0..<recordCount where first == nil {
      let entry = records[index]
      if entry.view.section == .answer, entry.view.type == .cname,
        entry.ownerHash == current.hash, !entry.isTaken, isOwned(message, entry)
      {
        first = entry.view
        // RFC 2181 §10.1: an alias has one target; others are left out.
        for other in index + 1..<recordCount where records[other].ownerHash == entry.ownerHash {
          if records[other].view.type == .cname { records[other].isTaken = true }
        }
      }
    }
    guard let first else {
      guard let redirection else { return false }
      return makeAlias(message, redirection, origin, &cache, now)
    }
    guard
      takeSet(
        message, .cname, .answer, from: origin, redirection: redirection, into: &cache, now: now)
    else { return false }
    isAtQuestion = false
    return (try? current.load(from: message, at: first.data)) != nil
  }

  /// Makes the alias at `current` that a DNAME calls for and upstream left out (RFC 6672 §3.4), and moves on
  /// to its target.
  private mutating func makeAlias(
    _ message: Span<UInt8>, _ redirection: Int, _ origin: Origin, _ cache: inout Cache,
    _ now: UInt32
  ) -> Bool {
    let view = records[redirection].view
    guard (try? owner.load(from: message, at: view.owner)) != nil, owner.count < current.count
    else { return false }
    // The labels that the DNAME's owner lacks, before the DNAME's target.
    let head = current.count - owner.count
    data.store(current, at: 2)
    guard let tail = copyData(of: view, message, at: 2 + head) else { return false }
    guard head + tail <= WireName.longest else {
      isNameTooLong = true
      return false
    }
    data.storeCount(head + tail)
    let ttl = view.ttl > UInt32(Int32.max) ? 0 : view.ttl
    guard
      keep(
        2 + head + tail, ttl: ttl, message, .cname, .answer, from: origin,
        redirection: redirection, into: &cache, now: now)
    else { return false }
    isAtQuestion = false
    data.load(2..<2 + head + tail, into: &current)
    return true
  }

  /// Takes in a DNAME that encloses `current` (RFC 6672).
  ///
  /// - Returns: its number among the records, if there is one.
  private mutating func takeRedirection(
    _ message: Span<UInt8>, _ origin: Origin, _ cache: inout Cache, _ now: UInt32
  ) -> Int? {
    for redirection in 0..<redirectionCount {
      let index = redirections[redirection]
      let entry = records[index]
      guard (try? owner.load(from: message, at: entry.view.owner)) != nil,
        owner.count < current.count, current.isAtOrBelow(owner.octets)
      else { continue }
      guard !entry.isTaken else { return index }
      let wasAtQuestion = isAtQuestion
      zone.load(current)
      current.load(owner)
      isAtQuestion = false
      _ = takeSet(message, .dname, .answer, from: origin, into: &cache, now: now)
      current.load(zone)
      isAtQuestion = wasAtQuestion
      return index
    }
    return nil
  }

  // MARK: Authority and Additional

  private mutating func takeExtras(
    _ message: Span<UInt8>, into cache: inout Cache, now: UInt32
  ) {
    guard hasUntaken else { return }
    // `current` is the end of the chain; the zone that was asked is the question's.
    let isZoneKnown = findZone(message)
    if !isZoneKnown { zone.load(question) }
    var looked = 0
    for index in 0..<recordCount {
      let entry = records[index]
      guard !entry.isTaken else { continue }
      guard entry.view.section != .answer else {
        // Not on the chain from the question.
        leftOut += 1
        continue
      }
      guard looked < ReplyIngest.extraLimit else {
        leftOut += 1
        continue
      }
      looked += 1
      guard (try? owner.load(from: message, at: entry.view.owner)) != nil else { continue }
      let isAuthority = entry.view.section == .authority
      // What is left of these proves nothing that is kept.
      if isAuthority && keepsEvidence && ReplyIngest.isEvidence(entry.view.type) { continue }
      guard isAuthority ? isZoneData(entry.view.type, isZoneKnown) : isGlue(entry.view) else {
        leftOut += 1
        continue
      }
      current.load(owner)
      isAtQuestion = false
      _ = takeSet(
        message, entry.view.type, entry.view.section,
        from: Origin(
          rank: isAuthority ? .authority : .additional, section: entry.view.section,
          marks: isAuthority ? marks : marks.subtracting(.authentic), source: source),
        into: &cache, now: now)
    }
  }

  private var hasUntaken: Bool {
    for index in 0..<recordCount where !records[index].isTaken { return true }
    return false
  }

  /// Whether a record of `owner` in Authority tells of the zone that the name asked for is in.
  ///
  /// Zones above it are none of this reply's business (CVE-2025-11411).
  private func isZoneData(_ type: RecordType, _ isZoneKnown: Bool) -> Bool {
    switch type {
    case .ns, .soa: isZoneKnown && owner.matches(zone.octets)
    case .ds: owner.isAtOrBelow(zone.octets)
    default: false
    }
  }

  /// Whether a record of `owner` in Additional is an address of a host inside the zone.
  private func isGlue(_ view: RecordView) -> Bool {
    (view.type == .a || view.type == .aaaa) && view.ttl > 0 && owner.isAtOrBelow(zone.octets)
  }

  /// Sets `zone` to the deepest zone that Authority names for the question.
  private mutating func findZone(_ message: Span<UInt8>) -> Bool {
    var deepest = 0
    var looked = 0
    for index in 0..<recordCount where looked < ReplyIngest.extraLimit {
      let view = records[index].view
      guard view.section == .authority else { continue }
      looked += 1
      guard view.type == .ns || view.type == .soa,
        (try? owner.load(from: message, at: view.owner)) != nil,
        question.isAtOrBelow(owner.octets), owner.count > deepest,
        owner.labelCount >= ReplyIngest.leastZoneLabels
      else { continue }
      deepest = owner.count
      zone.load(owner)
    }
    return deepest > 0
  }
}

extension FixedArray<UInt8> {
  // Two parts of `ReplyIngest` at once: the compiler sees that only with a method of one of them.

  fileprivate mutating func store(_ name: borrowing NameKey, at offset: Int) {
    var target = mutableSpan
    target.store(name.octets, offset)
  }

  fileprivate mutating func storeCount(_ count: Int) {
    var target = mutableSpan
    target.store16(UInt16(truncatingIfNeeded: count), 0)
  }

  /// Fills a key with a name that is known to be well formed.
  fileprivate func load(_ range: Range<Int>, into key: inout NameKey) {
    key.load(trusted: span.extracting(range))
  }
}
