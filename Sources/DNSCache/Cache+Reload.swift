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

    /// Whether a record is one of those.
    fileprivate func isLocal(_ data: Span<UInt8>, _ type: RecordType) -> Bool {
      guard let scope = LocalAddress.scope(of: data, type: type) else { return false }
      return scope != .loopback || !allowsLoopback
    }
  }

  /// Removes of the next names what may be there no more.
  ///
  /// - Returns: how many RRsets were removed, and whether the cursor has reached the end.
  public mutating func purge(
    _ cursor: Cursor, names count: Int, of forbidden: borrowing Forbidden
  ) -> (removed: Int, finished: Bool) {
    var removed = 0
    var node = place(cursor)
    for _ in 0..<count {
      if node.isNone { break }
      let newer = arena.link(node, NodeField.newer)
      arena.load(&scratch, node, NodeField.name, count: arena.nodeName(node))
      if forbidden.forbids(scratch) {
        removed += flush(node, .everything)
      } else if forbidden.forbidsLocalAddresses(of: scratch) {
        removed += purgeLocalAddresses(node, forbidden)
      }
      node = newer
    }
    move(cursor, to: node)
    return (removed, node.isNone)
  }

  private mutating func purgeLocalAddresses(
    _ node: Reference, _ forbidden: borrowing Forbidden
  ) -> Int {
    var removed = 0
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let next = arena.link(set, SetField.next)
      let view = RRset(set, in: arena)
      var isLocal = false
      if view.kind == .records {
        visitRecords(of: view) { if forbidden.isLocal($0, view.type) { isLocal = true } }
      }
      if isLocal {
        removeSet(set, at: node)
        removed += 1
      }
      set = next
    }
    if arena.link(node, NodeField.firstSet).isNone { removeNode(node) }
    return removed
  }
}
