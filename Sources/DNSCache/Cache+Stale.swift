import DNSWire
import Memory

// Stale answers (RFC 8767): what answered questions is kept for a while when its time is over, for the
// day on which nobody can be asked. Only `answer` with `stale` set, and those who show or save the cache
// see it; to all others it is gone.

/// What of an answer was given though its time is over.
public enum Staleness: Sendable {
  /// Nothing: all of it was still good.
  case none
  /// Records, or the fact that there are none of a type (RFC 8914 §4.4).
  case records
  /// The fact that there is no such name (RFC 8914 §4.20).
  case nxDomain
}

extension Cache {
  /// The TTL that stale records are given with, in seconds (RFC 8767 §4 recommends 30).
  static var staleTTL: UInt32 { 30 }

  /// Data that was good behind this second may be given when stale data will do.
  func staleHorizon(_ now: UInt32) -> UInt32 { now > limits.staleAge ? now &- limits.staleAge : 0 }

  /// The TTL of what is being written though it has expired: stale, or uncacheable.
  @inline(never)
  mutating func ttlAfterExpiry(_ set: Reference) -> UInt32 {
    if arena.load32(set, SetField.ttl) == 0 { return 0 }
    let isNoName = arena.kind(set) == RRset.Kind.nxDomain.rawValue
    staleness = isNoName ? .nxDomain : .records
    return Cache.staleTTL
  }

  // Mutating though it changes nothing: see `believesAD`.
  /// Whether something is known of a name that only a stale answer may hold.
  mutating func hasStale(_ key: borrowing NameKey, now: UInt32) -> Bool {
    guard limits.staleAge > 0 else { return false }
    let node = find(key)
    if node.isNone { return false }
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      if isStale(RRset(set, in: arena), now: now) { return true }
      set = arena.link(set, SetField.next)
    }
    return false
  }

  /// Whether an RRset's time is over, but not so long ago that it may no longer be given.
  ///
  /// Only what answers questions becomes stale; the rest has no use when it has expired.
  public func isStale(_ set: RRset, now: UInt32) -> Bool {
    set.expiry <= now && set.expiry > staleHorizon(now) && set.rank.answersQuestions
  }

  /// Whether an RRset is good, or stale.
  func isKept(_ set: RRset, now: UInt32) -> Bool {
    set.expiry > now || isStale(set, now: now)
  }

  // MARK: Room

  /// Whether memory is so full that nothing is kept beyond its time.
  ///
  /// What has expired stays while less than ``CacheLimits/staleShare`` of the arena is used.
  var isStaleRoomUsed: Bool {
    arena.used - setAside >= min(arena.capacity - setAside, limits.octets) / 100 * limits.staleShare
  }

  /// Whether all that is known of a name has expired.
  func hasExpired(_ node: Reference, now: UInt32) -> Bool {
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      if arena.load32(set, SetField.expiry) > now { return false }
      set = arena.link(set, SetField.next)
    }
    return true
  }
}
