import DNSWire
import Memory

extension Cache {
  /// What became of a question.
  public enum Answer: Sendable {
    /// The sections are written; `truncated` when not all of the answer fitted.
    case written(ResponseCode, truncated: Bool)
    /// What the key now names is not known for the type asked: the last link of a chain of aliases.
    case missing
    /// The chain of aliases is a loop, or too long.
    case endless
  }

  /// Most aliases that are followed for one question.
  ///
  /// Peers allow 10 to 13; RFC 1034 §3.6.2 only asks that chains be followed and loops be noticed.
  public static let longestChain = 11

  /// Most names in an answer whose addresses are looked up for the Additional section.
  private static let additionalTargets = 16

  /// Writes what is known as the answer to a question, following aliases.
  ///
  /// Expects header and question to be written, the question's name at the usual place. Allocates
  /// nothing. RRsets are written whole or not at all (RFC 2181 §9).
  ///
  /// - Parameters:
  ///   - key: the name asked for; afterwards the name at the end of the chain.
  ///   - type: the type asked for.
  ///   - once: data that may be used once is used, too.
  ///   - stale: data whose time is over is used, too; see ``staleness``.
  ///   - now: the time in seconds.
  public mutating func answer(
    _ key: inout NameKey, type: RecordType, into writer: inout MessageWriter, once: Bool,
    stale: Bool = false, now: UInt32
  ) -> Answer {
    let horizon = stale ? staleHorizon(now) : now
    if stale { staleness = .none }
    var owner = MessageHeader.size
    var links = 0
    while true {
      let node = find(key)
      if node.isNone { return .missing }
      var exact = Reference.none
      var alias = Reference.none
      var noName = Reference.none
      var set = arena.link(node, NodeField.firstSet)
      while !set.isNone {
        if isUsable(set, once: once, horizon) {
          let found = arena.load16(set, SetField.type)
          if found == type.rawValue {
            exact = set
            break
          }
          if found == RecordType.cname.rawValue { alias = set }
          if found == 0 { noName = set }
        }
        set = arena.link(set, SetField.next)
      }
      if !exact.isNone {
        markUsed(node, once)
        let kind = arena.load8(exact, SetField.kind)
        if kind == RRset.Kind.records.rawValue {
          noteIfAgeing(exact, at: node, asked: type, now: now)
          return writeAnswer(exact, type, owner: owner, into: &writer, now: now)
        }
        // "No such name" is found here when somebody asks for its number, type 0.
        let rcode: ResponseCode = kind == RRset.Kind.noData.rawValue ? .noError : .nxDomain
        return writeNegative(exact, name: key, rcode, into: &writer, now: now)
      }
      if alias.isNone || arena.load8(alias, SetField.kind) != RRset.Kind.records.rawValue {
        guard !noName.isNone else { return .missing }
        markUsed(node, once)
        return writeNegative(noName, name: key, .nxDomain, into: &writer, now: now)
      }
      markUsed(node, once)
      noteIfAgeing(alias, at: node, asked: type, now: now)
      guard links < Cache.longestChain else { return .endless }
      links += 1
      let mark = writer.mark
      let target = writeAlias(alias, owner: owner, into: &writer, now: now)
      if writer.overflowed {
        writer.rewind(to: mark)
        return .written(.noError, truncated: true)
      }
      owner = target
      let count = Int(arena.load16(alias, SetField.data).bigEndian)
      key.load(trusted: arena.octets(alias, SetField.data + 2, count: count))
    }
  }

  private func isUsable(_ set: Reference, once: Bool, _ horizon: UInt32) -> Bool {
    if arena.load8(set, SetField.rank) < Rank.aliasedAnswer.rawValue { return false }
    if arena.load8(set, SetField.ephemeral) != 0 { return once }
    return arena.load32(set, SetField.expiry) > horizon
  }

  /// Marks a node as used, unless for the queries that its data was fetched for.
  ///
  /// SIEVE spares what is used again; a name that was asked for once has not been yet.
  private mutating func markUsed(_ node: Reference, _ isForFetch: Bool) {
    if !isForFetch && arena.load8(node, NodeField.use) != NodeUse.all {
      arena.store8(NodeUse.all, node, NodeField.use)
    }
  }

  private mutating func remainingTTL(_ set: Reference, now: UInt32) -> UInt32 {
    let expiry = arena.load32(set, SetField.expiry)
    return expiry > now ? expiry &- now : ttlAfterExpiry(set)
  }

  // MARK: Answer

  private mutating func writeAnswer(
    _ set: Reference, _ type: RecordType, owner: Int, into writer: inout MessageWriter, now: UInt32
  ) -> Answer {
    let mark = writer.mark
    let ttl = remainingTTL(set, now: now)
    let count = Int(arena.load16(set, SetField.count))
    let entry = RRset.addressEntry(type, .records)
    if entry > 0 {
      writeAddresses(
        set, count, entry, type, owner: owner, ttl: ttl, in: .answer, into: &writer)
    } else {
      let end = SetField.data + Int(arena.load32(set, SetField.dataCount))
      var position = SetField.data
      while position < end && !writer.overflowed {
        let octets = Int(arena.load16(set, position).bigEndian)
        let begin = writer.beginRecord(owner: owner, type: type, ttl: ttl)
        writer.data(arena.octets(set, position + 2, count: octets), of: type)
        writer.endRecord(begin, in: .answer)
        position += 2 + octets
      }
    }
    if writer.overflowed {
      writer.rewind(to: mark)
      return .written(.noError, truncated: true)
    }
    writeAdditional(for: set, type, into: &writer, now: now)
    return .written(.noError, truncated: false)
  }

  private func writeAddresses(
    _ set: Reference, _ count: Int, _ entry: Int, _ type: RecordType, owner: Int, ttl: UInt32,
    in section: RecordView.Section, into writer: inout MessageWriter
  ) {
    var at = SetField.data + AddressField.address
    for _ in 0..<count where !writer.overflowed {
      writer.record(
        owner: owner, type: type, ttl: ttl,
        data: arena.octets(set, at, count: entry &- AddressField.address), in: section)
      at &+= entry
    }
  }

  /// Writes a CNAME record.
  ///
  /// - Returns: the offset in the message at which the alias's target stands.
  private mutating func writeAlias(
    _ set: Reference, owner: Int, into writer: inout MessageWriter, now: UInt32
  ) -> Int {
    let count = Int(arena.load16(set, SetField.data).bigEndian)
    let begin = writer.beginRecord(
      owner: owner, type: .cname, ttl: remainingTTL(set, now: now))
    writer.data(arena.octets(set, SetField.data + 2, count: count), of: .cname)
    writer.endRecord(begin, in: .answer)
    return begin
  }

  // MARK: Negative answers (RFC 2308)

  private mutating func writeNegative(
    _ set: Reference, name: borrowing NameKey, _ rcode: ResponseCode,
    into writer: inout MessageWriter, now: UInt32
  ) -> Answer {
    let octets = Int(arena.load32(set, SetField.dataCount))
    guard octets > 1 else { return .written(rcode, truncated: false) }
    let zone = Int(arena.load8(set, SetField.data))
    let mark = writer.mark
    let begin = writer.beginRecord(
      ownerName: name.octets.extracting(zone..<name.count), type: .soa,
      ttl: remainingTTL(set, now: now))
    writer.data(arena.octets(set, SetField.data + 1, count: octets - 1), of: .soa)
    writer.endRecord(begin, in: .authority)
    if writer.overflowed {
      writer.rewind(to: mark)
      return .written(rcode, truncated: true)
    }
    return .written(rcode, truncated: false)
  }

  // MARK: Additional (RFC 1034 §4.3.2 step 6)

  /// Adds the addresses of the hosts that NS, MX and SRV records name, where they are known.
  ///
  /// For name servers any rank will do, so that glue is of use. For mail and other hosts, whose
  /// addresses a client may believe, only what would also be an answer. What doesn't fit is left out,
  /// without TC (RFC 2181 §9).
  private mutating func writeAdditional(
    for set: Reference, _ type: RecordType, into writer: inout MessageWriter, now: UInt32
  ) {
    let before: Int
    let least: Rank
    switch type {
    case .ns: (before, least) = (0, .additional)
    case .mx: (before, least) = (2, .aliasedAnswer)
    case .srv: (before, least) = (6, .aliasedAnswer)
    default: return
    }
    let end = SetField.data + Int(arena.load32(set, SetField.dataCount))
    var position = SetField.data
    var targets = 0
    var nodes: InlineArray<16, UInt32> = InlineArray(repeating: 0)
    while position < end && targets < Cache.additionalTargets {
      let octets = Int(arena.load16(set, position).bigEndian)
      arena.load(&scratch, set, position + 2 + before, count: octets - before)
      position += 2 + octets
      let node = find(scratch)
      var isNew = !node.isNone
      for index in 0..<targets where nodes[index] == node.rawValue { isNew = false }
      nodes[targets] = node.rawValue
      targets += 1
      guard isNew else { continue }
      guard writeAdditionalAddresses(.a, at: node, least, into: &writer, now: now),
        writeAdditionalAddresses(.aaaa, at: node, least, into: &writer, now: now)
      else { return }
    }
  }

  /// Writes the addresses of the name in `scratch`; false when there is no more room.
  private mutating func writeAdditionalAddresses(
    _ type: RecordType, at node: Reference, _ least: Rank, into writer: inout MessageWriter,
    now: UInt32
  ) -> Bool {
    let set = findSet(type, at: node)
    if set.isNone || arena.load8(set, SetField.rank) < least.rawValue
      || arena.load8(set, SetField.kind) != RRset.Kind.records.rawValue
      || arena.load32(set, SetField.expiry) <= now || arena.load8(set, SetField.ephemeral) != 0
    {
      return true
    }
    let mark = writer.mark
    let entry = RRset.addressEntry(type, .records)
    let ttl = remainingTTL(set, now: now)
    for index in 0..<Int(arena.load16(set, SetField.count)) where !writer.overflowed {
      let begin = writer.beginRecord(ownerName: scratch.octets, type: type, ttl: ttl)
      writer.octets(
        arena.octets(
          Cache.addressPlace(set, index, entry), AddressField.address,
          count: entry - AddressField.address))
      writer.endRecord(begin, in: .additional)
    }
    guard writer.overflowed else { return true }
    writer.rewind(to: mark)
    return false
  }
}
