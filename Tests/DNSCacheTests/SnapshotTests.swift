import DNSCache
import DNSWire
import Randomness
import Testing

@Suite("Snapshots (docs/snapshot.md)")
struct SnapshotTests {
  static let soa =
    "example.net. 900 IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 600"

  static func filled() -> Lab {
    let lab = Lab()
    lab.insert(["a.example.net. 300 A 192.0.2.1", "a.example.net. 300 A 192.0.2.2"])
    lab.insert("a.example.net. 600 AAAA 2001:db8::1", rank: .answer)
    lab.insert("www.example.net. 60 CNAME a.example.net.")
    lab.insert("example.net. 3600 MX 10 mail.example.net.")
    lab.insert("example.net. 3600 NS ns.example.net.", rank: .authority, section: .authority)
    lab.insert("ns.example.net. 3600 A 192.0.2.53", rank: .additional, section: .additional)
    lab.insertNegative("none.example.net.", nil, soa: soa)
    lab.insertNegative("a.example.net.", .txt, soa: soa)
    return lab
  }

  /// Another cache, started again at the same moment.
  static func restarted(
    _ lab: Lab, octets: Int = 1 << 22, _ change: (inout CacheLimits) -> Void = { _ in }
  ) -> Lab {
    let other = Lab(octets: octets, now: 5, change)
    other.wallClock = lab.wallClock
    return other
  }

  /// A cache full of all sorts of things.
  static func random(_ seed: UInt64, names: Int) -> Lab {
    var random = SplitMix64(seed: seed)
    let lab = Lab(octets: 1 << 23)
    for index in 0..<names {
      let name = "n\(index).\(index % 7 == 0 ? "sub." : "")example.net."
      let ttl = Int.random(in: 0..<2_000, using: &random)
      let rank = RankTests.ranks.randomElement(using: &random) ?? .answer
      let section = RankTests.section(rank)
      let flags = DNSSECTests.allMarks.randomElement(using: &random) ?? []
      let isSigned = index % 4 == 0
      lab.source = lab.cache.number(of: source(index % 5))
      switch Int.random(in: 0..<8, using: &random) {
      case 0, 1, 2:
        lab.insert(
          (0...Int.random(in: 0..<4, using: &random)).map {
            "\(name) \(ttl) A 192.0.2.\($0 + index % 200)"
          }, rank: rank, section: section, flags: flags,
          signatures: isSigned ? [DNSSECTests.signature(name, of: .a)] : [],
          proof: index % 8 == 0 ? DNSSECTests.proof : [])
        if index % 3 == 0 { lab.insert("\(name) \(ttl) AAAA 2001:db8::\(index % 100)") }
      case 3: lab.insert("\(name) \(ttl) CNAME n\(index / 2).example.net.")
      case 4: lab.insert("\(name) \(ttl) TXT \"\(String(repeating: "x", count: index % 200))\"")
      case 5: lab.insertNegative(name, nil, soa: soa)
      case 6:
        lab.insertNegative(
          name, .mx, soa: NegativeTests.soa(ttl: ttl), flags: flags.union(.authentic),
          signatures: isSigned ? [DNSSECTests.signature("example.net.", of: .soa)] : [],
          proof: index % 3 == 0 ? DNSSECTests.proof : [])
      default: lab.insert("\(name) \(ttl) SRV 1 2 3 n1.example.net.", rank: rank, section: section)
      }
      if index % 5 == 0 { _ = lab.ask(name, .a) }
      if index % 50 == 0 { lab.pass(1) }
      if index % 2 == 0 { lab.dropOverlays() }
    }
    return lab
  }

  private static func source(_ number: Int) -> Endpoint {
    number % 2 == 0
      ? Endpoint(IPAddress(v4: 0xC000_0200 + UInt32(number)), port: 53)
      : Endpoint(IPAddress(v6High: 0x2001_0DB8_0000_0000, low: UInt64(number)), port: 5_353)
  }

  // MARK: Round trips

  @Test func `what is known comes back as it was`() {
    let lab = Self.filled()
    lab.pass(10)
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    let result = other.restore(file)
    #expect(result.isComplete)
    #expect(result.restored == 9)
    #expect(result.damaged == 0 && result.expired == 0 && result.refused == 0)
    #expect(result.created == 1_800_000_010)
    #expect(other.contents() == lab.contents())
    #expect(other.names(for: "192.0.2.1") == ["a.example.net."])
    other.cache._checkInvariants()
  }

  @Test(arguments: SplitMix64.fixedSeeds(5))
  func `so do random caches, and their snapshots are the same again`(seed: UInt64) {
    let lab = Self.random(seed, names: 3_000)
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    let result = other.restore(file)
    #expect(result.isComplete && result.refused == 0 && result.expired == 0)
    #expect(other.contents() == lab.contents())
    other.cache._checkInvariants()
    // What has expired is counted at the start, and not written.
    #expect(
      other.snapshotBlocks().dropFirst() == lab.snapshotBlocks().dropFirst(),
      "order, marks and times included")
  }

  @Test func `a name of 24 octets with an address takes 47 octets`() {
    let lab = Lab()
    let before = lab.snapshot().count
    lab.insert("aaaaaaaaaa.example.net. 300 A 192.0.2.1")
    #expect(lab.wire("aaaaaaaaaa.example.net.").count == 24)
    #expect(lab.snapshot().count - before == 47)
  }

  @Test func `the file is what the document says`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    _ = lab.ask("a.example.net.", .a)
    lab.insertNegative("b.example.net.", .mx, soa: Self.soa)
    let soa = (try? Record(Self.soa))?.rdata ?? []
    let entries =
      lab.wire("a.example.net.") + [0x81] + SnapshotFile.set()
      + lab.wire("b.example.net.") + [1]
      + SnapshotFile.set(
        type: 15, flags: 1 | 5 << 2 | 1 << 5, ttl: 600, expiry: 1_800_000_600, count: 0,
        data: [2] + soa)
    #expect(
      lab.snapshotBlocks() == [
        SnapshotFile.start(2, 1, 0), SnapshotFile.block(kind: 1, entries: 2, entries),
        SnapshotFile.end(1, 2, 2, 1),
      ])
  }

  @Test func `signatures and proof are written as the document says`() {
    let lab = Lab()
    let signature = DNSSECTests.signature("a.example.net.", of: .a)
    lab.insert(
      "a.example.net. 300 A 192.0.2.1", flags: [.authentic, .unchecked], signatures: [signature],
      proof: [DNSSECTests.nsec])
    func rdata(_ line: String) -> [UInt8] { (try? Record(line))?.rdata ?? [] }
    func counted(_ data: [UInt8]) -> [UInt8] { SnapshotFile.number(data.count, octets: 2) + data }
    let entries =
      lab.wire("a.example.net.") + [1]
      + SnapshotFile.signedSet(
        signatures: counted(rdata(signature)),
        proof: lab.wire("w.example.net.") + [0, 47] + counted(rdata(DNSSECTests.nsec)),
        rrsetFlags: 4 | 8 | 16)
    #expect(lab.snapshotBlocks()[1] == SnapshotFile.block(kind: 1, entries: 1, entries))
    let other = Self.restarted(lab)
    #expect(other.restore(lab.snapshot()).isComplete)
    #expect(other.contents() == lab.contents())
    let queryFlags: QueryFlags = [.signatures, .unchecked]
    #expect(
      other.ask("a.example.net.", .a, queryFlags).bytes
        == lab.ask("a.example.net.", .a, queryFlags).bytes)
  }

  @Test func `servers are written as the document says`() {
    let lab = Lab()
    // Numbers that the block doesn't need.
    for number in 100..<110 { _ = lab.cache.number(of: Self.source(number)) }
    lab.source = lab.cache.number(of: Self.source(1))
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.source = lab.cache.number(of: Self.source(2))
    lab.insert("b.example.net. 300 A 192.0.2.1")
    lab.source = 0
    lab.insert("c.example.net. 300 A 192.0.2.1")
    var payload = lab.wire("a.example.net.") + [1] + SnapshotFile.set(source: 1)
    payload += lab.wire("b.example.net.") + [1] + SnapshotFile.set(source: 2)
    payload += lab.wire("c.example.net.") + [1] + SnapshotFile.set()
    payload += SnapshotFile.source(
      family: 6, [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1], port: 5_353)
    payload += SnapshotFile.source([192, 0, 2, 2])
    #expect(
      lab.snapshotBlocks()[1] == SnapshotFile.block(kind: 1, entries: 3, sources: 2, payload))
    // Another cache knows the same servers by other numbers.
    let other = Self.restarted(lab)
    _ = other.cache.number(of: Self.source(2))
    #expect(other.restore(lab.snapshot()).isComplete)
    #expect(other.contents() == lab.contents())
  }

  @Test func `domains with routes are written as the document says`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    let blocks = lab.snapshotBlocks(routes: ["Corp.example", "lan", "corp.example"])
    #expect(
      blocks[1]
        == SnapshotFile.block(
          kind: 3, entries: 2, lab.wire("lan.") + lab.wire("corp.example.")))
    #expect(blocks.count == 4)
  }

  @Test(arguments: [3, 4] as [UInt8])
  func `a file of an older version is read, its servers and routes unknown`(version: UInt8) {
    let lab = Lab()
    let entries = lab.wire("a.example.net.") + [1] + SnapshotFile.set()
    let start = SnapshotFile.block(
      kind: 0, entries: 0, version: version,
      SnapshotFile.number(65_536, octets: 4) + [UInt8](repeating: 0, count: 12))
    let names = SnapshotFile.block(kind: 1, entries: 1, version: version, entries)
    let end = SnapshotFile.block(
      kind: 2, entries: 0, version: version,
      [1, 1, 1, 1].flatMap { SnapshotFile.number($0, octets: 4) })
    let result = lab.restore(start + names + end)
    #expect(result.isComplete && result.restored == 1 && result.unknownVersion == nil)
    #expect(lab.contents().count == 1 && lab.contents()[0].hasSuffix("unknown"))
  }

  @Test func `at most 254 servers are told apart, and a counter says so`() {
    let lab = Lab()
    for number in 0..<254 {
      #expect(lab.cache.number(of: Self.source(number)) == UInt8(number + 1))
    }
    #expect(lab.cache.number(of: Self.source(254)) == 0)
    #expect(lab.cache.number(of: Self.source(7)) == 8)
    #expect(lab.cache.counters.sourcesLimit == 1)
    #expect(lab.cache.source(8) == Self.source(7) && lab.cache.source(0) == nil)
    #expect(lab.cache.source(255) == nil)
    // All of them in one block.
    for number in 0..<254 {
      lab.source = UInt8(number + 1)
      lab.insert("n\(number).example.net. 300 A 192.0.2.1")
    }
    let other = Self.restarted(lab)
    #expect(other.restore(lab.snapshot()).isComplete)
    #expect(other.contents() == lab.contents())
  }

  @Test func `an empty cache has a complete snapshot`() {
    let lab = Lab()
    let result = Lab().restore(lab.snapshot())
    #expect(result.isComplete && result.restored == 0)
  }

  @Test func `what may not be kept and what has expired is left out`() {
    let lab = Self.filled()
    let file = lab.snapshot()
    lab.insert("once.example.net. 0 A 192.0.2.9")
    lab.insert("short.example.net. 5 A 192.0.2.9")
    lab.pass(5)
    let result = Self.restarted(lab).restore(lab.snapshot())
    #expect(result.isComplete && result.restored == 9)
    #expect(lab.snapshot().count == file.count)
  }

  @Test func `a name with more data than a block goes on in the next`() {
    let lab = Lab()
    lab.insert("before.example.net. 300 A 192.0.2.1")
    for type in 300..<390 {
      lab.insert(
        wire: lab.wire("big.example.net."), RecordType(rawValue: UInt16(type)), ttl: 300,
        [[UInt8](repeating: UInt8(type & 0xFF), count: 3_000)])
    }
    lab.insert("after.example.net. 300 A 192.0.2.1")
    let blocks = lab.snapshotBlocks()
    #expect(blocks.count > 6)
    #expect(blocks.allSatisfy { $0.count <= 65_536 })
    let other = Self.restarted(lab)
    #expect(other.restore(blocks.flatMap { $0 }).isComplete)
    #expect(other.contents() == lab.contents())
  }

  @Test func `an RRset too large for a block is left out`() {
    let lab = Self.filled()
    lab.insert(
      wire: lab.wire("big.example.net."), .null, ttl: 300,
      [[UInt8](repeating: 0, count: 65_500)])
    let other = Self.restarted(lab)
    let result = other.restore(lab.snapshot())
    #expect(result.isComplete && result.restored == 9)
  }

  @Test func `the cache may change while it is written`() throws {
    var random = SplitMix64(seed: 11)
    let lab = Self.random(3, names: 3_000)
    let cursor = try #require(lab.openCursor())
    var writer = SnapshotWriter(wallClock: lab.wallClock, now: lab.now)
    var buffer = [UInt8](repeating: 0, count: SnapshotWriter.blockSize)
    var file: [UInt8] = []
    for type in 300..<390 {
      lab.insert(
        wire: lab.wire("n7.sub.example.net."), RecordType(rawValue: UInt16(type)), ttl: 300,
        [[UInt8](repeating: 1, count: 3_000)])
    }
    while true {
      var span = buffer.mutableSpan
      let count = writer.nextBlock(from: &lab.cache, cursor: cursor, into: &span) { _, _ in true }
      if count == 0 { break }
      file += buffer[..<count]
      for _ in 0..<100 {
        let index = Int.random(in: 0..<3_000, using: &random)
        let name = "n\(index).\(index % 7 == 0 ? "sub." : "")example.net."
        _ = lab.cache.flush(lab.key(name), .everything)
        lab.insert("\(name) 300 TXT new")
      }
      lab.insert(
        wire: lab.wire("n7.sub.example.net."),
        RecordType(rawValue: UInt16.random(in: 300..<390, using: &random)), ttl: 300,
        [[UInt8](repeating: 2, count: 3_000)])
    }
    let other = Self.restarted(lab)
    let result = other.restore(file)
    #expect(result.isComplete)
    #expect(result.restored > 2_000)
    other.cache._checkInvariants()
  }

  // MARK: Clocks

  @Test(arguments: [1, 59, 60, 299, 300, 599, 600, 3_599, 3_600, 100_000])
  func `time that passed while the server was off counts`(seconds: UInt32) {
    let lab = Self.filled()
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    other.wallClock += Int64(seconds)
    let result = other.restore(file)
    #expect(result.isComplete)
    #expect(result.restored + result.expired == 9)
    lab.pass(seconds)
    #expect(other.contents() == lab.contents())
  }

  @Test(arguments: [1, 59, 60, 299, 300, 3_599, 3_600, 100_000])
  func `what is aged afterwards is as old as if the clock had been right`(seconds: UInt32) throws {
    let lab = Self.filled()
    let file = lab.snapshot()
    let right = Self.restarted(lab)
    right.wallClock += Int64(seconds)
    right.restore(file)
    let late = Self.restarted(lab)
    late.restore(file)
    let end = late.now
    // What comes later is not the snapshot's.
    late.pass(1)
    right.pass(1)
    for lab in [late, right] { lab.insert("new.example.net. 300 A 192.0.2.9") }
    let cursor = try #require(late.openCursor())
    while !late.cache.age(cursor, names: 2, cameUntil: end, by: seconds) {}
    late.cache.closeCursor(cursor)
    // What has expired is kept in the one and was left out of the other; no query sees it.
    for lab in [late, right] { lab.sweep() }
    #expect(late.contents() == right.contents())
  }

  @Test(arguments: [-1, -1_000, -1_800_000_000, -3_000_000_000, Int64.min + 1_800_000_000])
  func `a clock that was set back prolongs nothing`(seconds: Int64) {
    let lab = Self.filled()
    // Part of the TTL is over, so the TTL alone would not do as a bound.
    lab.pass(50)
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    other.wallClock += seconds
    #expect(other.restore(file).isComplete)
    #expect(other.contents() == lab.contents())
  }

  @Test(arguments: [Int64.max, 1 << 32, 1 << 40])
  func `a clock far ahead leaves everything expired`(wallClock: Int64) {
    let lab = Self.filled()
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    other.wallClock = wallClock
    let result = other.restore(file)
    #expect(result.isComplete && result.expired == 9 && result.restored == 0)
    #expect(other.cache.nameCount == 0)
  }

  @Test(arguments: [-5, 0, Int64(UInt32.max) - 10, Int64(UInt32.max) + 10, Int64.min, Int64.max])
  func `a snapshot may be begun at any reading of the clock`(wallClock: Int64) {
    let lab = Self.filled()
    lab.wallClock = wallClock
    let other = Self.restarted(lab)
    let result = other.restore(lab.snapshot())
    #expect(result.isComplete)
    #expect(result.restored + result.expired == 9)
    for line in other.contents() { #expect(lab.contents().contains(line) || wallClock > 1 << 31) }
    other.cache._checkInvariants()
  }

  @Test func `what expires before the snapshot is written to its end is not prolonged`() {
    // Its expiry, not its TTL, counts.
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.pass(250)
    let other = Self.restarted(lab)
    other.restore(lab.snapshot())
    #expect(other.ask("a.example.net.", .a).message.answers.map(\.ttl) == [50])
  }

  @Test func `the limits of now apply to what was kept under others`() {
    let lab = Self.filled()
    let file = lab.snapshot()
    let other = Self.restarted(lab) {
      $0.maximumTTL = 100
      $0.maximumNegativeTTL = 7
      $0.minimumTTL = 90
    }
    #expect(other.restore(file).restored == 9)
    #expect(other.ask("a.example.net.", .a).message.answers.map(\.ttl) == [100, 100])
    #expect(other.ask("www.example.net.", .cname).message.answers.map(\.ttl) == [60])
    #expect(other.ask("none.example.net.", .a).message.authority.map(\.ttl) == [7])
    let none = Self.restarted(lab) {
      $0.maximumTTL = 0
      $0.maximumNegativeTTL = 0
    }
    #expect(none.restore(file).expired == 9)
    #expect(none.cache.nameCount == 0)
  }

  // MARK: What is there already

  @Test func `newer data stay, whatever the snapshot says`() {
    let lab = Self.filled()
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    other.insert("a.example.net. 30 A 192.0.2.77", rank: .additional, section: .additional)
    other.insert("none.example.net. 30 A 192.0.2.78")
    other.insertNegative("www.example.net.", nil, soa: Self.soa)
    other.insert("example.net. 30 CNAME other.example.net.")
    let before = other.contents()
    let result = other.restore(file)
    #expect(result.isComplete)
    // Two A, CNAME, MX and NXDOMAIN.
    #expect(result.refused == 5 && result.restored == 4)
    for line in before { #expect(other.contents().contains(line)) }
    #expect(other.names(for: "192.0.2.1") == [])
    #expect(other.ask("none.example.net.", .a).answers.count == 1)
    #expect(other.ask("www.example.net.", .a).outcome == .written(.nxDomain, truncated: false))
    other.cache._checkInvariants()
  }

  @Test func `what may not be kept is in nobody's way`() {
    let lab = Self.filled()
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    other.insert("a.example.net. 0 A 192.0.2.77")
    other.restore(file)
    #expect(other.ask("a.example.net.", .a, waiting: true).message.answers.count == 1)
    other.dropOverlays()
    #expect(other.ask("a.example.net.", .aaaa).answers.count == 1)
    other.cache._checkInvariants()
  }

  @Test func `what has expired gives way`() {
    let lab = Self.filled()
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    other.insert("a.example.net. 30 A 192.0.2.77")
    other.pass(30)
    other.restore(file)
    #expect(other.ask("a.example.net.", .a).message.answers.map(\.ttl) == [270, 270])
    #expect(other.names(for: "192.0.2.77") == [])
    other.cache._checkInvariants()
  }

  @Test func `reading the same file twice adds nothing`() {
    let lab = Self.random(4, names: 500)
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    let first = other.restore(file)
    let second = other.restore(file)
    #expect(second.restored == 0 && second.refused == first.restored)
    #expect(other.snapshotBlocks().dropFirst() == lab.snapshotBlocks().dropFirst())
  }

  @Test func `what is learnt while it is being read stays, before and behind the place reached`() {
    let lab = Lab(octets: 1 << 23)
    QueueTests.fill(lab, 6_000)
    let blocks = lab.snapshotBlocks()
    let other = Self.restarted(lab, octets: 1 << 23)
    var reader = SnapshotReader(seed: other.cache.seed)
    let learnt = stride(from: 0, to: 6_000, by: 7)
    for (number, block) in blocks.enumerated() {
      _ = reader.read(
        block.span, isEnd: false, into: &other.cache, wallClock: other.wallClock, now: other.now
      ) { _, _ in true }
      guard number == blocks.count / 2 else { continue }
      for index in learnt { other.insert("n\(index).example.net. 77 A 203.0.113.9") }
    }
    #expect(reader.result.isComplete)
    #expect(other.cache.nameCount == 6_000)
    for index in learnt {
      let answer = other.ask("n\(index).example.net.", .a)
      #expect(answer.answers == ["n\(index).example.net. 77 IN A 203.0.113.9"])
    }
    #expect(other.names(for: "203.0.113.9").count == Array(learnt).count)
    other.cache._checkInvariants()
  }

  // MARK: What the start promises

  @Test func `tables are as large as the start promises before the names are there`() {
    let lab = Lab(octets: 1 << 23)
    QueueTests.fill(lab, 6_000)
    let blocks = lab.snapshotBlocks()
    let octets = (0..<2).map { count in
      let other = Self.restarted(lab, octets: 1 << 23)
      let start = SnapshotFile.start(count * 6_000, count * 6_000, 0)
      other.restore(start + blocks[1])
      other.cache._checkInvariants()
      return other.cache.octets
    }
    // Four buckets of four octets for three of 6,000, in two tables; 4,096 a block, less those for
    // the names of one block.
    #expect(octets[1] - octets[0] > 2 * 3_500 * 4)
    #expect(octets[1] - octets[0] <= 2 * 4_096 * 4)
  }

  @Test(arguments: [0, 1, 600, 6_000, 1 << 20, Int(UInt32.max)])
  func `whatever the start promises, all comes back`(count: Int) {
    let lab = Lab(octets: 1 << 23)
    QueueTests.fill(lab, 6_000)
    lab.insert("six.example.net. 300 AAAA 2001:db8::6")
    let other = Self.restarted(lab, octets: 1 << 23)
    let rest = lab.snapshotBlocks().dropFirst().flatMap { $0 }
    let result = other.restore(SnapshotFile.start(count, count, count) + rest)
    #expect(result.isComplete && result.restored == 6_001)
    #expect(other.contents() == lab.contents())
    other.cache._checkInvariants()
  }

  @Test func `a promise that is no promise costs little`() {
    let lab = Lab(octets: 1 << 26)
    let few = SnapshotFile.set() + SnapshotFile.set(type: 28, data: [0, 16] + Array(1...16))
    let entry = lab.wire("a.example.net.") + [2] + few
    let all = Int(UInt32.max)
    let before = lab.cache.octets
    let result = lab.restore(
      SnapshotFile.start(all, all, all) + SnapshotFile.block(kind: 1, entries: 1, entry)
        + SnapshotFile.start(all, all, all) + SnapshotFile.end(1, 1, 2, 2))
    #expect(result.isComplete)
    #expect(lab.cache.octets - before < 3 * 4_096 * 4 + 256)
    lab.cache._checkInvariants()
  }

  @Test func `a smaller cache keeps what was used and the newest`() {
    let lab = Lab(octets: 1 << 23)
    QueueTests.fill(lab, 30_000)
    for index in 0..<100 { _ = lab.ask("n\(index).example.net.", .a) }
    let other = Self.restarted(lab, octets: 1 << 20)
    let result = other.restore(lab.snapshot())
    #expect(result.isComplete)
    #expect(other.cache.counters.evictions > 10_000)
    #expect(other.cache.octets <= 1 << 20)
    other.cache._checkInvariants()
    #expect(!other.ask("n5.example.net.", .a).isMissing)
    #expect(other.ask("n500.example.net.", .a).isMissing)
    #expect(!other.ask("n29999.example.net.", .a).isMissing)
  }

  @Test func `a reader may be given less than a block at a time`() {
    let lab = Self.random(6, names: 2_000)
    let file = lab.snapshot()
    let other = Self.restarted(lab)
    var reader = SnapshotReader(seed: other.cache.seed)
    var position = 0
    var end = 0
    while true {
      end = min(end + 1_000, file.count)
      let progress = reader.read(
        file.span.extracting(position..<end), isEnd: false, into: &other.cache,
        wallClock: other.wallClock, now: other.now
      ) { _, _ in true }
      position += progress.consumed
      if progress.isFinished { break }
    }
    let result = reader.result
    #expect(result.isComplete)
    #expect(position == file.count)
    #expect(other.contents() == lab.contents())
  }
}
