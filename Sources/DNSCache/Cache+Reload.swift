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

  /// Removes of the next names what may be there no more: local addresses, and what else is meant.
  ///
  /// - Parameter isMeant: gets a name in wire form, lower-cased, and the number of the server that an RRset came from.
  /// - Returns: how many RRsets were removed, and whether the cursor has reached the end.
  public mutating func purge(
    _ cursor: Cursor, names count: Int, addressesBy rebind: borrowing RebindFilter,
    where isMeant: (_ name: Span<UInt8>, _ source: UInt8) -> Bool
  ) -> (removed: Int, finished: Bool) {
    var removed = 0
    let finished = advance(cursor, names: count) { cache, node in
      cache.loadScratch(node)
      let isFiltered = rebind.applies(to: cache.scratch.octets)
      removed += cache.removeSets(at: node) { cache, set in
        isMeant(cache.scratch.octets, set.source)
          || isFiltered && cache.hasLocalAddress(set, rebind)
      }
    }
    return (removed, finished)
  }

  /// Makes RRsets of the next names older: those that came until a second, which are a snapshot's when it is
  /// the one at which reading it ended.
  ///
  /// - Parameters:
  ///   - count: names to look at in this slice.
  ///   - end: the second, on the cache's clock.
  ///   - seconds: by how much.
  /// - Returns: whether the cursor has reached the end.
  public mutating func age(
    _ cursor: Cursor, names count: Int, cameUntil end: UInt32, by seconds: UInt32
  ) -> Bool {
    advance(cursor, names: count) { cache, node in
      var set = cache.arena.link(node, NodeField.firstSet)
      while !set.isNone {
        let expiry = cache.arena.load32(set, SetField.expiry)
        let ttl = cache.arena.load32(set, SetField.ttl)
        if Int64(expiry) - Int64(ttl) <= Int64(end) {
          cache.arena.store32(expiry > seconds ? expiry - seconds : 0, set, SetField.expiry)
        }
        set = cache.arena.link(set, SetField.next)
      }
    }
  }
}
