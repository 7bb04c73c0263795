import DNSWire
import Memory

@testable import DNSCache

/// A cache with clocks that a test turns by hand, and words for what tests do with it.
final class Lab {
  var cache: Cache
  /// What names are hashed with; to be read while the cache is being changed.
  private let seed = HashSeed(0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3211)
  /// The cache's clock.
  var now: UInt32
  /// The number of the server that what is inserted came from.
  var source: UInt8 = 0
  /// What may not be kept of the last reply, and of those before.
  private var overlay = Overlay.none
  private var held = HeldOverlays()
  /// Whether the data of a name is good by the rules, if that is yet to be judged.
  var isGood: (String) -> Bool = { _ in true }
  /// Seconds since 1970.
  var wallClock: Int64 = 1_800_000_000

  init(
    octets: Int = 1 << 22, now: UInt32 = 1_000, _ change: (inout CacheLimits) -> Void = { _ in }
  ) {
    var limits = CacheLimits(octets: octets)
    change(&limits)
    cache = Cache(limits: limits, seed: seed)
    self.now = now
  }

  func pass(_ seconds: UInt32) {
    now += seconds
    wallClock += Int64(seconds)
  }

  func key(_ name: String) -> NameKey { key(wire: wire(name)) }

  func key(wire: [UInt8]) -> NameKey {
    var key = NameKey(seed: seed)
    key.load(trusted: wire.span)
    return key
  }

  func wire(_ name: String) -> [UInt8] {
    do { return try Name(name).wire } catch { fatalError("\(name): \(error)") }
  }

  /// Whether something stale is known of a name.
  func hasStale(_ name: String) -> Bool { cache.hasStale(key(name), now: now) }

  /// Lets a whole sweep pass.
  func sweep() { while !cache.sweep(names: 100, now: now) {} }

  func openCursor() -> Cache.Cursor? { cache.openCursor() }

  // MARK: Taking in

  /// Takes in records of one owner and type.
  @discardableResult
  func insert(
    _ lines: [String], rank: Rank = .authoritativeAnswer,
    section: RecordView.Section = .answer, flags: RRsetFlags = [], signatures: [String] = [],
    proof: [String] = []
  ) -> Cache.Insertion {
    let records = lines.map { line in
      do { return try Record(line) } catch { fatalError("\(line): \(error)") }
    }
    return insert(
      wire: records[0].name.wire, records[0].type, ttl: records[0].ttl,
      records.map(\.rdata), rank: rank, section: section, flags: flags, signatures: signatures,
      proof: proof)
  }

  @discardableResult
  func insert(
    _ line: String, rank: Rank = .authoritativeAnswer, section: RecordView.Section = .answer,
    flags: RRsetFlags = [], signatures: [String] = [], proof: [String] = []
  ) -> Cache.Insertion {
    insert(
      [line], rank: rank, section: section, flags: flags, signatures: signatures, proof: proof)
  }

  @discardableResult
  func insert(
    wire: [UInt8], _ type: RecordType, ttl: UInt32, _ rdata: [[UInt8]],
    rank: Rank = .authoritativeAnswer, section: RecordView.Section = .answer,
    flags: RRsetFlags = [], signatures: [String] = [], proof: [String] = []
  ) -> Cache.Insertion {
    let data = rdata.flatMap { counted($0) }
    let signatures = self.signatures(signatures)
    let proof = self.proof(proof)
    return reply {
      $0.insert(
        owner: key(wire: wire), type: type, ttl: ttl, records: data.span,
        dnssecRecords: DNSSECRecords(signatures: signatures.span, proof: proof.span),
        from: Origin(rank: rank, section: section, flags: flags, source: source), now: now)
    }
  }

  /// Takes in what a reply brings; what may not be kept of it is held until ``dropOverlays()``.
  func reply(_ body: (inout Cache) -> Cache.Insertion) -> Cache.Insertion {
    cache.beginStoring()
    let result = body(&cache)
    let brought = cache.endStoring()
    if brought != .none {
      cache.hold(overlay, in: &held)
      overlay = brought
    }
    return result
  }

  /// Releases what may not be kept.
  func dropOverlays() {
    cache.release(overlay)
    cache.release(held)
    overlay = .none
    held = HeldOverlays()
  }

  private func record(_ line: String) -> Record {
    do { return try Record(line) } catch { fatalError("\(line): \(error)") }
  }

  private func counted(_ octets: [UInt8]) -> [UInt8] {
    [UInt8(octets.count >> 8), UInt8(octets.count & 0xFF)] + octets
  }

  private func signatures(_ lines: [String]) -> [UInt8] {
    lines.flatMap { counted(record($0).rdata) }
  }

  private func proof(_ lines: [String]) -> [UInt8] {
    lines.map(record).flatMap { record in
      let type = record.type.rawValue
      return record.name.lowercased.wire + [UInt8(type >> 8), UInt8(type & 0xFF)]
        + counted(record.rdata)
    }
  }

  /// Takes in NXDOMAIN or NODATA, with an SOA record in one line or without.
  @discardableResult
  func insertNegative(
    _ name: String, _ type: RecordType?, soa line: String?,
    rank: Rank = .authoritativeAnswer, flags: RRsetFlags = [], signatures: [String] = [],
    proof: [String] = []
  ) -> Cache.Insertion {
    let soa = line.flatMap { try? Record($0) }
    let data = soa?.rdata ?? []
    let signatures = self.signatures(signatures)
    let proof = self.proof(proof)
    return reply {
      $0.insertNegative(
        owner: key(name), type: type,
        soa: soa.map { Cache.NegativeSOA(zoneCount: $0.name.wire.count, ttl: $0.ttl) },
        soaData: data.span,
        dnssecRecords: DNSSECRecords(signatures: signatures.span, proof: proof.span),
        from: Origin(rank: rank, section: .authority, flags: flags, source: source), now: now)
    }
  }

  // MARK: Asking

  /// What came of a question.
  struct Reply {
    enum Outcome: Equatable {
      case written(ResponseCode, truncated: Bool), missing(String), endless, blocked
    }
    var outcome: Outcome
    var isAuthentic: Bool
    var bytes: [UInt8]
    var message: Message

    var answers: [String] { message.answers.map(\.description) }
    var authority: [String] { message.authority.map(\.description) }
    var additional: [String] { message.additional.map(\.description) }
    var isMissing: Bool { if case .missing = outcome { true } else { false } }
  }

  func ask(
    _ name: String, _ type: RecordType, _ queryFlags: QueryFlags = [], limit: Int = 65_535,
    waiting: Bool = false, stale: Bool = false
  ) -> Reply {
    ask(wire: wire(name), type, queryFlags, limit: limit, waiting: waiting, stale: stale)
  }

  func ask(
    wire: [UInt8], _ type: RecordType, _ queryFlags: QueryFlags = [], limit: Int = 65_535,
    waiting: Bool = false, stale: Bool = false
  ) -> Reply {
    var key = key(wire: wire)
    let question =
      wire + [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
    var buffer = [UInt8](repeating: 0xEE, count: 65_535)
    var space = buffer.mutableSpan
    let suffixes = Pinned(SuffixTable())
    defer { suffixes.destroy() }
    var writer = MessageWriter(&space, limit: limit, suffixes: suffixes)
    writer.header(id: 7, questionCount: 1)
    writer.question(question.span)
    let answer = cache.answer(
      &key, type: type, queryFlags: queryFlags, into: &writer,
      overlays: waiting ? OverlayPair(overlay, held: held) : .newQuery, stale: stale, now: now)
    var isAuthentic = false
    var flags = MessageHeader.Flag.response
    let outcome: Reply.Outcome
    switch answer {
    case .written(let rcode, let truncated, let authentic):
      isAuthentic = authentic
      flags |= UInt16(rcode.rawValue) | (truncated ? MessageHeader.Flag.truncated : 0)
      outcome = .written(rcode, truncated: truncated)
    case .missing, .unscreened:
      let octets = key.octets
      outcome = .missing(text((0..<octets.count).map { octets[$0] }))
    case .endless: outcome = .endless
    case .blocked: outcome = .blocked
    }
    let count = writer.finish(flags: flags)
    let bytes = Array(buffer[..<count])
    do {
      return Reply(
        outcome: outcome, isAuthentic: isAuthentic, bytes: bytes,
        message: try Message(parsing: bytes))
    } catch {
      fatalError("an answer that can't be read: \(error) \(bytes)")
    }
  }

  /// Where a name's aliases end, and with which name, for who writes nothing.
  func follow(
    _ name: String, _ type: RecordType, _ queryFlags: QueryFlags = [], waiting: Bool = false
  ) -> (end: Cache.ChainEnd, name: String) {
    var key = key(name)
    let overlays = waiting ? OverlayPair(overlay, held: held) : OverlayPair()
    let end = cache.follow(
      &key, type: type, queryFlags: queryFlags, overlays: overlays, now: now
    ) { [isGood] name, _ in isGood(Lab.text(name)) }
    let octets = key.octets
    return (end, text((0..<octets.count).map { octets[$0] }))
  }

  static func text(_ wire: Span<UInt8>) -> String {
    (try? Name(wire: wire))?.description ?? "?"
  }

  private func text(_ wire: [UInt8]) -> String {
    (try? Name(wire: wire))?.description ?? "?"
  }

  /// The names known for an address, sorted.
  func names(for address: String) -> [String] {
    guard let address = IPAddress(address) else { fatalError(address) }
    var names: [String] = []
    cache.visitNames(high: address.high, low: address.low, isIPv4: address.isIPv4, now: now) {
      octets in
      names.append(text((0..<octets.count).map { octets[$0] }))
      return true
    }
    return names.sorted()
  }

  /// All that is known and in force, a line for each RRset and negative entry, in no order that matters.
  func contents() -> [String] {
    guard let cursor = cache.openCursor() else { fatalError("no cursor") }
    defer { cache.closeCursor(cursor) }
    var lines: [String] = []
    var found: [(String, RRset)] = []
    var name = ""
    while !cache.walk(
      cursor, names: 100, now: now,
      name: { octets in
        name = text((0..<octets.count).map { octets[$0] })
        return true
      }, { found.append((name, $0)) })
    {}
    for (name, set) in found {
      var data: [[UInt8]] = []
      cache.visitRecords(of: set) { octets in data.append((0..<octets.count).map { octets[$0] }) }
      let zone = cache.zoneOffset(of: set).map { " zone \($0)" } ?? ""
      cache.visitSignatures(of: set) { octets in data.append((0..<octets.count).map { octets[$0] })
      }
      cache.visitProof(of: set) { owner, type, octets in
        data.append((0..<owner.count).map { owner[$0] } + [UInt8(type.rawValue)])
        data.append((0..<octets.count).map { octets[$0] })
      }
      lines.append(
        "\(name) \(set.expiry - now)/\(set.ttl) \(set.type) \(set.kind) \(set.rank.word) "
          + "\(set.section) \(set.count) \(set.flags)\(zone) \(data) "
          + (cache.source(set.source).map { "\($0.address) \($0.port)" } ?? "unknown"))
    }
    return lines.sorted()
  }

  // MARK: Snapshots

  func snapshot(routes: [String] = []) -> [UInt8] {
    snapshotBlocks(routes: routes).flatMap { $0 }
  }

  func snapshotBlocks(routes: [String] = []) -> [[UInt8]] {
    guard let cursor = cache.openCursor() else { fatalError("no cursor") }
    defer { cache.closeCursor(cursor) }
    var writer = SnapshotWriter(
      wallClock: wallClock, now: now, routes: routes.compactMap { try? Name($0) })
    var buffer = [UInt8](repeating: 0, count: SnapshotWriter.blockSize)
    var blocks: [[UInt8]] = []
    while true {
      var span = buffer.mutableSpan
      let count = writer.nextBlock(from: &cache, cursor: cursor, into: &span) { [isGood] name, _ in
        isGood(Lab.text(name))
      }
      if count == 0 { return blocks }
      blocks.append(Array(buffer[..<count]))
    }
  }

  /// Reads a file as the server does: at most a block at a time.
  ///
  /// - Parameter isGood: whether the data of a name is good that came by a route's domain; `.` is that of
  ///   no route.
  @discardableResult
  func restore(
    _ file: [UInt8], where isGood: (_ name: String, _ domain: String) -> Bool = { _, _ in true }
  ) -> SnapshotReader.Result {
    var reader = SnapshotReader(seed: seed)
    var position = 0
    var calls = 0
    while true {
      let end = min(position + SnapshotReader.blockSize, file.count)
      let progress = reader.read(
        file.span.extracting(position..<end), isEnd: end == file.count, into: &cache,
        wallClock: wallClock, now: now
      ) { name, domain in isGood(Lab.text(name), domain.isEmpty ? "." : Lab.text(domain)) }
      position += progress.consumed
      calls += 1
      precondition(calls <= file.count + 2, "each call makes progress")
      if progress.isFinished { return reader.result }
      precondition(progress.consumed > 0, "each call makes progress")
    }
  }
}
