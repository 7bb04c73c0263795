/// What the cache has done since it was made.
public struct CacheCounters: Sendable {
  /// RRsets and negative entries taken in.
  public var inserted: UInt64 = 0
  /// Data that was not taken because something better trusted was there.
  public var outranked: UInt64 = 0
  /// Names removed to make room.
  public var evictions: UInt64 = 0
  /// RRsets removed because their time was over.
  public var expired: UInt64 = 0
  /// RRsets not kept because no room could be made.
  public var noRoom: UInt64 = 0
  /// RRsets used once and not kept because they were too large.
  public var largeSets: UInt64 = 0
  /// RRsets removed because their name had too many.
  public var setsPerNameLimit: UInt64 = 0
  /// How often a server's address was not kept with its data because too many others were.
  public var sourcesLimit: UInt64 = 0
}

/// What may enter the cache, and for how long.
public struct CacheLimits: Sendable {
  /// Octets for everything the cache stores.
  public var octets: Int
  /// Shortest time a record is kept, in seconds; its TTL is raised to it.
  public var minimumTTL: UInt32 = 0
  /// Longest time a record is kept, in seconds.
  public var maximumTTL: UInt32 = 86_400
  /// Longest time a negative entry is kept, in seconds.
  ///
  /// RFC 2308 §5 finds one to three hours sensible and more than a day problematic.
  public var maximumNegativeTTL: UInt32 = 3_600
  /// Longest time that an answer is kept when it has expired, to be given while upstream fails, in
  /// seconds; 0 for never.
  ///
  /// RFC 8767 §5 calls this the maximum stale timer and suggests one to three days.
  public var staleAge: UInt32 = 0
  /// Percent of the memory up to which what has expired is kept all the same.
  ///
  /// Stale data lives in the room that good data leaves: from there on the sweep removes it, before the
  /// eviction has to choose among what is good.
  public var staleShare = 87
  /// Whose word that data is authentic counts.
  public var adTrust = ADTrust.on

  /// Least octets that a cache works with.
  public static let leastOctets = 1 << 20

  /// Limits with the default TTLs.
  public init(octets: Int) {
    self.octets = octets
  }

  /// Applies the TTL rules of records.
  ///
  /// RFC 2181 §8: a TTL with its top bit set counts as zero. Zero stays zero, whatever the shortest
  /// time is: its sender does not want it kept.
  public func ttl(_ received: UInt32) -> UInt32 {
    if received == 0 || received > UInt32(Int32.max) { return 0 }
    return min(max(received, minimumTTL), maximumTTL)
  }

  /// Applies the TTL rules of negative entries.
  ///
  /// RFC 2308 §5: the smaller of the SOA's own TTL and its MINIMUM field; ``minimumTTL`` doesn't prolong
  /// it, for absence is what changes most often.
  public func negativeTTL(soaTTL: UInt32, minimum: UInt32) -> UInt32 {
    let least = min(soaTTL, minimum)
    if max(soaTTL, minimum) > UInt32(Int32.max) { return 0 }
    return min(least, maximumNegativeTTL, maximumTTL)
  }
}
