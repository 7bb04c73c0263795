import DNSWire
import Memory

extension Cache {
  /// What became of a question.
  public enum Answer: Sendable {
    /// The sections are written; `truncated` when not all of the answer fitted, `authentic` when
    /// upstream said of all of it that it is (AD).
    case written(ResponseCode, truncated: Bool, authentic: Bool)
    /// What the key now names is not known for the type asked: the last link of a chain of aliases.
    case missing
    /// The chain of aliases is a loop, or too long.
    case endless
    /// The answer holds a local address, which the name asked for may not lead to
    /// (``RebindProtection``).
    case blocked
    /// A name on the way may be in a block list: see ``Cache/screenAnswer(_:type:queryFlags:overlays:stale:now:_:)``.
    case unscreened
  }

  /// Most aliases that are followed for one question.
  ///
  /// Peers allow 10 to 13; RFC 1034 §3.6.2 only asks that chains be followed and loops be noticed.
  public static let longestChain = 11

  /// How far an answer has come by aliases.
  public struct AliasChain: BitwiseCopyable {
    /// Where the name stands in the message that the answer goes on with.
    var owner = MessageHeader.size
    /// Aliases so far.
    var links = 0
    /// Whether the name asked for may lead to no local addresses; nothing when it is the one to go on with.
    var isFiltered: Bool?

    init() {}

    /// Goes on behind an alias.
    public init(owner: Int, links: Int, isFiltered: Bool) {
      self.owner = owner
      self.links = links
      self.isFiltered = isFiltered
    }
  }

  /// Most names in an answer whose addresses are looked up for the Additional section.
  private static let additionalTargets = 16

  /// Writes what is known as the answer to a question, following aliases.
  ///
  /// Expects header and question to be written, the question's name at the usual place. Allocates
  /// nothing. RRsets are written whole or not at all (RFC 2181 §9), unless told otherwise.
  ///
  /// - Parameters:
  ///   - key: the name asked for; afterwards the name at the end of the chain.
  ///   - type: the type asked for.
  ///   - queryFlags: which data will do for the client, and whether it wants signatures.
  ///   - overlays: what else a client that has waited is answered from; ``OverlayPair/newQuery`` for others.
  ///   - stale: data whose time is over is used, too; see ``staleness``.
  ///   - partly: when the RRset asked for doesn't fit, as many of its records are written as do.
  ///   - now: the time in seconds.
  public mutating func answer(
    _ key: inout NameKey, type: RecordType, queryFlags: QueryFlags = [],
    into writer: inout MessageWriter, overlays pair: OverlayPair, stale: Bool = false,
    partly: Bool = false, now: UInt32
  ) -> Answer {
    pair.hasOverlay
      ? answerBeside(
        &key, type, queryFlags, into: &writer, pair, stale: stale, partly: partly, now: now)
      : answer(
        &key, type, queryFlags, into: &writer, pair, hasOverlay: false, stale: stale,
        partly: partly, after: AliasChain(), now: now)
  }

  /// Goes on with an answer whose aliases so far were not the cache's.
  @inline(never)
  public mutating func answer(
    _ key: inout NameKey, after chain: AliasChain, type: RecordType, queryFlags: QueryFlags,
    into writer: inout MessageWriter, overlays pair: OverlayPair, stale: Bool, partly: Bool,
    now: UInt32
  ) -> Answer {
    answer(
      &key, type, queryFlags, into: &writer, pair, hasOverlay: pair.hasOverlay, stale: stale,
      partly: partly, after: chain, now: now)
  }

  /// The same for the few answers of which something may not be kept, out of the way of all others.
  @inline(never)
  private mutating func answerBeside(
    _ key: inout NameKey, _ type: RecordType, _ queryFlags: QueryFlags,
    into writer: inout MessageWriter, _ pair: OverlayPair, stale: Bool, partly: Bool, now: UInt32
  ) -> Answer {
    answer(
      &key, type, queryFlags, into: &writer, pair, hasOverlay: true, stale: stale, partly: partly,
      after: AliasChain(), now: now)
  }

  @inline(__always)
  private mutating func answer(
    _ key: inout NameKey, _ type: RecordType, _ queryFlags: QueryFlags,
    into writer: inout MessageWriter, _ pair: OverlayPair, hasOverlay: Bool, stale: Bool,
    partly: Bool, after chain: AliasChain, now: UInt32
  ) -> Answer {
    let horizon = stale ? staleHorizon(now) : now
    if stale { staleness = .none }
    let choice = Choice(queryFlags)
    provenCount = 0
    var flags = RRsetFlags.authentic.rawValue
    var owner = chain.owner
    var links = chain.links
    // Whether the name asked for may have no local addresses; known from the first alias on.
    var filtered = chain.isFiltered
    while true {
      let node = find(key)
      var exact = Reference.none
      var alias = Reference.none
      var nxDomain = Reference.none
      var set: Reference
      if hasOverlay {
        // What may not be kept comes first, as the newest.
        let own = find(key, in: pair)
        if own.isNone && node.isNone { return .missing }
        set = node.isNone ? node : arena.link(node, NodeField.firstSet)
        if !own.isNone {
          let head = arena.setHead(own)
          if head.flags & choice.excluded == 0 {
            if head.type == RecordType.cname.rawValue { alias = own }
            if head.type == 0 { nxDomain = own }
            if head.type == type.rawValue {
              exact = own
              set = .none
            }
          }
        }
      } else {
        if node.isNone { return .missing }
        if pair.isUnscreened && !isScreened(node) { return .unscreened }
        set = arena.link(node, NodeField.firstSet)
      }
      while !set.isNone {
        let head = arena.setHead(set)
        if Cache.isUsable(head, choice, horizon) {
          if head.type == type.rawValue {
            exact = set
            break
          }
          if head.type == RecordType.cname.rawValue { alias = set }
          if head.type == 0 { nxDomain = set }
        }
        set = Reference(rawValue: head.next)
      }
      if !exact.isNone {
        let head = arena.setHead(exact)
        if pair.isNewQuery { markUsed(node) }
        flags &= head.flags
        let isAuthentic = flags != 0
        if head.kind == RRset.Kind.records.rawValue {
          // By the name asked for, whatever name has the address.
          if head.kindAndScopes & rebindFilter.withheld.rawValue != 0,
            isFiltered(key, known: filtered)
          {
            return .blocked
          }
          notePrefetchCandidate(exact, head, at: node, asked: type, now: now)
          let fits = writeAnswer(
            exact, head, type, name: key, owner: owner, choice, filtered: filtered, partly: partly,
            into: &writer, now: now)
          return .written(.noError, truncated: !fits, authentic: isAuthentic)
        }
        // "No such name" is found here when somebody asks for its number, type 0.
        let rcode: ResponseCode = head.kind == RRset.Kind.noData.rawValue ? .noError : .nxDomain
        let fits = writeNegative(exact, name: key, owner: owner, choice, into: &writer, now: now)
        return .written(rcode, truncated: !fits, authentic: isAuthentic)
      }
      if alias.isNone || type.isOfAlias
        || arena.kind(alias) != RRset.Kind.records.rawValue
      {
        guard !nxDomain.isNone else { return .missing }
        if pair.isNewQuery { markUsed(node) }
        flags &= arena.load8(nxDomain, SetField.flags)
        let fits = writeNegative(nxDomain, name: key, owner: owner, choice, into: &writer, now: now)
        return .written(.nxDomain, truncated: !fits, authentic: flags != 0)
      }
      let head = arena.setHead(alias)
      if pair.isNewQuery { markUsed(node) }
      notePrefetchCandidate(alias, head, at: node, asked: type, now: now)
      flags &= head.flags
      guard links < Cache.longestChain else { return .endless }
      if rebindFilter.isOn && links == 0 {
        isAliasFiltered = rebindFilter.applies(to: key.octets)
        filtered = isAliasFiltered
      }
      links += 1
      let mark = writer.mark
      let target = writeAlias(alias, head, owner: owner, choice, into: &writer, now: now)
      if writer.overflowed {
        writer.rewind(to: mark)
        // With TC the client would come over TCP for nothing.
        if isEndless(alias, type, after: links, choice, pair, horizon) { return .endless }
        return .written(.noError, truncated: true, authentic: flags != 0)
      }
      owner = target
      let count = Int(arena.load16(alias, SetField.data).bigEndian)
      key.load(trusted: arena.octets(alias, SetField.data + 2, count: count))
    }
  }

  /// Whether what an alias leads to is a loop, or too long a chain.
  ///
  /// - Parameter links: aliases followed so far, this one among them.
  @inline(never)
  private mutating func isEndless(
    _ alias: Reference, _ type: RecordType, after links: Int, _ choice: Choice,
    _ pair: OverlayPair, _ horizon: UInt32
  ) -> Bool {
    loadTarget(of: alias)
    // All of the chain has been judged before it was answered from.
    return follow(type, choice, pair, after: links, horizon) { _, _ in false } == .endless
  }

  /// Whether the name asked for may lead to no local addresses.
  ///
  /// - Parameter known: what is known of it; nothing when it is `key` itself.
  @inline(never)
  private func isFiltered(_ key: borrowing NameKey, known: Bool?) -> Bool {
    known ?? rebindFilter.applies(to: key.octets)
  }

  /// What a client's needs come down to: ``SetMarks``.
  struct Choice {
    /// Those of data that is of no use.
    let excluded: UInt8
    /// Those of data whose DNSSEC records are wanted, too.
    let wanted: UInt8

    init(_ queryFlags: QueryFlags) {
      excluded = queryFlags.excluded.rawValue
      wanted = queryFlags.wanted.rawValue
    }
  }

  @inline(__always)
  static func isUsable(_ set: SetHead, _ choice: Choice, _ horizon: UInt32) -> Bool {
    set.rankAndSection >= RankAndSection.leastAnswer && set.flags & choice.excluded == 0
      && set.expiry > horizon
  }

  /// Marks a node as used, but not for the queries that its data was fetched for.
  ///
  /// SIEVE spares what is used again; a name that was asked for once has not been yet.
  @inline(__always)
  private mutating func markUsed(_ node: Reference) {
    let use = arena.load8(node, NodeField.use)
    if use & NodeUse.all != NodeUse.all {
      arena.store8(use | NodeUse.all, node, NodeField.use)
    }
  }

  @inline(__always)
  mutating func remainingTTL(_ set: Reference, now: UInt32) -> UInt32 {
    remainingTTL(set, arena.setHead(set), now: now)
  }

  @inline(__always)
  private mutating func remainingTTL(_ set: Reference, _ head: SetHead, now: UInt32) -> UInt32 {
    head.expiry > now ? head.expiry &- now : ttlAfterExpiry(set)
  }

  // MARK: Answer

  /// Writes the RRset that was asked for, and what belongs to it.
  ///
  /// - Returns: whether it fitted, what is only a help to the client aside.
  private mutating func writeAnswer(
    _ set: Reference, _ head: SetHead, _ type: RecordType, name: borrowing NameKey, owner: Int,
    _ choice: Choice, filtered: Bool?, partly: Bool, into writer: inout MessageWriter, now: UInt32
  ) -> Bool {
    var mark = writer.mark
    let ttl = remainingTTL(set, head, now: now)
    let givesSignatures = head.flags & choice.wanted != 0
    if head.flags & RRsetFlags.hasDNSSECRecords.rawValue != 0 && (givesSignatures || type == .cname)
    {
      beginProof(set, ttl: ttl, isSigned: givesSignatures, into: &writer)
    }
    let count = Int(head.count)
    let first = rotates && count > 1 ? nextRotation(of: count) : 0
    let entry = RRset.addressEntry(type, .records)
    if entry > 0 {
      writeAddresses(
        set, count, entry, type, owner: owner, ttl: ttl, first: first, into: &writer)
      // An address that doesn't fit leaves nothing behind.
      if partly { mark = writer.mark }
    } else {
      let end = SetField.data + Int(head.dataCount)
      var position = SetField.data
      for _ in 0..<first { position += 2 + Int(arena.load16(set, position).bigEndian) }
      for _ in 0..<count where !writer.overflowed {
        let octets = Int(arena.load16(set, position).bigEndian)
        if partly { mark = writer.mark }
        let begin = writer.beginRecord(owner: owner, type: type, ttl: ttl)
        writer.data(arena.octets(set, position + 2, count: octets), of: type)
        writer.endRecord(begin, in: .answer)
        position += 2 + octets
        if position == end { position = SetField.data }
      }
    }
    // RFC 4035 §3.1.1: an RRset and its signatures, or TC.
    if givesSignatures { writeSignatures(set, owner: owner, ttl: ttl, into: &writer) }
    if writer.overflowed {
      writer.rewind(to: mark)
      return false
    }
    if provenCount > 0 && !endProof(choice.wanted != 0, into: &writer, now: now) { return false }
    if entry == 0 {
      writeAdditional(
        for: set, type, of: name, choice, filtered: filtered, into: &writer, now: now)
    }
    return true
  }

  @inline(__always)
  private func writeAddresses(
    _ set: Reference, _ count: Int, _ entry: Int, _ type: RecordType, owner: Int, ttl: UInt32,
    first: Int, into writer: inout MessageWriter
  ) {
    let end = SetField.data + AddressField.address + count * entry
    var at = SetField.data + AddressField.address + first * entry
    for _ in 0..<count where !writer.overflowed {
      writer.record(
        owner: owner, type: type, ttl: ttl,
        data: arena.octets(set, at, count: entry &- AddressField.address), in: .answer)
      at &+= entry
      if at == end { at = SetField.data + AddressField.address }
    }
  }

  /// The number of the record that an answer begins with.
  ///
  /// The order in an RRset means nothing (RFC 2181 §5), but many clients take the first. Multiples of the
  /// golden ratio come to each record equally often, whatever else is asked for in between, and need no
  /// division.
  private mutating func nextRotation(of count: Int) -> Int {
    defer { rotation &+= 0x9E37_79B9 }
    return Int((UInt64(rotation) &* UInt64(count)) >> 32)
  }

  /// Writes a CNAME record.
  ///
  /// - Returns: the offset in the message at which the alias's target stands.
  private mutating func writeAlias(
    _ set: Reference, _ head: SetHead, owner: Int, _ choice: Choice,
    into writer: inout MessageWriter, now: UInt32
  ) -> Int {
    let count = Int(arena.load16(set, SetField.data).bigEndian)
    let ttl = remainingTTL(set, head, now: now)
    let givesSignatures = head.flags & choice.wanted != 0
    if head.flags & RRsetFlags.hasDNSSECRecords.rawValue != 0 {
      beginProof(set, ttl: ttl, isSigned: givesSignatures, into: &writer)
    }
    let begin = writer.beginRecord(owner: owner, type: .cname, ttl: ttl)
    writer.name(arena.octets(set, SetField.data + 2, count: count), compress: true)
    writer.endRecord(begin, in: .answer)
    if givesSignatures { writeSignatures(set, owner: owner, ttl: ttl, into: &writer) }
    return begin
  }

  // MARK: Negative answers (RFC 2308)

  /// Writes into Authority why there is no answer.
  ///
  /// - Returns: whether it fitted.
  private mutating func writeNegative(
    _ set: Reference, name: borrowing NameKey, owner: Int, _ choice: Choice,
    into writer: inout MessageWriter, now: UInt32
  ) -> Bool {
    let head = arena.setHead(set)
    let octets = Int(head.dataCount)
    let isSigned = choice.wanted != 0
    guard octets > 1 else { return provenCount == 0 || endProof(isSigned, into: &writer, now: now) }
    let zone = Int(arena.load8(set, SetField.data))
    let mark = writer.mark
    let ttl = remainingTTL(set, head, now: now)
    let begin: Int
    if owner == MessageHeader.size && name.count - zone > 1 {
      // The zone's name is the end of the question's, which stands there in full.
      begin = writer.beginRecord(owner: owner + zone, type: .soa, ttl: ttl)
    } else {
      begin = writer.beginRecord(
        ownerName: name.octets.extracting(zone..<name.count), type: .soa, ttl: ttl)
    }
    writer.data(arena.octets(set, SetField.data + 1, count: octets - 1), of: .soa)
    writer.endRecord(begin, in: .authority)
    if head.flags & choice.wanted != 0 {
      writeSignatures(
        set, ownerName: name.octets.extracting(zone..<name.count), ttl: ttl, in: .authority,
        into: &writer)
      beginProof(set, ttl: ttl, isSigned: true, into: &writer)
    }
    if writer.overflowed {
      writer.rewind(to: mark)
      return false
    }
    return provenCount == 0 || endProof(isSigned, into: &writer, now: now)
  }

  // MARK: DNAME

  /// Writes the DNAME that would make a name too long (RFC 6672 §2.2), if it is known.
  ///
  /// - Parameters:
  ///   - key: the name that it was asked to change; afterwards the DNAME's owner.
  ///   - overlays: what else a client that has waited is answered from.
  /// - Returns: whether it fitted, if there is one.
  public mutating func writeRedirection(
    above key: inout NameKey, queryFlags: QueryFlags, into writer: inout MessageWriter,
    overlays pair: OverlayPair, now: UInt32
  ) -> Bool {
    let choice = Choice(queryFlags)
    while key.count > 1 {
      key.dropFirstLabel()
      var set = pair.hasOverlay ? find(key, in: pair) : .none
      if set.isNone || arena.setHead(set).type != RecordType.dname.rawValue {
        let node = find(key)
        set = node.isNone || hasUnjudged && !isJudged(node) ? .none : findSet(.dname, at: node)
        if set.isNone || !Cache.isUsable(arena.setHead(set), choice, now) { continue }
      }
      let head = arena.setHead(set)
      let mark = writer.mark
      let ttl = remainingTTL(set, head, now: now)
      let count = Int(arena.load16(set, SetField.data).bigEndian)
      let begin = writer.beginRecord(ownerName: key.octets, type: .dname, ttl: ttl)
      writer.data(arena.octets(set, SetField.data + 2, count: count), of: .dname)
      writer.endRecord(begin, in: .answer)
      if head.flags & choice.wanted != 0 {
        writeSignatures(set, ownerName: key.octets, ttl: ttl, in: .answer, into: &writer)
      }
      if !writer.overflowed { return true }
      writer.rewind(to: mark)
      return false
    }
    return true
  }

  // MARK: Additional (RFC 1034 §4.3.2 step 6)

  /// Adds the addresses of the hosts that NS, MX and SRV records name, where they are known.
  ///
  /// For name servers any rank will do, so that glue is of use. For mail and other hosts, whose
  /// addresses a client may believe, only what would also be an answer. What doesn't fit is left out,
  /// without TC (RFC 2181 §9).
  ///
  /// - Parameters:
  ///   - name: whose RRset it is.
  ///   - filtered: whether local addresses are left out, too; nothing when that goes by `name`.
  private mutating func writeAdditional(
    for set: Reference, _ type: RecordType, of name: borrowing NameKey, _ choice: Choice,
    filtered: Bool?, into writer: inout MessageWriter, now: UInt32
  ) {
    let before: Int
    let least: Rank
    switch type {
    case .ns: (before, least) = (0, .additional)
    case .mx: (before, least) = (2, .aliasedAnswer)
    case .srv: (before, least) = (6, .aliasedAnswer)
    default: return
    }
    let withheld = isFiltered(name, known: filtered) ? rebindFilter.withheld : []
    let end = SetField.data + Int(arena.load32(set, SetField.dataCount))
    var position = SetField.data
    var targets = 0
    var nodes: InlineArray<16, UInt32> = InlineArray(repeating: 0)
    while position < end && targets < Cache.additionalTargets {
      let octets = Int(arena.load16(set, position).bigEndian)
      arena.load(&scratch, set, position + 2 + before, count: octets - before)
      position += 2 + octets
      let node = find(scratch)
      var isNew = !node.isNone && (!hasUnjudged || isJudged(node))
      for index in 0..<targets where nodes[index] == node.rawValue { isNew = false }
      nodes[targets] = node.rawValue
      targets += 1
      guard isNew else { continue }
      guard
        writeAdditionalAddresses(
          .a, at: node, least, choice, withheld, into: &writer, now: now),
        writeAdditionalAddresses(
          .aaaa, at: node, least, choice, withheld, into: &writer, now: now)
      else { return }
    }
  }

  /// Writes the addresses of the name in `scratch`; false when there is no more room.
  private mutating func writeAdditionalAddresses(
    _ type: RecordType, at node: Reference, _ least: Rank, _ choice: Choice,
    _ withheld: LocalScopes, into writer: inout MessageWriter, now: UInt32
  ) -> Bool {
    let set = findSet(type, at: node)
    if set.isNone { return true }
    let head = arena.setHead(set)
    guard head.kindAndScopes & withheld.rawValue == 0,
      head.rankAndSection >= RankAndSection.least(least),
      head.kind == RRset.Kind.records.rawValue,
      head.expiry > now, head.flags & choice.excluded == 0
    else { return true }
    let mark = writer.mark
    let entry = RRset.addressEntry(type, .records)
    let ttl = remainingTTL(set, head, now: now)
    for index in 0..<Int(head.count) where !writer.overflowed {
      let begin = writer.beginRecord(ownerName: scratch.octets, type: type, ttl: ttl)
      writer.octets(
        arena.octets(
          Cache.addressPlace(set, index, entry), AddressField.address,
          count: entry - AddressField.address))
      writer.endRecord(begin, in: .additional)
    }
    guard !writer.overflowed else {
      writer.rewind(to: mark)
      return false
    }
    if head.flags & choice.wanted != 0 {
      // RFC 4035 §3.1.1: these may be left out alone, without TC.
      let mark = writer.mark
      writeSignatures(
        set, ownerName: scratch.octets, ttl: ttl, in: .additional, into: &writer)
      if writer.overflowed { writer.rewind(to: mark) }
    }
    return true
  }
}
