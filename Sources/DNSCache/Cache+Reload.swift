import DNSWire
import Memory

// Rules that change while the cache is in use.

extension Cache {
  /// Takes over other times to live, and another size up to ``reservedOctets``.
  ///
  /// What is there keeps the time that it came with. When it is too much, nothing comes in without as much
  /// going, and ``shrink(names:now:)`` removes the rest.
  public mutating func reconfigure(_ new: CacheLimits) {
    limits = new
    limits.octets = min(new.octets, reservedOctets)
  }

  /// Whether so many octets more are within the limit.
  ///
  /// Where the limit is all that is reserved, the arena knows.
  func hasRoom(_ count: Int) -> Bool {
    limits.octets >= reservedOctets || octets + count <= limits.octets
  }

  /// Removes names while there is more than the limit, those not used lately first.
  ///
  /// - Parameter count: names to remove in this slice at most.
  /// - Returns: whether no more has to go.
  public mutating func shrink(names count: Int, now: UInt32) -> Bool {
    var spare = count
    for _ in 0..<count {
      if hasRoom(0) { return true }
      guard evict(keeping: .none, sparing: &spare, now: now) else { return true }
    }
    return false
  }

  /// What may be in the cache no more.
  public struct Forbidden: ~Copyable {
    /// Zones that are answered without it.
    private let zones: ZoneSet
    /// Whether names may not have local addresses.
    private let isRebindProtected: Bool
    private let allowsLoopback: Bool
    /// Zones whose names may all the same.
    private let allowed: ZoneSet

    /// - Parameter rebindAllowed: the zones that may have local addresses; nothing when all may.
    public init(zones: [Name], rebindAllowed: [Name]?, allowsLoopback: Bool) {
      self.zones = ZoneSet(zones)
      isRebindProtected = rebindAllowed != nil
      self.allowsLoopback = allowsLoopback
      allowed = ZoneSet(rebindAllowed ?? [])
    }

    /// Whether nothing of a name may be there.
    fileprivate func forbids(_ name: borrowing NameKey) -> Bool {
      zones.zone(of: name.octets) != nil
    }

    /// Whether a name may have no local addresses.
    fileprivate func forbidsLocalAddresses(of name: borrowing NameKey) -> Bool {
      isRebindProtected && name.labelCount > 1 && allowed.zone(of: name.octets) == nil
    }

    /// Whether an RRset has one of those.
    fileprivate func hasLocal(_ set: RRset, in cache: borrowing Cache) -> Bool {
      guard set.kind == .records else { return false }
      var isLocal = false
      cache.visitRecords(of: set) { data in
        guard let scope = LocalAddress.scope(of: data, type: set.type) else { return }
        if scope != .loopback || !allowsLoopback { isLocal = true }
      }
      return isLocal
    }
  }

  /// Removes of the next names what may be there no more.
  ///
  /// - Returns: how many RRsets were removed, and whether the cursor has reached the end.
  public mutating func purge(
    _ cursor: Cursor, names count: Int, of forbidden: borrowing Forbidden
  ) -> (removed: Int, finished: Bool) {
    var removed = 0
    let finished = advance(cursor, names: count) { cache, node in
      cache.loadScratch(node)
      if forbidden.forbids(cache.scratch) {
        removed += cache.flush(node, .everything)
      } else if forbidden.forbidsLocalAddresses(of: cache.scratch) {
        removed += cache.removeSets(at: node) { forbidden.hasLocal($1, in: $0) }
      }
    }
    return (removed, finished)
  }
}
