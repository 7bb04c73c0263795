import DNSWire
import Memory

/// What is known: one table of names, each with its RRsets and negative entries, and one of addresses.
///
/// Times are seconds on a clock of the caller's that never goes back. All storage lies in one arena
/// and three bucket tables, reserved at the start, so the limit in octets holds by construction; when
/// the arena is full, names that were not used make room.
public struct Cache: ~Copyable {
  /// What may enter, and for how long.
  public internal(set) var limits: CacheLimits
  /// Octets that memory is reserved for; ``limits`` may be less since.
  public let reservedOctets: Int
  /// The secret that names are hashed with; keys for this cache are made with it.
  public let seed: HashSeed
  /// What has been done so far.
  public internal(set) var counters = CacheCounters()

  /// Names there are.
  public internal(set) var nameCount = 0
  /// RRsets and negative entries there are.
  public internal(set) var setCount = 0
  /// Records there are.
  public internal(set) var recordCount = 0

  var arena: Arena
  var names: BucketTable
  var addresses4: AddressIndex
  var addresses6: AddressIndex

  /// The queue of names in the order they came in, for eviction and for walking.
  var newest = Reference.none
  var oldest = Reference.none
  var cursors: FixedArray<UInt32>
  var cursorsInUse: UInt8

  /// Whether a reply is being taken in, and the first of the names that it brought.
  var isStoring = false
  var incoming = Reference.none

  /// What of the answer last written with stale data was stale.
  public internal(set) var staleness = Staleness.none

  /// What was asked for in the last part of its life; see `notePrefetchCandidate`.
  var prefetchCandidates: FixedArray<PrefetchCandidate>
  var prefetchCandidateCount = 0

  var duplicates: DuplicateFilter

  /// The servers that data came from.
  var sources = SourceTable()

  /// Whether answers begin with another record of an RRset each time.
  public var rotates = false
  /// What the next answer's first record is made from.
  var rotation: UInt32 = 0

  /// Which names may not lead to local addresses; see ``Answer/blocked``.
  public var rebindFilter = RebindFilter(nil)
  /// Whether the name last asked for is one of those, when an alias led on from it.
  public internal(set) var isAliasFiltered = false

  /// Which rules about names are in force, by a number of the caller's; names that come in are marked with it.
  public internal(set) var generation: UInt16 = 0
  /// Whether there may be names whose data came by rules of an earlier ``generation``.
  ///
  /// Until ``endJudging()`` each is judged before it is used: by ``judge(_:_:)``, by
  /// ``follow(_:type:needs:overlays:stale:now:judgedBy:)`` or by ``purge(_:names:where:)``, whichever comes first.
  public internal(set) var hasUnjudged = false
  /// What a node's use holds when no list has its name, in the bits of the mask; see ``ScreenStamp``.
  var screenStamp: UInt8 = 0
  var screenMask: UInt8 = 0
  var screenNumber: UInt8 = 0
  /// Whether marks of old lists have to go before names are marked again: ``unmark(_:names:)``.
  public internal(set) var needsUnmarking = false

  /// RRsets of the answer being written that have a proof, in the order of the chain.
  var proven: FixedArray<UInt32>
  var provenCount = 0

  /// A part of ``arena`` for what may not be kept; see ``Overlay``.
  var uncacheableArena: Arena
  /// Octets of ``arena`` that it takes.
  let setAside: Int
  /// A block for an RRset that finds no place elsewhere in ``apart``.
  let reserve: Reference
  var isReserveUsed = false
  /// What may not be kept of the reply that is being taken in.
  var overlay = Overlay.none
  var overlayCount = 0

  /// Made from all that was read ahead, so that the reading isn't optimised away.
  private var readAhead: UInt32 = 0

  /// A second key, for names that are looked up on the way to another.
  var scratch: NameKey

  /// Most RRsets that one name may have; the oldest gives way.
  public static let setsPerName = 100

  /// Most octets of an RRset as it is stored.
  ///
  /// The most that records of a message can take when their names are not compressed much: 4,367
  /// addresses, twenty octets each.
  static let largestBlock = 96 << 10

  /// Octets for answers that may not be kept, while clients wait for them; not of ``CacheLimits/octets``.
  static let uncacheableOctets = 1 << 20

  /// Most records of an RRset that is kept; a larger one is uncacheable.
  ///
  /// PowerDNS Recursor draws the line here, too.
  public static let recordsPerSet = 256
  /// Most octets of an RRset that is kept, its DNSSEC records included; a larger one is uncacheable.
  public static let octetsPerSet = 16_384

  /// Most records of the proof that comes with an answer, their signatures included.
  ///
  /// "No such name" takes three NSEC3 records (RFC 5155 §7.2.2), nine records with two signatures each.
  public static let recordsPerProof = 24

  /// Makes an empty cache.
  public init(limits: CacheLimits, seed: HashSeed) {
    let octets = max(limits.octets, CacheLimits.leastOctets)
    self.limits = limits
    reservedOctets = octets
    self.seed = seed
    // Shares for the buckets: one for three quarters of a name, at a hundred octets a name and its
    // first address, needs a twentieth; the rest is the arena's.
    let nameBuckets = octets / 20 / 4
    let addressBuckets = octets / 32 / 4
    names = BucketTable(maximum: nameBuckets)
    addresses4 = AddressIndex(width: 4, seed: seed, maximumBuckets: addressBuckets)
    addresses6 = AddressIndex(width: 16, seed: seed, maximumBuckets: addressBuckets)
    let arenaOctets = octets - (nameBuckets + 2 * addressBuckets) * 4
    arena = Arena(capacity: min(arenaOctets + Cache.uncacheableOctets, Arena.maximumCapacity))
    guard let block = arena.allocate(octets: Cache.uncacheableOctets) else {
      // UNREACHABLE: the arena is larger by this much.
      preconditionFailure("the arena holds what is set aside")
    }
    setAside = arena.used
    uncacheableArena = Arena(inside: block, of: arena)
    guard let reserve = uncacheableArena.allocate(octets: Cache.largestBlock) else {
      // UNREACHABLE: apartOctets is several times largestBlock.
      preconditionFailure("what is set aside holds the reserve")
    }
    self.reserve = reserve
    cursors = FixedArray(repeating: 0, count: Cache.cursorPlaces)
    cursorsInUse = Cache.reservedCursors
    prefetchCandidates = FixedArray(
      repeating: PrefetchCandidate(node: 0, type: 0, setType: 0, flags: 0),
      count: Cache.mostPrefetchCandidates)
    duplicates = DuplicateFilter(seed: seed)
    proven = FixedArray(repeating: 0, count: Cache.longestChain + 1)
    scratch = NameKey(seed: seed)
  }

  /// Octets in use, of ``CacheLimits/octets``.
  public var octets: Int {
    arena.used - setAside + names.octets + addresses4.octets + addresses6.octets
  }

  /// Octets that have been touched: what it may cost in resident memory.
  public var touchedOctets: Int {
    arena.touched - setAside + uncacheableArena.touched + names.octets + addresses4.octets
      + addresses6.octets
  }

  /// Different addresses that names are known for.
  public var addressCount: Int { addresses4.count + addresses6.count }

  // MARK: Names

  /// The node of a name, or none.
  // Inlined: while the cache is being changed, a call that only borrows it gets a copy of its half a
  // kilobyte.
  @inline(__always)
  func find(_ key: borrowing NameKey) -> Reference {
    var node = names[names.bucket(key.hash)]
    while !node.isNone {
      let head = arena.nodeHead(node)
      if head.hash == key.hash
        && key.matches(arena.octets(node, NodeField.name, count: Int(head.nameCount)))
      {
        return node
      }
      node = Reference(rawValue: head.chain)
    }
    return node
  }

  /// Puts a node's name in ``scratch``.
  mutating func loadScratch(_ node: Reference) {
    arena.load(&scratch, node, NodeField.name, count: arena.nodeName(node))
  }

  /// The node of a name, made if there is none; nothing when there is no room.
  mutating func findOrInsert(_ key: borrowing NameKey, now: UInt32) -> Reference? {
    let existing = find(key)
    if !existing.isNone { return existing }
    guard let node = allocate(NodeField.name + key.count, keeping: .none, now: now) else {
      return nil
    }
    let bucket = names.bucket(key.hash)
    arena.store(
      NodeHead(
        chain: names[bucket].rawValue, hash: key.hash, firstSet: 0, newer: 0,
        older: newest.rawValue, nameCount: UInt8(key.count), use: 0, generation: generation), node,
      0)
    arena.store(key.octets, node, NodeField.name)
    names[bucket] = node
    enqueue(node)
    nameCount += 1
    if nameCount * 4 > names.count * 3 { splitBuckets() }
    return node
  }

  /// Buckets that are split together: enough for a dozen names more.
  private static let bucketsAtOnce = 16

  /// Adds buckets to the table of names.
  ///
  /// Their names lie anywhere; read ahead together, the waits for memory overlap.
  private mutating func splitBuckets() {
    var seen: UInt32 = 0
    for index in 0..<Cache.bucketsAtOnce {
      let node = names[names.split(after: index)]
      if !node.isNone { seen ^= arena.load32(node, NodeField.hash) }
    }
    for index in 0..<Cache.bucketsAtOnce {
      let node = names[names.split(after: index)]
      if node.isNone { continue }
      let next = arena.link(node, NodeField.chain)
      if !next.isNone { seen ^= arena.load32(next, NodeField.hash) }
    }
    readAhead ^= seen
    for _ in 0..<Cache.bucketsAtOnce { splitBucket() }
  }

  /// Adds a bucket to the table of names; does nothing when there are as many as there may be.
  mutating func splitBucket() {
    guard let old = names.grow() else { return }
    var node = names[old]
    names[old] = .none
    while !node.isNone {
      let next = arena.link(node, NodeField.chain)
      let bucket = names.bucket(arena.load32(node, NodeField.hash))
      arena.setLink(node, NodeField.chain, names[bucket])
      names[bucket] = node
      node = next
    }
  }

  /// Removes a name and all that is known of it.
  mutating func removeNode(_ node: Reference) {
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let next = arena.link(set, SetField.next)
      releaseSet(set)
      set = next
    }
    let bucket = names.bucket(arena.load32(node, NodeField.hash))
    let chain = arena.link(node, NodeField.chain)
    if names[bucket] == node {
      names[bucket] = chain
    } else {
      var before = names[bucket]
      while arena.link(before, NodeField.chain) != node {
        before = arena.link(before, NodeField.chain)
      }
      arena.setLink(before, NodeField.chain, chain)
    }
    dequeue(node)
    forgetPrefetchCandidate(node)
    arena.free(node)
    nameCount -= 1
  }

  // MARK: RRsets

  /// The RRset of a type, or none; also when its time is over.
  ///
  /// What was fetched with CD and what was not lie beside each other: neither replaces the other.
  ///
  /// - Parameter flags: whether the one is meant that was fetched with CD.
  // Inlined for the same reason as `find`.
  @inline(__always)
  func findSet(_ type: RecordType, at node: Reference, like flags: RRsetFlags = []) -> Reference {
    let unchecked = RRsetFlags.unchecked.rawValue
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      if arena.load16(set, SetField.type) == type.rawValue
        && (arena.load8(set, SetField.flags) ^ flags.rawValue) & unchecked == 0
      {
        return set
      }
      set = arena.link(set, SetField.next)
    }
    return set
  }

  /// Takes an RRset out of its node's list and frees it.
  mutating func removeSet(_ set: Reference, at node: Reference) {
    let next = arena.link(set, SetField.next)
    if arena.link(node, NodeField.firstSet) == set {
      arena.setLink(node, NodeField.firstSet, next)
    } else {
      var before = arena.link(node, NodeField.firstSet)
      while arena.link(before, SetField.next) != set {
        before = arena.link(before, SetField.next)
      }
      arena.setLink(before, SetField.next, next)
    }
    releaseSet(set)
  }

  /// Removes some of a node's RRsets, and the node when it has none left.
  ///
  /// - Returns: how many were removed.
  mutating func removeSets(
    at node: Reference, where isMeant: (RRset) -> Bool
  ) -> Int {
    var removed = 0
    var set = arena.link(node, NodeField.firstSet)
    while !set.isNone {
      let next = arena.link(set, SetField.next)
      if isMeant(RRset(set, in: arena)) {
        removeSet(set, at: node)
        removed += 1
      }
      set = next
    }
    if arena.link(node, NodeField.firstSet).isNone { removeNode(node) }
    return removed
  }

  /// Frees an RRset that no list leads to any more, its addresses first.
  private mutating func releaseSet(_ set: Reference) {
    let view = RRset(set, in: arena)
    let entry = RRset.addressEntry(view.type, view.kind)
    if entry > 0 && view.isIndexed {
      for index in 0..<view.count {
        let place = Cache.addressPlace(set, index, entry)
        if view.type == .a {
          addresses4.remove(place, in: &arena)
        } else {
          addresses6.remove(place, in: &arena)
        }
      }
    }
    setCount -= 1
    recordCount -= view.count
    arena.free(set)
  }

  /// Where the entry of an address record lies.
  static func addressPlace(_ set: Reference, _ index: Int, _ entry: Int) -> Reference {
    Reference(rawValue: set.rawValue + UInt32((SetField.data + index * entry) / Arena.unit))
  }

  // MARK: Room

  /// Most names removed to make room for one block.
  ///
  /// Among small blocks a large one may find no place however many go; this bounds the time, and how
  /// much one large RRset can push out.
  private static let evictionsPerBlock = 512

  /// Used names that are spared while room is made for a block, so that its time is bounded.
  private static let sparedPerBlock = 1_024

  /// Gives out a block, removing unused names while there is no room.
  mutating func allocate(_ octets: Int, keeping kept: Reference, now: UInt32) -> Reference? {
    if hasRoom(octets), let block = arena.allocate(octets: octets) { return block }
    var spare = Cache.sparedPerBlock
    for _ in 0..<Cache.evictionsPerBlock {
      guard evict(keeping: kept, sparing: &spare, now: now) else { return nil }
      if hasRoom(octets), let block = arena.allocate(octets: octets) { return block }
    }
    return nil
  }
}
