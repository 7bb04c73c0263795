import DNSWire
import Memory

/// Fills a cache from a snapshot, one block a call, while the cache is already serving.
///
/// A file is treated like data from the network: everything in it is checked, whatever its checksums
/// say. What is in the cache already is never replaced, and nothing lives longer than it would have
/// without the restart, whatever the wall clock did in between. A damaged block costs that block.
public struct SnapshotReader: ~Copyable {
  /// What has been read so far.
  public private(set) var result = Result()

  private var window: SnapshotWindow
  private var expected = SnapshotCounts()
  private var sources = SnapshotSources()
  /// The domains of the file that had routes of their own; a set of them as soon as there are names.
  private var routeNames: [Name] = []
  private var routes = ZoneSet([])
  /// Made from what was read ahead, so that the reading isn't optimised away.
  private var prefetched: UInt32 = 0
  private var totals = Totals()
  private var hasStart = false
  private var isInDamage = false
  private var isFinished = false

  /// Bytes that a buffer must hold, so that every block fits.
  public static let blockSize = SnapshotBlock.size

  /// Damaged places after which the rest of a file is given up.
  ///
  /// Each may cost one block's checksum, so this bounds the time that a file made to be slow takes.
  private static let damageLimit = 4_096

  /// Domains with routes that are taken from a file at most: more than a server can have.
  private static let mostRoutes = 16_384

  /// Buckets that a table grows by for one block, towards what the file is going to bring.
  ///
  /// Many times as many as a block has names, so that tables are large before they are full; few enough
  /// for a small share of a slice. And a short file with a large count grows no large table.
  private static let bucketsPerBlock = 4_096

  private struct Totals: Equatable {
    var blocks: UInt32 = 0
    var entries: UInt32 = 0
    var sets: UInt32 = 0
    var records: UInt32 = 0
  }

  /// What a snapshot was found to be.
  public struct Result: Sendable, Equatable {
    /// Blocks read in full.
    public var blocks = 0
    /// Damaged places.
    public var damaged = 0
    /// Records, and negative entries, that are in the cache now.
    public var restored = 0
    /// Records and negative entries whose time was over.
    public var expired = 0
    /// Records and negative entries that were not taken in: something newer is there, other rules hold, or
    /// there is no room.
    public var refused = 0
    /// When the snapshot was begun, in seconds since 1970; 0 while unknown.
    public var created: UInt32 = 0
    /// Whether all of it was there, undamaged, to the totals at its end.
    public var isComplete = false
    /// The version of a file that this program can't read; its content was left alone.
    public var unknownVersion: UInt8?
    /// The file doesn't begin like a snapshot at all.
    public var notASnapshot = false
  }

  /// What became of the bytes of one call.
  public struct Progress: Sendable {
    /// Bytes that were used up; the next call's bytes begin behind them.
    public var consumed: Int
    /// Whether there is nothing more to be read, wherever the file ends.
    public var isFinished: Bool
  }

  /// Begins a file.
  ///
  /// - Parameter seed: the cache's.
  public init(seed: HashSeed) {
    window = SnapshotWindow(seed: seed)
  }

  /// Reads the next block into a cache.
  ///
  /// One call is one slice of work, below a millisecond. With ``blockSize`` bytes, or at the end,
  /// each call uses some up or is the last.
  ///
  /// - Parameters:
  ///   - bytes: the file from the first byte not used up; at most ``blockSize`` of them are needed.
  ///   - isEnd: no more bytes follow these.
  ///   - wallClock: seconds since 1970, now.
  ///   - now: the time on the cache's clock in seconds.
  ///   - isGood: whether the data of a name is still good which came while the name took its route by a domain;
  ///     both in wire form, lower-cased, the domain empty for the default route.
  public mutating func read(
    _ bytes: Span<UInt8>, isEnd: Bool, into cache: inout Cache, wallClock: Int64, now: UInt32,
    where isGood: (_ name: Span<UInt8>, _ domain: Span<UInt8>) -> Bool
  ) -> Progress {
    if isFinished { return Progress(consumed: 0, isFinished: true) }
    if bytes.isEmpty { return Progress(consumed: 0, isFinished: finish(isEnd)) }
    let block: SnapshotBlock
    do throws(SnapshotBlock.Fault) {
      block = try SnapshotBlock(bytes)
    } catch {
      switch error {
      case .cut:
        if !isEnd && bytes.count < SnapshotBlock.size {
          return Progress(consumed: 0, isFinished: false)
        }
      case .otherVersion:
        // The first frame decides; in the middle of a file it is damage.
        if result.blocks == 0 && result.damaged == 0 {
          result.unknownVersion = bytes[8]
          return Progress(consumed: 0, isFinished: finish(true))
        }
      case .damaged: break
      }
      return skip(bytes, isEnd: isEnd)
    }
    isInDamage = false
    let size = SnapshotBlock.frame + block.payloadCount
    let clock = Clock(block, wallClock: wallClock, now: now)
    if read(block, bytes.extracting(SnapshotBlock.frame..<size), into: &cache, clock, isGood) {
      result.blocks += 1
      if result.created == 0 { result.created = block.created }
    } else {
      result.damaged += 1
    }
    return Progress(consumed: size, isFinished: isFinished || finish(isEnd && size == bytes.count))
  }

  private mutating func finish(_ isOver: Bool) -> Bool {
    if isOver { isFinished = true }
    return isOver
  }

  /// Looks for the next frame behind what isn't one.
  private mutating func skip(_ bytes: Span<UInt8>, isEnd: Bool) -> Progress {
    let hadFrames = result.blocks > 0 || result.damaged > 0
    if !isInDamage || bytes.count >= 8 && bytes.load64(0) == SnapshotBlock.magic {
      result.damaged += 1
      isInDamage = true
    }
    if result.damaged >= SnapshotReader.damageLimit {
      return Progress(consumed: bytes.count, isFinished: finish(true))
    }
    var position = 1
    while position + 8 <= bytes.count {
      if bytes[position] == SnapshotBlock.magicFirst
        && bytes.load64(position) == SnapshotBlock.magic
      {
        return Progress(consumed: position, isFinished: false)
      }
      position += 1
    }
    if !hadFrames && (isEnd || bytes.count >= SnapshotBlock.size)
      && !SnapshotReader.beginsWithMagic(bytes)
    {
      result.notASnapshot = true
      result.damaged = 0
      return Progress(consumed: bytes.count, isFinished: finish(true))
    }
    if isEnd { return Progress(consumed: bytes.count, isFinished: finish(true)) }
    return Progress(consumed: max(bytes.count - 7, 0), isFinished: false)
  }

  private static func beginsWithMagic(_ bytes: Span<UInt8>) -> Bool {
    for index in 0..<min(8, bytes.count)
    where bytes[index] != UInt8(truncatingIfNeeded: SnapshotBlock.magic >> UInt64(index * 8)) {
      return false
    }
    return true
  }

  // MARK: Blocks

  /// Reads a block whose checksum is right.
  private mutating func read(
    _ block: SnapshotBlock, _ payload: Span<UInt8>, into cache: inout Cache, _ clock: Clock,
    _ isGood: (Span<UInt8>, Span<UInt8>) -> Bool
  ) -> Bool {
    switch block.kind {
    case .start:
      guard payload.count == 4 + SnapshotCounts.size, block.entryCount == 0,
        payload.load32(0) == UInt32(SnapshotBlock.size)
      else { return false }
      // Only at the beginning: a table that is full already takes long to grow.
      if !hasStart && result.blocks == 0 && result.damaged == 0 {
        expected = SnapshotCounts(
          names: payload.load32(4), addresses4: payload.load32(8), addresses6: payload.load32(12))
      }
      hasStart = true
      return true
    case .routes:
      return readRoutes(payload, count: block.entryCount)
    case .names:
      totals.blocks &+= 1
      // Looking up in the set is cheap, making it isn't.
      if routes.count < routeNames.count { routes = ZoneSet(routeNames) }
      cache.grow(towards: expected, buckets: SnapshotReader.bucketsPerBlock)
      let entriesEnd = payload.count - block.sourceCount * SnapshotSources.size
      guard sources.read(payload.extracting(entriesEnd..<payload.count), into: &cache) else {
        return false
      }
      let payload = payload.extracting(0..<entriesEnd)
      var position = 0
      var remaining = block.entryCount
      while remaining > 0 {
        window.fill(payload, at: position, most: remaining)
        prefetched ^= window.prefetchMemory(in: cache)
        // A block with impossible entries ends at the first; each takes at least a few bytes.
        guard window.count > 0 else { return false }
        for index in 0..<window.count {
          guard let next = entry(index, payload, into: &cache, clock, isGood) else { return false }
          position = next
        }
        remaining -= window.count
      }
      return position == payload.count
    case .end:
      guard payload.count == 16, block.entryCount == 0 else { return false }
      let expected = Totals(
        blocks: payload.load32(0), entries: payload.load32(4), sets: payload.load32(8),
        records: payload.load32(12))
      result.isComplete = result.damaged == 0 && hasStart && totals == expected
      isFinished = true
      return true
    }
  }

  /// Takes the domains that had routes.
  ///
  /// Before all names, so that a set is made of them once, and in order, so that none is in it twice: else
  /// a file made to be slow could hold up the loop.
  private mutating func readRoutes(_ payload: Span<UInt8>, count: Int) -> Bool {
    guard totals.blocks == 0 else { return false }
    var position = 0
    for _ in 0..<count {
      guard routeNames.count < SnapshotReader.mostRoutes,
        let end = try? WireName.endOfPlain(payload, at: position),
        let name = try? Name(wire: payload.extracting(position..<end)).lowercased,
        routeNames.last.map({ $0.wire.lexicographicallyPrecedes(name.wire) }) ?? true
      else { return false }
      routeNames.append(name)
      position = end
    }
    return position == payload.count
  }

  /// Takes in what is known of a name of the window.
  ///
  /// - Returns: the offset behind it; nothing when it is impossible.
  private mutating func entry(
    _ index: Int, _ payload: Span<UInt8>, into cache: inout Cache, _ clock: Clock,
    _ isGood: (Span<UInt8>, Span<UInt8>) -> Bool
  ) -> Int? {
    totals.entries &+= 1
    let isKept = isKept(window.keys[index].octets, isGood)
    var position = window.entries[index].sets
    for _ in 0..<window.entries[index].setCount {
      guard let set = SnapshotSet(payload, at: position) else { return nil }
      let begin = position + set.fieldCount
      let signatures = begin + set.dataCount
      let proof = signatures + set.signatureCount
      let data = payload.extracting(begin..<signatures)
      let dnssecRecords = DNSSECRecords(
        signatures: payload.extracting(signatures..<proof),
        proof: payload.extracting(proof..<proof + set.proofCount))
      guard set.isWellFormed(data, owner: window.keys[index].octets),
        set.isWellFormed(dnssecRecords)
      else { return nil }
      guard let source = sources.source(set.source) else { return nil }
      restore(set, source, data, dnssecRecords, of: index, isKept: isKept, into: &cache, clock)
      position += set.totalCount
    }
    return position
  }

  /// Whether the data of a name is still good, by the route that it took in the file.
  private func isKept(
    _ name: Span<UInt8>, _ isGood: (Span<UInt8>, Span<UInt8>) -> Bool
  ) -> Bool {
    guard let route = routes.zone(of: name) else { return isGood(name, Span()) }
    return isGood(name, routes.name(route))
  }

  private mutating func restore(
    _ set: SnapshotSet, _ source: UInt8, _ data: Span<UInt8>, _ dnssecRecords: DNSSECRecords,
    of index: Int, isKept isNameKept: Bool, into cache: inout Cache, _ clock: Clock
  ) {
    totals.sets &+= 1
    totals.records &+= UInt32(set.count)
    let weight = max(set.count, 1)
    guard isNameKept else {
      result.refused += weight
      return
    }
    let longest =
      set.kind == .records ? cache.limits.maximumTTL : cache.limits.maximumNegativeTTL
    let ttl = min(set.ttl, longest)
    let remaining = min(clock.remaining(until: set.expiry), Int64(ttl))
    // What is stale has less than nothing left.
    let expiry = Int64(clock.now) + remaining
    let isKept =
      remaining > 0
      || expiry > Int64(cache.staleHorizon(clock.now)) && set.rank.answersQuestions
    guard ttl > 0, isKept else {
      result.expired += weight
      return
    }
    let isRestored = cache.restore(
      owner: window.keys[index], set, source: source, ttl: ttl, expiry: UInt32(clamping: expiry),
      data: data, dnssecRecords: dnssecRecords, isUsed: window.entries[index].isUsed, now: clock.now
    )
    if isRestored { result.restored += weight } else { result.refused += weight }
  }

  /// The two clocks, and the wall clock's reading when the snapshot was begun.
  private struct Clock {
    let created: Int64
    let wallClock: Int64
    let now: UInt32

    init(_ block: SnapshotBlock, wallClock: Int64, now: UInt32) {
      created = Int64(block.created)
      // A clock that stands before the snapshot's beginning has been set back.
      self.wallClock = max(wallClock, created)
      self.now = now
    }

    /// Seconds that data has left; below zero when its time is over.
    func remaining(until expiry: UInt32) -> Int64 {
      // `wallClock` is at least `created`, which bounds what is left by what was left then.
      Int64(expiry) - wallClock
    }
  }
}
