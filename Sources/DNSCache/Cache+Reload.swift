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

  // MARK: Rules about names

  /// Begins to judge what there is by other rules about names.
  ///
  /// - Parameter new: the rules' number: none that names may still be marked with.
  public mutating func beginGeneration(_ new: UInt16) {
    generation = new
    hasUnjudged = nameCount > 0
  }

  /// Ends judging: ``purge(_:names:where:)`` has seen every name since ``generation`` was begun.
  public mutating func endJudging() { hasUnjudged = false }

  /// Removes what is known of a name unless it is still good by the rules, if that is not known yet.
  ///
  /// - Parameter isGood: gets the name in wire form, lower-cased, and the generation of the rules that its data came by.
  public mutating func judge(_ key: borrowing NameKey, _ isGood: (Span<UInt8>, UInt16) -> Bool) {
    guard hasUnjudged else { return }
    let node = find(key)
    if node.isNone || isJudged(node) { return }
    judge(node, isGood(key.octets, madeBy(node)))
  }

  func isJudged(_ node: Reference) -> Bool { madeBy(node) == generation }

  /// The generation of the rules that a node's data came by.
  func madeBy(_ node: Reference) -> UInt16 { arena.load16(node, NodeField.generation) }

  /// - Returns: whether the node is still there.
  @discardableResult
  mutating func judge(_ node: Reference, _ isGood: Bool) -> Bool {
    if isGood {
      arena.store16(generation, node, NodeField.generation)
    } else {
      removeNode(node)
    }
    return isGood
  }

  /// Removes of the next names what is known of those that the rules about names take away.
  ///
  /// - Parameters:
  ///   - count: names to look at in this slice.
  ///   - isGood: whether the data of a name is still good, in wire form, lower-cased.
  /// - Returns: how many RRsets were removed, and whether the cursor has reached the end.
  public mutating func purge(
    _ cursor: Cursor, names count: Int, where isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> (removed: Int, finished: Bool) {
    let before = setCount
    let finished = advance(cursor, names: count) { cache, node in
      if cache.isJudged(node) { return }
      cache.loadScratch(node)
      cache.judge(node, isGood(cache.scratch.octets, cache.madeBy(node)))
    }
    return (before - setCount, finished)
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
