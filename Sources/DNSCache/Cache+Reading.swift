import DNSWire
import Memory

// Looking at the cache from outside: for control, tests and the snapshot.

extension Cache {
  /// Visits what is known of a name, expired data left out.
  ///
  /// - Parameter stale: what is stale is visited, too.
  public func visitSets(
    of key: borrowing NameKey, stale: Bool = false, now: UInt32, _ body: (RRset) -> Void
  ) {
    let node = find(key)
    if !node.isNone { visitSets(at: node, stale: stale, now: now, body) }
  }

  func visitSets(
    at node: Reference, stale: Bool = false, now: UInt32, _ body: (RRset) -> Void
  ) {
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let view = RRset(set, in: arena)
      if stale ? isKept(view, now: now) : view.expiry > now { body(view) }
      set = arena.link(set, SetField.next)
    }
  }

  /// Visits the RDATA of each record; of a negative entry, the SOA's, if it has one.
  ///
  /// - Parameter set: an RRset that this cache showed, with no change to the cache in between.
  public func visitRecords(of set: RRset, _ body: (Span<UInt8>) -> Void) {
    let entry = RRset.addressEntry(set.type, set.kind)
    if entry > 0 {
      for index in 0..<set.count {
        body(
          arena.octets(
            Cache.addressPlace(set.reference, index, entry), AddressField.address,
            count: entry - AddressField.address))
      }
      return
    }
    if set.kind != .records {
      if set.dataCount > 1 {
        body(arena.octets(set.reference, SetField.data + 1, count: set.dataCount - 1))
      }
      return
    }
    var position = SetField.data
    while position < SetField.data + set.dataCount {
      let octets = Int(arena.load16(set.reference, position).bigEndian)
      body(arena.octets(set.reference, position + 2, count: octets))
      position += 2 + octets
    }
  }

  /// Octets by which an owner name is longer than the name of the zone that its negative entry's SOA
  /// belongs to; nothing when there is no SOA.
  public func zoneOffset(of set: RRset) -> Int? {
    guard set.kind != .records, set.dataCount > 1 else { return nil }
    return Int(arena.load8(set.reference, SetField.data))
  }

  /// Visits the names that have an A or AAAA record with an address.
  ///
  /// - Parameters:
  ///   - high: an IPv6 address's first eight octets as a number; zero for IPv4.
  ///   - low: its last eight octets; for IPv4 its four.
  ///   - body: gets names in wire form, lower-cased; returns whether to go on.
  public func visitNames(
    high: UInt64, low: UInt64, isIPv4: Bool, now: UInt32, _ body: (Span<UInt8>) -> Bool
  ) {
    var entry =
      isIPv4
      ? addresses4.first(high: high, low: low, in: arena)
      : addresses6.first(high: high, low: low, in: arena)
    while !entry.isNone {
      let node = arena.link(entry, AddressField.owner)
      let set = findSet(isIPv4 ? .a : .aaaa, at: node)
      if !set.isNone && arena.load32(set, SetField.expiry) > now {
        let goOn = body(arena.octets(node, NodeField.name, count: arena.nodeName(node)))
        if !goOn { return }
      }
      entry = arena.link(entry, AddressField.nextSame)
    }
  }

  /// Visits the next names in the order they came in, with what is known of each.
  ///
  /// - Parameters:
  ///   - count: names to visit in this slice at most.
  ///   - now: the time in seconds; what has expired is left out.
  ///   - name: gets each name, before its RRsets; returns whether they are wanted.
  ///   - body: gets each RRset.
  /// - Returns: whether the cursor has reached the end.
  public mutating func walk(
    _ cursor: Cursor, names count: Int, now: UInt32, name: (Span<UInt8>) -> Bool,
    _ body: (RRset) -> Void
  ) -> Bool {
    advance(cursor, names: count) { cache, node in
      if name(cache.arena.octets(node, NodeField.name, count: cache.arena.nodeName(node))) {
        cache.visitSets(at: node, now: now, body)
      }
    }
  }

  // MARK: Removing on request

  /// What a flush removes.
  public enum FlushScope: Sendable {
    /// All that is known.
    case everything
    /// One type's RRset, or what says that there is none: NXDOMAIN too.
    case type(RecordType)
    /// Negative entries.
    case negative
  }

  /// Removes what is known of one name.
  ///
  /// - Returns: how many RRsets and negative entries were removed.
  public mutating func flush(_ key: borrowing NameKey, _ scope: FlushScope) -> Int {
    let node = find(key)
    return node.isNone ? 0 : flush(node, scope)
  }

  /// Removes what is known of the next names, of those at or below a name only if one is given.
  ///
  /// - Returns: how many RRsets were removed, and whether the cursor has reached the end.
  public mutating func flush(
    _ cursor: Cursor, names count: Int, below zone: borrowing NameKey, _ scope: FlushScope
  ) -> (removed: Int, finished: Bool) {
    var removed = 0
    let finished = advance(cursor, names: count) { cache, node in
      cache.loadScratch(node)
      if cache.scratch.isAtOrBelow(zone.octets) { removed += cache.flush(node, scope) }
    }
    return (removed, finished)
  }

  mutating func flush(_ node: Reference, _ scope: FlushScope) -> Int {
    removeSets(at: node) { set in
      switch scope {
      case .everything: true
      case .type(let type): set.type == type || set.kind == .nxDomain
      case .negative: set.kind != .records
      }
    }
  }

  // MARK: Tests

  // UNREACHABLE: only tests call this.
  /// Checks that both maps, the queue and the counts agree; for tests.
  public func _checkInvariants() {
    arena._checkInvariants()
    uncacheableArena._checkInvariants()
    var queued = 0
    var sets = 0
    var records = 0
    var entries4 = 0
    var entries6 = 0
    var older = Reference.none
    var node = oldest
    while !node.isNone {
      precondition(arena.link(node, NodeField.older) == older)
      older = node
      queued += 1
      var set = arena.link(node, NodeField.firstSet)
      precondition(!set.isNone, "a name without data is removed")
      while !set.isNone {
        let view = RRset(set, in: arena)
        sets += 1
        records += view.count
        let entry = RRset.addressEntry(view.type, view.kind)
        for index in 0..<(entry > 0 && view.isIndexed ? view.count : 0) {
          let place = Cache.addressPlace(set, index, entry)
          precondition(arena.link(place, AddressField.owner) == node)
          if view.type == .a { entries4 += 1 } else { entries6 += 1 }
        }
        set = arena.link(set, SetField.next)
      }
      node = arena.link(node, NodeField.newer)
    }
    precondition(older == newest)
    // As many entries in the reverse maps as there are address records, so each is there.
    precondition(addresses4._checkInvariants(in: arena) == entries4)
    precondition(addresses6._checkInvariants(in: arena) == entries6)
    precondition(queued == nameCount && sets == setCount && records == recordCount)
    var chained = 0
    for bucket in 0..<names.count {
      var node = names[bucket]
      while !node.isNone {
        precondition(names.bucket(arena.load32(node, NodeField.hash)) == bucket)
        chained += 1
        node = arena.link(node, NodeField.chain)
      }
    }
    precondition(chained == nameCount)
    precondition(octets <= max(limits.octets, CacheLimits.leastOctets))
  }
}
