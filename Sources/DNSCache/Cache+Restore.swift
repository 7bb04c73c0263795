import DNSWire
import Memory

extension Cache {
  /// Puts back an RRset or a negative entry from a snapshot, in the gap that it fits.
  ///
  /// Unlike ``insert(owner:type:ttl:records:dnssecRecords:from:now:)`` it gives way to everything that is
  /// there: to its own like and to what contradicts it. Names may be evicted to make room for it.
  ///
  /// - Parameters:
  ///   - owner: the owner name.
  ///   - set: type, kind, rank and section, checked to be in range.
  ///   - source: the number of the server that it came from.
  ///   - ttl: the TTL it came with, in seconds, not above the limits.
  ///   - expiry: when it expires, or expired, on the cache's clock, in seconds.
  ///   - data: as for `insert`; of a negative entry the zone's offset and the SOA's RDATA.
  ///   - dnssecRecords: signatures and proof, well formed.
  ///   - isUsed: the name was used since the eviction's hand passed.
  ///   - now: the time in seconds.
  /// - Returns: whether it is in the cache now.
  mutating func restore(
    owner: borrowing NameKey, _ set: SnapshotSet, source: UInt8, ttl: UInt32, expiry: UInt32,
    data: Span<UInt8>, dnssecRecords: DNSSECRecords, isUsed: Bool, now: UInt32
  ) -> Bool {
    var set = set
    // The file may be from a time when the server was believed.
    if set.flags.contains(.authentic) && !believesAD(of: source) { set.flags.remove(.authentic) }
    guard let node = findOrInsert(owner, now: now), !hasUnjudged || isJudged(node) else {
      return false
    }
    let type = RecordType(rawValue: set.type)
    let old = findSet(type, at: node, like: set.flags)
    if !old.isNone && givesWay(RRset(old, in: arena), to: set, expiry: expiry, now: now) {
      removeSet(old, at: node)
    }
    guard let gap = gap(for: set, at: node, now: now),
      let place = makeSet(type, set.kind, data, dnssecRecords, set.flags, owner: node, now: now)
    else {
      if arena.link(node, NodeField.firstSet).isNone { removeNode(node) }
      return false
    }
    arena.store32(expiry, place, SetField.expiry)
    arena.store32(ttl, place, SetField.ttl)
    arena.store8(RankAndSection(set.rank, set.section).rawValue, place, SetField.rankAndSection)
    arena.store8(source, place, SetField.source)
    arena.setLink(place, SetField.next, .none)
    arena.setLink(gap.place, gap.field, place)
    if isUsed {
      arena.store8(
        arena.load8(node, NodeField.use) | NodeUse.sinceHand, node, NodeField.use)
    }
    unmark(node, for: type)
    counters.inserted += 1
    return true
  }

  /// Whether what is there, though in nobody's way any more, may be replaced by a snapshot's.
  ///
  /// What is stale gives way to what is good; of two that are stale the one that is here came later.
  private func givesWay(
    _ old: RRset, to set: SnapshotSet, expiry: UInt32, now: UInt32
  ) -> Bool {
    guard old.expiry <= now else { return false }
    return !isStale(old, now: now) || expiry > now && set.rank.answersQuestions
  }

  /// Finds the link at the end of a node's list, unless something in force would be replaced or
  /// contradicted, or the node has all the RRsets it may have.
  private func gap(
    for new: SnapshotSet, at node: Reference, now: UInt32
  ) -> (place: Reference, field: Int)? {
    let type = RecordType(rawValue: new.type)
    var gap = (place: node, field: NodeField.firstSet)
    var count = 0
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let other = RRset(set, in: arena)
      count += 1
      let isApart = other.flags.contains(.unchecked) != new.flags.contains(.unchecked)
      if other.type == type && !isApart { return nil }
      if !isApart && other.expiry > now {
        if new.rank.answersQuestions && Cache.contradicts(type, new.kind, other) { return nil }
      }
      gap = (set, SetField.next)
      set = arena.link(set, SetField.next)
    }
    return count < Cache.setsPerName ? gap : nil
  }
}
