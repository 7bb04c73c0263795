import DNSWire
import Memory

// Prefetching: what is asked for in the last tenth of its life is noted here, for the service to have
// it asked for again, and so is what is asked for regularly. A hit pays one comparison for it; the rest is
// done when it comes out true, and by the sweep.

extension Cache {
  /// An RRset that was asked for in the last part of its life.
  struct PrefetchCandidate: BitwiseCopyable {
    /// The node; none when it has gone since.
    var node: UInt32
    /// The type that was asked for.
    var type: UInt16
    /// The RRset's own type: CNAME when the name is an alias.
    var setType: UInt16
    /// How it was asked for: ``SetMarks``.
    var flags: UInt8
  }

  /// RRsets that are noted between two calls of ``takePrefetchCandidate(into:)`` at most; a batch of queries
  /// is twice as many.
  static let mostPrefetchCandidates = 16

  /// The part of an RRset's life at whose end it is renewed: a tenth, as in unbound.
  static var prefetchShare: UInt64 { 10 }

  /// Least TTL of what is renewed, in seconds: the last tenth has to be longer than a question takes.
  static var leastRenewedTTL: UInt64 { 10 }

  /// Notes an RRset that is being given in the last part of its life.
  @inline(__always)
  mutating func notePrefetchCandidate(
    _ set: Reference, _ head: SetHead, at node: Reference, asked type: RecordType, now: UInt32
  ) {
    let remaining = UInt64(head.expiry &- now)
    if remaining &* Cache.prefetchShare <= UInt64(head.ttl) {
      addPrefetchCandidate(set, at: node, asked: type, remaining: remaining)
    }
  }

  /// Notes an RRset that the sweep finds in the last part of its life, if its name was used in the second
  /// half of it: somebody asks for it regularly, if not often enough to meet its last tenth.
  ///
  /// A burst of questions that is over by half-time costs nothing, so a name that nobody asks for any more
  /// is renewed once at most. The sweep comes by every ten seconds or so; it may miss the last tenth of a
  /// TTL below two minutes.
  ///
  /// - Returns: whether the RRset is in the second half of its life.
  mutating func sweepPrefetchCandidate(_ set: Reference, at node: Reference, now: UInt32) -> Bool {
    let remaining = UInt64(arena.load32(set, SetField.expiry) &- now)
    let life = life(set)
    if remaining * 2 > life { return false }
    if remaining * Cache.prefetchShare <= life
      && arena.load8(set, SetField.rankAndSection) >= RankAndSection.leastAnswer
      && arena.load8(node, NodeField.use) & NodeUse.lately != 0
    {
      addPrefetchCandidate(
        set, at: node, asked: RecordType(rawValue: arena.load16(set, SetField.type)),
        remaining: remaining)
    }
    return true
  }

  /// Seconds whose last tenth is the time to ask again: the TTL, or what of it was left, about, when that
  /// was last done.
  private func life(_ set: Reference) -> UInt64 {
    var life = UInt64(arena.load32(set, SetField.ttl))
    let rankAndSection = RankAndSection(rawValue: arena.load8(set, SetField.rankAndSection))
    for _ in 0..<rankAndSection.renewals { life /= Cache.prefetchShare }
    return life
  }

  @inline(never)
  private mutating func addPrefetchCandidate(
    _ set: Reference, at node: Reference, asked type: RecordType, remaining: UInt64
  ) {
    let life = life(set)
    guard prefetchCandidateCount < Cache.mostPrefetchCandidates, life >= Cache.leastRenewedTTL,
      remaining * Cache.prefetchShare <= life,
      arena.kind(set) == RRset.Kind.records.rawValue
    else { return }
    let setType = arena.load16(set, SetField.type)
    let flags = arena.load8(set, SetField.flags)
    for index in 0..<prefetchCandidateCount
    where prefetchCandidates[index].node == node.rawValue
      && prefetchCandidates[index].type == type.rawValue
      && prefetchCandidates[index].setType == setType && prefetchCandidates[index].flags == flags
    {
      return
    }
    prefetchCandidates[prefetchCandidateCount] = PrefetchCandidate(
      node: node.rawValue, type: type.rawValue, setType: setType, flags: flags)
    prefetchCandidateCount += 1
  }

  /// Takes out what was noted last: a question whose answer will soon be over.
  ///
  /// - Parameter key: gets the name.
  /// - Returns: the type to ask for, that of the RRset, and how it was asked for; nothing when there is
  ///   no more.
  public mutating func takePrefetchCandidate(
    into key: inout NameKey
  ) -> (type: RecordType, setType: RecordType, queryFlags: QueryFlags)? {
    while prefetchCandidateCount > 0 {
      prefetchCandidateCount -= 1
      let entry = prefetchCandidates[prefetchCandidateCount]
      let node = Reference(rawValue: entry.node)
      if node.isNone { continue }
      arena.load(&key, node, NodeField.name, count: arena.nodeName(node))
      return (
        RecordType(rawValue: entry.type), RecordType(rawValue: entry.setType),
        QueryFlags(of: RRsetFlags(rawValue: entry.flags))
      )
    }
    return nil
  }

  /// Says that an RRset is being asked for again: it isn't noted before the last tenth of what is left,
  /// to the nearest power of ten of its TTL.
  ///
  /// So a day's worth is asked for four times at most if none of the questions is answered.
  ///
  /// - Parameter queryFlags: how it was asked for.
  public mutating func noteRenewal(
    of key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, now: UInt32
  ) {
    let node = find(key)
    if node.isNone { return }
    let set = findSet(type, at: node, like: queryFlags.contains(.unchecked) ? .unchecked : [])
    if set.isNone { return }
    let expiry = arena.load32(set, SetField.expiry)
    guard expiry > now else { return }
    var rankAndSection = RankAndSection(rawValue: arena.load8(set, SetField.rankAndSection))
    var life = UInt64(arena.load32(set, SetField.ttl))
    rankAndSection.renewals = 0
    // At least twice as long as what is left means another power of ten.
    while life > UInt64(expiry &- now) * 2 && rankAndSection.renewals < RankAndSection.mostRenewals
    {
      rankAndSection.renewals += 1
      life /= Cache.prefetchShare
    }
    arena.store8(rankAndSection.rawValue, set, SetField.rankAndSection)
  }

  /// Says that asking for an RRset again, or for the alias that stands in its place, has failed: it is noted
  /// the next time that it is asked for.
  ///
  /// - Parameter queryFlags: how it was asked for.
  public mutating func forgetRenewal(
    of key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags
  ) {
    let node = find(key)
    if node.isNone { return }
    let flags: RRsetFlags = queryFlags.contains(.unchecked) ? .unchecked : []
    forgetRenewal(of: findSet(type, at: node, like: flags))
    forgetRenewal(of: findSet(.cname, at: node, like: flags))
  }

  private mutating func forgetRenewal(of set: Reference) {
    if set.isNone { return }
    var rankAndSection = RankAndSection(rawValue: arena.load8(set, SetField.rankAndSection))
    rankAndSection.renewals = 0
    arena.store8(rankAndSection.rawValue, set, SetField.rankAndSection)
  }

  /// Whether ``takePrefetchCandidate(into:)`` has something to give.
  public var hasPrefetchCandidates: Bool { prefetchCandidateCount > 0 }

  /// Forgets what was noted of a node that goes.
  mutating func forgetPrefetchCandidate(_ node: Reference) {
    guard prefetchCandidateCount > 0 else { return }
    for index in 0..<prefetchCandidateCount where prefetchCandidates[index].node == node.rawValue {
      prefetchCandidates[index].node = 0
    }
  }
}
