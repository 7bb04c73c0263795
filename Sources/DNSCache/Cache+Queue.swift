import Memory

// Eviction is SIEVE (Zhang et al., "SIEVE is simpler than LRU", NSDI 2024): names stay in the order
// they came in; a hand walks from the oldest to the newest, spares and unmarks what was used since it
// last passed, and removes the first name that was not. A use costs one octet written.

extension Cache {
  /// A place in the queue of names that stays good while names come and go.
  public struct Cursor: Sendable {
    let index: Int

    /// The eviction's hand.
    static let hand = Cursor(index: 0)
    /// The sweep's place.
    static let sweep = Cursor(index: 1)
  }

  /// Cursors there may be, those that always exist among them; ``cursorsInUse`` has a bit for each.
  static let cursorPlaces = 8

  /// Bits of the cursors that always exist.
  static var reservedCursors: UInt8 { 0b11 }

  /// Takes a cursor, set on the oldest name; nothing when all are in use.
  public mutating func openCursor() -> Cursor? {
    for index in 0..<Cache.cursorPlaces where cursorsInUse & (1 << UInt8(index)) == 0 {
      cursorsInUse |= 1 << UInt8(index)
      cursors[index] = oldest.rawValue
      return Cursor(index: index)
    }
    return nil
  }

  /// Gives a cursor back.
  public mutating func closeCursor(_ cursor: Cursor) {
    cursorsInUse &= ~(1 << UInt8(cursor.index))
    cursors[cursor.index] = 0
  }

  func place(_ cursor: Cursor) -> Reference { Reference(rawValue: cursors[cursor.index]) }

  mutating func move(_ cursor: Cursor, to node: Reference) {
    cursors[cursor.index] = node.rawValue
  }

  /// Takes a cursor past the next names.
  ///
  /// - Parameters:
  ///   - count: names in this slice at most.
  ///   - body: gets each; it may remove that one.
  /// - Returns: whether the cursor has reached the end.
  @inline(__always)
  mutating func advance(
    _ cursor: Cursor, names count: Int, _ body: (inout Cache, Reference) -> Void
  ) -> Bool {
    var node = place(cursor)
    for _ in 0..<count {
      if node.isNone { break }
      let newer = arena.link(node, NodeField.newer)
      body(&self, node)
      node = newer
    }
    move(cursor, to: node)
    return node.isNone
  }

  /// Makes a node the newest one; its own links are set already.
  mutating func enqueue(_ node: Reference) {
    if newest.isNone { oldest = node } else { arena.setLink(newest, NodeField.newer, node) }
    newest = node
    if isStoring && incoming.isNone { incoming = node }
  }

  mutating func dequeue(_ node: Reference) {
    let newer = arena.link(node, NodeField.newer)
    let older = arena.link(node, NodeField.older)
    if newer.isNone { newest = older } else { arena.setLink(newer, NodeField.older, older) }
    if older.isNone { oldest = newer } else { arena.setLink(older, NodeField.newer, newer) }
    if incoming == node { incoming = newer }
    for index in 0..<Cache.cursorPlaces where cursors[index] == node.rawValue {
      cursors[index] = newer.rawValue
    }
  }

  /// Removes one name that was not used lately, or of which nothing is good any more; false when there
  /// is none to remove.
  ///
  /// What a reply brings makes no room for the rest of it.
  ///
  /// - Parameter spare: used names that may be spared still; then one goes regardless.
  mutating func evict(
    keeping kept: Reference, sparing spare: inout Int, now: UInt32
  ) -> Bool {
    var node = place(.hand)
    var rounds = 0
    while true {
      if node.isNone || node == incoming {
        // Behind the end of a first round, each name is passed once more; then there is none left.
        rounds += 1
        guard rounds <= 2, !oldest.isNone, oldest != incoming else { return false }
        node = oldest
      }
      let newer = arena.link(node, NodeField.newer)
      if node == kept {
        node = newer
        continue
      }
      let use = arena.load8(node, NodeField.use)
      if use & NodeUse.sinceHand != 0 && spare > 0 && !hasExpired(node, now: now) {
        arena.store8(use & ~NodeUse.sinceHand, node, NodeField.use)
        spare -= 1
        node = newer
        continue
      }
      // Not to what is just coming in: the hand would stay among the newest names and remove each as
      // soon as the next one comes.
      move(.hand, to: newer == kept || newer == incoming ? .none : newer)
      removeNode(node)
      counters.evictions += 1
      return true
    }
  }

  /// Removes what has expired among the next names, in both maps.
  ///
  /// What is stale stays, as long as there is room that good data doesn't need.
  ///
  /// - Parameters:
  ///   - count: names to look at in this slice.
  ///   - now: the time in seconds.
  /// - Returns: whether a whole pass is done; the next call begins another.
  public mutating func sweep(names count: Int, now: UInt32) -> Bool {
    if place(.sweep).isNone { move(.sweep, to: oldest) }
    return advance(.sweep, names: count) { cache, node in cache.sweepNode(node, now: now) }
  }

  private mutating func sweepNode(_ node: Reference, now: UInt32) {
    var isOld = false
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let next = arena.link(set, SetField.next)
      if arena.load32(set, SetField.expiry) > now {
        if sweepPrefetchCandidate(set, at: node, now: now) { isOld = true }
      } else if (isStaleRoomUsed || !isStale(RRset(set, in: arena), now: now)) {
        removeSet(set, at: node)
        counters.expired += 1
      }
      set = next
    }
    if arena.link(node, NodeField.firstSet).isNone {
      removeNode(node)
    } else if !isOld {
      let use = arena.load8(node, NodeField.use)
      if use & NodeUse.lately != 0 { arena.store8(use & ~NodeUse.lately, node, NodeField.use) }
    }
  }

  // MARK: Replies

  /// Begins to take in what one reply brings.
  public mutating func beginStoring() {
    isStoring = true
    incoming = .none
    overlay = .none
    overlayCount = 0
  }

  /// Ends what ``beginStoring()`` began.
  ///
  /// - Returns: what may not be kept of it. It is the caller's to release.
  public mutating func endStoring() -> Overlay {
    isStoring = false
    incoming = .none
    defer { overlay = .none }
    return overlay
  }
}
