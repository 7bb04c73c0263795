import DNSCache
import DNSWire
import Memory

/// A cache of names that all look alike, and the questions for them.
///
/// Name number 42 is `n000042.example.net.` with one A record; its address is its number.
struct Names: ~Copyable {
  var cache: Cache
  let count: Int
  /// Where answers and blocks are written; a handle, so that a view of it is no view of self.
  private let buffer = Pinned(FixedArray<UInt8>(repeating: 0, count: SnapshotReader.blockSize))
  /// A key to fill again and again.
  var key: NameKey

  /// Seconds on the cache's clock, and since 1970.
  static let now: UInt32 = 1_000
  static let wallClock: Int64 = 1_800_000_000
  static let ttl: UInt32 = 3_600

  private static let seed = HashSeed(0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3211)

  /// An empty cache, for so many names, or for as many as fit in so many octets.
  init(for count: Int, octets: Int = 1 << 28) {
    self.count = count
    cache = Cache(limits: CacheLimits(octets: octets), seed: Names.seed)
    key = NameKey(seed: Names.seed)
  }

  deinit { buffer.destroy() }

  /// A cache that has the names already.
  init(filled count: Int) {
    self.init(for: count)
    for number in 0..<count { insert(number) }
  }

  /// A query for a name: header, question, OPT.
  static func query(_ number: Int) -> [UInt8] {
    [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1] + wire(number) + [0, 1, 0, 1]
      + [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]
  }

  /// A name in wire form.
  static func wire(_ number: Int) -> [UInt8] {
    var digits = [UInt8](repeating: 0x30, count: 6)
    var rest = number
    for index in digits.indices.reversed() {
      digits[index] += UInt8(rest % 10)
      rest /= 10
    }
    return [7, 0x6E] + digits + [7] + "example".utf8 + [3] + "net".utf8 + [0]
  }

  mutating func insert(_ number: Int) {
    key.load(trusted: Names.wire(number).span)
    let record: InlineArray<6, UInt8> = [
      0, 4, 10, UInt8(number >> 16), UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF),
    ]
    _ = cache.insert(
      owner: key, type: .a, ttl: Names.ttl, records: record.span,
      from: Origin(rank: .answer, section: .answer), now: Names.now)
  }

  /// Answers a query, as the server does with a hit; gives the octets written.
  mutating func answer(_ packet: Span<UInt8>) -> Int {
    guard let query = try? Query(packet, key: &key) else { return 0 }
    let buffer = buffer
    var target = buffer.value.mutableSpan
    var writer = MessageWriter(&target, limit: 1_232)
    writer.header(id: query.header.id, questionCount: 1)
    writer.question(packet.extracting(MessageHeader.size..<query.questionEnd))
    _ = cache.answer(&key, type: query.type, into: &writer, overlays: .newQuery, now: Names.now)
    return writer.finish(flags: MessageHeader.Flag.response)
  }

  /// Encodes all of the cache; gives each block to the body.
  mutating func encode(_ body: (Span<UInt8>) -> Void) {
    guard let cursor = cache.openCursor() else { return }
    let buffer = buffer
    var writer = SnapshotWriter(wallClock: Names.wallClock, now: Names.now)
    while true {
      var target = buffer.value.mutableSpan
      let octets = writer.nextBlock(from: &cache, cursor: cursor, into: &target)
      if octets == 0 { break }
      body(buffer.value.span.extracting(0..<octets))
    }
    cache.closeCursor(cursor)
  }

  /// Takes a whole snapshot in; gives whether all of it was there.
  mutating func read(_ file: [UInt8]) -> Bool {
    var reader = SnapshotReader(seed: cache.seed)
    var position = 0
    while true {
      let end = min(position + SnapshotReader.blockSize, file.count)
      let progress = reader.read(
        file.span.extracting(position..<end), isEnd: end == file.count, into: &cache,
        wallClock: Names.wallClock, now: Names.now)
      position += progress.consumed
      if progress.isFinished { return reader.result.isComplete }
    }
  }
}

/// Queries for names at random, one behind the other, all of the same length.
struct Queries {
  let octets: [UInt8]
  let size: Int
  /// A power of two.
  static let count = 4_096

  /// - Parameter names: how many names there are.
  init(of names: Int) {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    var all: [UInt8] = []
    for _ in 0..<Queries.count {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      all += Names.query(Int(state % UInt64(names)))
    }
    octets = all
    size = all.count / Queries.count
  }

  /// The query of a number, beginning again behind the last one.
  func with<Result>(_ number: Int, _ body: (Span<UInt8>) -> Result) -> Result {
    let start = (number & (Queries.count - 1)) * size
    return body(octets.span.extracting(start..<start + size))
  }
}
