import DNSWire
import Memory

/// Encodes a cache, one block a call, so that serving goes on between blocks.
///
/// Names come oldest first, so that reading them again restores the order of eviction. What expires
/// during the writing is written still; what comes in during the writing is
/// written, too. The format is described in docs/snapshot.md.
public struct SnapshotWriter: ~Copyable {
  private let created: UInt32
  private let now: UInt32
  private var state = State.start
  private var blocks: UInt32 = 0
  private var entries: UInt32 = 0
  private var sets: UInt32 = 0
  private var records: UInt32 = 0
  /// The node that the last block ended in the middle of, its last RRset written, and how often so.
  private var partNode = Reference.none
  private var partType: UInt16 = 0
  private var partMarks: RRsetFlags = []
  private var partCount = 0
  private var sources = SnapshotSources()

  /// RRsets left out because one block can't hold them.
  public private(set) var skippedSets = 0

  private enum State { case start, routes, names, end, finished }
  /// The domains that have routes, in order, and how many of them are written.
  private let routes: [Name]
  private var routesWritten = 0

  /// Bytes that the buffer for a block must have.
  public static let blockSize = SnapshotBlock.size

  /// Bytes after which a block gets no other name: reading one is a slice of work, too, and takes
  /// about a microsecond a name.
  private static let blockFill = 8_192

  /// Bytes of a block that entries may take: the servers' addresses come behind them.
  private static let entriesEnd = SnapshotBlock.size - SnapshotSources.most

  /// Names looked at for one block, so that a stretch of expired ones costs bounded time.
  private static let namesPerBlock = 2_048

  /// Begins a snapshot.
  ///
  /// - Parameters:
  ///   - wallClock: seconds since 1970; times after 2106-02-07 can't be written and count as that day.
  ///   - now: the same moment on the cache's clock, in seconds.
  ///   - routes: the domains whose names take routes of their own. While the snapshot is written they have to
  ///     stay, or it has to be begun anew.
  public init(wallClock: Int64, now: UInt32, routes: [Name] = []) {
    created = UInt32(clamping: wallClock)
    self.now = now
    self.routes = Set(routes.map(\.lowercased)).sorted {
      $0.wire.lexicographicallyPrecedes($1.wire)
    }
  }

  /// Encodes the next block: first the start, then routes, then names, last the totals.
  ///
  /// One call is one slice of work, well below a millisecond.
  ///
  /// - Parameters:
  ///   - cursor: opened for this snapshot by the caller, who closes it afterwards.
  ///   - buffer: at least ``blockSize`` bytes; the block begins at its start.
  ///   - isGood: whether the data of a name is still good, if that is yet to be judged (``Cache/hasUnjudged``).
  /// - Returns: bytes of the block; 0 when the snapshot is complete.
  public mutating func nextBlock(
    from cache: inout Cache, cursor: Cache.Cursor, into buffer: inout MutableSpan<UInt8>,
    judgedBy isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> Int {
    // UNREACHABLE: the caller's buffer has blockSize bytes.
    precondition(buffer.count >= SnapshotBlock.size)
    switch state {
    case .start:
      state = routes.isEmpty ? .names : .routes
      let counts = cache.counts
      let payload = SnapshotBlock.frame
      buffer.store32(UInt32(SnapshotBlock.size), payload)
      buffer.store32(counts.names, payload + 4)
      buffer.store32(counts.addresses4, payload + 8)
      buffer.store32(counts.addresses6, payload + 12)
      return finish(
        .start, end: payload + 4 + SnapshotCounts.size, entries: 0, in: &buffer)
    case .routes:
      let size = routesBlock(into: &buffer)
      if routesWritten == routes.count { state = .names }
      return size
    case .names:
      let size = namesBlock(from: &cache, cursor: cursor, into: &buffer, isGood)
      if cache.place(cursor).isNone { state = .end }
      return size
    case .end:
      state = .finished
      buffer.store32(blocks, SnapshotBlock.frame)
      buffer.store32(entries, SnapshotBlock.frame + 4)
      buffer.store32(sets, SnapshotBlock.frame + 8)
      buffer.store32(records, SnapshotBlock.frame + 12)
      return finish(.end, end: SnapshotBlock.frame + 16, entries: 0, in: &buffer)
    case .finished:
      return 0
    }
  }

  private func finish(
    _ kind: SnapshotBlock.Kind, end: Int, entries: Int, sources: Int = 0,
    in buffer: inout MutableSpan<UInt8>
  ) -> Int {
    let block = SnapshotBlock(
      kind: kind, payloadCount: end - SnapshotBlock.frame, entryCount: entries, created: created,
      sourceCount: sources)
    block.write(to: &buffer)
    return end
  }

  private mutating func routesBlock(into buffer: inout MutableSpan<UInt8>) -> Int {
    var position = SnapshotBlock.frame
    var count = 0
    while routesWritten < routes.count {
      let wire = routes[routesWritten].wire
      guard position + wire.count <= SnapshotWriter.blockFill else { break }
      buffer.store(wire.span, position)
      position += wire.count
      routesWritten += 1
      count += 1
    }
    return finish(.routes, end: position, entries: count, in: &buffer)
  }

  // MARK: Names

  private mutating func namesBlock(
    from cache: inout Cache, cursor: Cache.Cursor, into buffer: inout MutableSpan<UInt8>,
    _ isGood: (Span<UInt8>, UInt16) -> Bool
  ) -> Int {
    var position = SnapshotBlock.frame
    var entryCount = 0
    sources.removeAll()
    var node = cache.place(cursor)
    for _ in 0..<SnapshotWriter.namesPerBlock {
      if node.isNone { break }
      if cache.hasUnjudged && !cache.isJudged(node) {
        let newer = cache.arena.link(node, NodeField.newer)
        cache.loadScratch(node)
        guard cache.judge(node, isGood(cache.scratch.octets, cache.madeBy(node))) else {
          node = newer
          continue
        }
      }
      let start = position
      let isWhole = entry(node, of: cache, at: &position, into: &buffer)
      if position > start { entryCount += 1 }
      guard isWhole else { break }
      node = cache.arena.link(node, NodeField.newer)
      if position >= SnapshotWriter.blockFill { break }
    }
    cache.move(cursor, to: node)
    blocks &+= 1
    entries &+= UInt32(entryCount)
    position = sources.write(cache.sources, to: &buffer, at: position)
    return finish(
      .names, end: position, entries: entryCount, sources: sources.count, in: &buffer)
  }

  /// Writes a name and as many of its RRsets as fit; nothing when there is none to write.
  ///
  /// - Returns: false when the block is full and the name must be gone on with in the next one.
  private mutating func entry(
    _ node: Reference, of cache: borrowing Cache, at position: inout Int,
    into buffer: inout MutableSpan<UInt8>
  ) -> Bool {
    let begin = position
    let nameCount = cache.arena.nodeName(node)
    guard begin + nameCount + 1 <= SnapshotWriter.entriesEnd else { return false }
    var set = firstSet(node, of: cache)
    var written: UInt8 = 0
    var end = begin + nameCount + 1
    while !set.isNone {
      let view = RRset(set, in: cache.arena)
      if isWanted(view, in: cache) {
        let dataCount = SnapshotWriter.dataCount(view)
        let dnssecRecords = dnssecRecordsPlace(view, of: cache)
        let dnssecRecordsCount =
          dnssecRecords.map { SnapshotSet.dnssecRecordsSize + $0.end - $0.signatures } ?? 0
        if end + SnapshotSet.size + 1 + dataCount + dnssecRecordsCount > SnapshotWriter.entriesEnd {
          if begin > SnapshotBlock.frame || written > 0 {
            close(node, of: cache, begin, written, at: &position, end: end, into: &buffer)
            return false
          }
          skippedSets += 1
        } else {
          put(view, dataCount, dnssecRecords, of: cache, at: &end, into: &buffer)
          written += 1
          partNode = node
          partType = view.type.rawValue
          partMarks = view.flags
        }
      }
      set = cache.arena.link(set, SetField.next)
    }
    close(node, of: cache, begin, written, at: &position, end: end, into: &buffer)
    partNode = .none
    partCount = 0
    return true
  }

  /// The RRset to begin with: behind the last one written when the name is gone on with.
  ///
  /// What came in since stands before it and waits for the next snapshot. When that RRset is gone the
  /// name is begun again, which is harmless and, so that this ends, not done forever.
  private mutating func firstSet(_ node: Reference, of cache: borrowing Cache) -> Reference {
    guard partNode == node else { return cache.arena.link(node, NodeField.firstSet) }
    partCount += 1
    guard partCount <= Cache.setsPerName else { return .none }
    let last = cache.findSet(RecordType(rawValue: partType), at: node, like: partMarks)
    return last.isNone
      ? cache.arena.link(node, NodeField.firstSet) : cache.arena.link(last, SetField.next)
  }

  /// What is stale is written, too: a restart doesn't end an outage.
  private func isWanted(_ view: RRset, in cache: borrowing Cache) -> Bool {
    cache.isKept(view, now: now)
  }

  private mutating func close(
    _ node: Reference, of cache: borrowing Cache, _ begin: Int, _ written: UInt8,
    at position: inout Int, end: Int, into buffer: inout MutableSpan<UInt8>
  ) {
    guard written > 0 else { return }
    let nameCount = cache.arena.nodeName(node)
    buffer.store(cache.arena.octets(node, NodeField.name, count: nameCount), begin)
    let isUsed = cache.arena.load8(node, NodeField.use) & NodeUse.sinceHand != 0
    buffer[begin + nameCount] = written | (isUsed ? 0x80 : 0)
    position = end
  }

  /// Bytes that the data of an RRset take in a block.
  private static func dataCount(_ view: RRset) -> Int {
    let entry = RRset.addressEntry(view.type, view.kind)
    return entry > 0 ? view.count * (entry - AddressField.address + 2) : view.dataCount
  }

  private func dnssecRecordsPlace(
    _ view: RRset, of cache: borrowing Cache
  ) -> Cache.DNSSECRecordsPlace? {
    view.flags.contains(.hasDNSSECRecords)
      ? Cache.DNSSECRecordsPlace(view.reference, in: cache.arena) : nil
  }

  private mutating func put(
    _ view: RRset, _ dataCount: Int, _ dnssecRecords: Cache.DNSSECRecordsPlace?,
    of cache: borrowing Cache,
    at end: inout Int,
    into buffer: inout MutableSpan<UInt8>
  ) {
    buffer.store16(view.type.rawValue, end)
    let source = sources.number(of: view.source)
    buffer[end + 2] =
      view.kind.rawValue | view.rank.rawValue << 2 | view.section.rawValue << 5
      | (source > 0 ? SnapshotSet.sourceFollows : 0)
    buffer.store32(view.ttl, end + 3)
    let expiry = Int64(created) + Int64(view.expiry) - Int64(now)
    buffer.store32(UInt32(clamping: expiry), end + 7)
    buffer.store16(UInt16(view.count), end + 11)
    buffer.store16(UInt16(dataCount), end + 13)
    buffer[end + 15] = view.flags.rawValue
    end += SnapshotSet.size
    if source > 0 {
      buffer[end] = source
      end += 1
    }
    if let dnssecRecords {
      buffer.store16(UInt16(dnssecRecords.proof - dnssecRecords.signatures), end)
      buffer.store16(UInt16(dnssecRecords.end - dnssecRecords.proof), end + 2)
      end += SnapshotSet.dnssecRecordsSize
    }
    let entry = RRset.addressEntry(view.type, view.kind)
    if entry > 0 {
      let width = entry - AddressField.address
      for index in 0..<view.count {
        buffer.store16(UInt16(width), end)
        let place = Cache.addressPlace(view.reference, index, entry)
        buffer.store(cache.arena.octets(place, AddressField.address, count: width), end + 2)
        end += 2 + width
      }
    } else {
      buffer.store(
        cache.arena.octets(view.reference, SetField.data, count: dataCount), end)
      end += dataCount
    }
    if let dnssecRecords {
      let count = dnssecRecords.end - dnssecRecords.signatures
      buffer.store(
        cache.arena.octets(view.reference, dnssecRecords.signatures, count: count), end)
      end += count
    }
    sets &+= 1
    records &+= UInt32(view.count)
  }
}
