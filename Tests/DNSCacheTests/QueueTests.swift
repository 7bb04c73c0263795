import DNSCache
import DNSWire
import Randomness
import Testing

@Suite("Eviction, sweep, cursors and flush")
struct QueueTests {
  static func fill(_ lab: Lab, _ count: Int, ttl: UInt32 = 300) {
    for index in 0..<count {
      lab.insert(
        wire: lab.wire("n\(index).example.net."), .a, ttl: ttl,
        [[10, UInt8(index >> 16), UInt8(index >> 8 & 0xFF), UInt8(index & 0xFF)]])
    }
  }

  static func name(_ octets: borrowing Span<UInt8>) -> [UInt8] {
    (0..<octets.count).map { octets[$0] }
  }

  static func walk(_ lab: Lab, _ cursor: Cache.Cursor, _ count: Int) -> (Bool, [[UInt8]]) {
    var names: [[UInt8]] = []
    let isEnd = lab.cache.walk(
      cursor, names: count, now: lab.now,
      name: {
        names.append(name($0))
        return false
      }, { _ in })
    return (isEnd, names)
  }

  @Test func `the answer that a name was fetched for is no use of it yet`() {
    let lab = Lab(octets: 1 << 20)
    lab.insert("once.example.net. 3600 A 192.0.2.1")
    lab.insert("again.example.net. 3600 A 192.0.2.2")
    #expect(lab.ask("once.example.net.", .a, waiting: true).answers.count == 1)
    #expect(lab.ask("again.example.net.", .a, waiting: true).answers.count == 1)
    #expect(lab.ask("again.example.net.", .a).answers.count == 1)
    var index = 0
    while lab.cache.counters.evictions < 10 {
      lab.insert("n\(index).example.net. 3600 A 192.0.2.3")
      index += 1
    }
    #expect(lab.ask("once.example.net.", .a).isMissing)
    #expect(lab.ask("again.example.net.", .a).answers.count == 1)
  }

  @Test func `what is used stays, in a trace where few names are asked for often`() {
    // Against a queue without marks: the share of questions that find their answer.
    var random = SplitMix64(seed: 1)
    let lab = Lab(octets: 1 << 20)
    var queue: [Int] = []
    var queued: Set<Int> = []
    var head = 0
    var hits = 0
    var queueHits = 0
    let count = 60_000
    for step in 0..<count {
      // Zipf-like: the rank's logarithm is even, among 40,000 names, three times what fits.
      let rank = Int(pow2(Double.random(in: 0..<15.3, using: &random)))
      if !lab.ask("n\(rank).example.net.", .a).isMissing {
        hits += 1
      } else {
        lab.insert(wire: lab.wire("n\(rank).example.net."), .a, ttl: 86_400, [[10, 0, 0, 1]])
      }
      if queued.contains(rank) {
        queueHits += 1
      } else {
        queued.insert(rank)
        queue.append(rank)
        if queued.count > lab.cache.nameCount {
          queued.remove(queue[head])
          head += 1
        }
      }
      if step % 20_000 == 0 { lab.cache._checkInvariants() }
    }
    #expect(lab.cache.counters.evictions > 1_000)
    #expect(hits > queueHits)
    #expect(Double(count - hits) < 0.95 * Double(count - queueHits), "a good deal fewer misses")
  }

  private func pow2(_ exponent: Double) -> Double {
    let whole = Int(exponent)
    // Good enough for a trace: linear between the powers.
    return Double(1 << whole) * (1 + exponent - Double(whole))
  }

  @Test func `a used name outlives a flood of names that are asked for once`() {
    let lab = Lab(octets: 1 << 20)
    lab.insert("www.example.net. 86400 A 192.0.2.1")
    for index in 0..<50_000 {
      lab.insert(wire: lab.wire("n\(index).example.net."), .a, ttl: 300, [[10, 0, 0, 1]])
      if index % 100 == 0 { #expect(!lab.ask("www.example.net.", .a).isMissing) }
    }
  }

  @Test func `a cache full of used names still takes in a new one`() {
    let lab = Lab(octets: 1 << 20)
    Self.fill(lab, 12_000)
    for index in 0..<12_000 { _ = lab.ask("n\(index).example.net.", .a) }
    for index in 0..<2_000 {
      #expect(lab.insert("x\(index).example.net. 300 A 192.0.2.1") == .stored)
    }
    lab.cache._checkInvariants()
  }

  @Test(arguments: SplitMix64.fixedSeeds(3))
  func `memory stays within its limit whatever comes in`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let lab = Lab(octets: 1 << 20)
    let soa =
      (try? Record(NegativeTests.soa())) ?? Record(name: .root, type: .soa, ttl: 0, rdata: [])
    for step in 0..<70_000 {
      let name = lab.wire("n\(Int.random(in: 0..<8_000, using: &random)).example.net.")
      let ttl = UInt32.random(in: 0..<600, using: &random)
      let rank = RankTests.ranks.randomElement(using: &random) ?? .answer
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<40:
        let count = Int.random(in: 1...6, using: &random)
        let rdata = (0..<count).map { _ in
          [
            10, 0, UInt8.random(in: 0..<8, using: &random),
            UInt8.random(in: 0...255, using: &random),
          ]
        }
        lab.insert(wire: name, .a, ttl: ttl, rdata, rank: rank, section: RankTests.section(rank))
      case 40..<60:
        let address =
          [UInt8](repeating: 0x20, count: 15) + [UInt8.random(in: 0...255, using: &random)]
        lab.insert(wire: name, .aaaa, ttl: ttl, [address], rank: rank)
      case 60..<70:
        lab.insert(wire: name, .cname, ttl: ttl, [lab.wire("n1.example.net.")], rank: rank)
      case 70..<85:
        let size = Int.random(in: 0..<(step % 500 == 0 ? 60_000 : 600), using: &random)
        lab.insert(wire: name, .txt, ttl: ttl, [[UInt8](repeating: 0, count: size)], rank: rank)
      case 85..<95:
        _ = lab.cache.insertNegative(
          owner: lab.key(wire: name), type: Bool.random(using: &random) ? nil : .a,
          soa: Cache.NegativeSOA(zoneCount: 13, ttl: ttl), soaData: soa.rdata.span,
          from: Origin(rank: .answer, section: .authority), now: lab.now)
      case 95..<97:
        _ = lab.cache.flush(lab.key(wire: name), .everything)
      default:
        _ = lab.cache.sweep(names: 50, now: lab.now)
      }
      if step % 3 == 0 { lab.dropOverlays() }
      if step % 50 == 0 { lab.pass(1) }
      if step % 5_000 == 0 { lab.cache._checkInvariants() }
    }
    lab.dropOverlays()
    lab.cache._checkInvariants()
    #expect(lab.cache.octets <= 1 << 20)
    #expect(lab.cache.counters.evictions > 0)
    lab.pass(86_400)
    // The first ends the pass that was begun.
    for _ in 0..<2 { while !lab.cache.sweep(names: 1_000, now: lab.now) {} }
    #expect(lab.cache.nameCount == 0 && lab.cache.setCount == 0 && lab.cache.recordCount == 0)
    #expect(lab.cache.addressCount == 0)
    lab.cache._checkInvariants()
    Self.fill(lab, 5_000)
    lab.cache._checkInvariants()
  }

  @Test func `a large RRset is answered though the cache is full, and pushes out nothing`() {
    // It pushed out thousands of names, found no place and left its client without an answer.
    var random = SplitMix64(seed: 9)
    let lab = Lab(octets: 1 << 20)
    for index in 0..<40_000 {
      let name = index < 6_000 ? index : Int.random(in: 0..<6_000, using: &random)
      let size = Int.random(in: 1..<120, using: &random)
      lab.insert(
        wire: lab.wire("n\(name).example.net."), .null, ttl: 86_400,
        [[UInt8](repeating: 0, count: size)])
      lab.insert(
        wire: lab.wire("n\(name).example.net."), .a, ttl: 86_400,
        [[10, 0, UInt8(name >> 8), UInt8(name & 0xFF)]])
    }
    let names = lab.cache.nameCount
    for index in 0..<5 {
      let owner = lab.wire("big\(index).example.net.")
      #expect(
        lab.insert(wire: owner, .null, ttl: 300, [[UInt8](repeating: 7, count: 60_000)])
          == .uncacheable(isLarge: true))
      let reply = lab.ask(wire: owner, .null, waiting: true)
      #expect(reply.message.answers.map(\.rdata.count) == [60_000])
      lab.dropOverlays()
      lab.cache._checkInvariants()
    }
    #expect(lab.cache.nameCount == names)
    #expect(lab.cache.octets <= 1 << 20)
  }

  // MARK: Sweep

  @Test func `a sweep in slices removes what has expired while names come and go`() {
    let lab = Lab()
    var random = SplitMix64(seed: 5)
    Self.fill(lab, 3_000, ttl: 100)
    for index in 0..<1_000 { lab.insert("keep\(index).example.net. 600 A 192.0.2.1") }
    lab.pass(100)
    var slices = 0
    while !lab.cache.sweep(names: 37, now: lab.now) {
      slices += 1
      if slices == 40 { _ = lab.cache.flush(lab.key("n1481.example.net."), .everything) }
      _ = lab.cache.flush(
        lab.key("n\(Int.random(in: 0..<3_000, using: &random)).example.net."), .everything)
      lab.insert("new\(slices).example.net. 600 A 192.0.2.2")
    }
    #expect(slices > 100)
    #expect(lab.cache.nameCount == 1_000 + slices)
    #expect(lab.cache.addressCount == 2)
    #expect(lab.cache.counters.expired > 2_000)
    lab.cache._checkInvariants()
  }

  @Test func `sweeping an empty cache is a whole pass`() {
    let lab = Lab()
    let isDone = lab.cache.sweep(names: 10, now: lab.now)
    #expect(isDone)
  }

  @Test func `a sweep takes expired RRsets and leaves their name's others`() {
    let lab = Lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.insert("a.example.net. 600 AAAA 2001:db8::1")
    lab.pass(60)
    _ = lab.cache.sweep(names: 10, now: lab.now)
    #expect(lab.cache.setCount == 1 && lab.cache.nameCount == 1)
    #expect(lab.ask("a.example.net.", .aaaa).answers.count == 1)
  }

  // MARK: Cursors

  @Test func `a cursor goes through all names, oldest first`() throws {
    let lab = Lab()
    Self.fill(lab, 10)
    let cursor = try #require(lab.openCursor())
    var names: [[UInt8]] = []
    while true {
      let (isEnd, some) = Self.walk(lab, cursor, 3)
      names += some
      if isEnd { break }
    }
    #expect(names == (0..<10).map { lab.wire("n\($0).example.net.") })
    lab.cache.closeCursor(cursor)
  }

  @Test func `a cursor survives the removal of its name and of those around it`() throws {
    let lab = Lab()
    Self.fill(lab, 10)
    let cursor = try #require(lab.openCursor())
    _ = Self.walk(lab, cursor, 3)
    for index in [2, 3, 4] {
      _ = lab.cache.flush(lab.key("n\(index).example.net."), .everything)
    }
    var (isEnd, names) = Self.walk(lab, cursor, 2)
    #expect(names == [5, 6].map { lab.wire("n\($0).example.net.") })
    for index in 7..<10 {
      _ = lab.cache.flush(lab.key("n\(index).example.net."), .everything)
    }
    (isEnd, names) = Self.walk(lab, cursor, 2)
    #expect(isEnd && names.isEmpty)
    lab.cache.closeCursor(cursor)
    lab.cache._checkInvariants()
  }

  @Test func `there are six cursors, and closed ones come back`() {
    let lab = Lab()
    var cursors: [Cache.Cursor] = []
    while let cursor = lab.openCursor() { cursors.append(cursor) }
    #expect(cursors.count == 6)
    lab.cache.closeCursor(cursors[3])
    #expect(lab.openCursor() != nil)
    #expect(lab.openCursor() == nil)
  }

  // MARK: Flush

  @Test func `a tree is flushed in slices, its top and all below`() throws {
    let lab = Lab()
    for name in ["sub.example.net.", "a.sub.example.net.", "b.a.sub.example.net."] {
      lab.insert("\(name) 300 A 192.0.2.1")
    }
    for name in ["example.net.", "xsub.example.net.", "sub.example.org."] {
      lab.insert("\(name) 300 A 192.0.2.2")
    }
    let cursor = try #require(lab.openCursor())
    var removed = 0
    while true {
      let (some, isEnd) = lab.cache.flush(
        cursor, names: 2, below: lab.key("SUB.example.net."), .everything)
      removed += some
      if isEnd { break }
    }
    #expect(removed == 3)
    #expect(lab.names(for: "192.0.2.1") == [])
    #expect(lab.names(for: "192.0.2.2").count == 3)
    lab.cache._checkInvariants()
  }

  @Test func `flushing below the root is flushing all`() throws {
    let lab = Lab()
    Self.fill(lab, 100)
    let cursor = try #require(lab.openCursor())
    let (removed, isEnd) = lab.cache.flush(cursor, names: 1_000, below: lab.key("."), .everything)
    #expect(removed == 100 && isEnd)
    #expect(lab.cache.nameCount == 0)
    lab.cache._checkInvariants()
  }

  @Test func `negative facts may be flushed alone`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insertNegative("a.example.net.", .txt, soa: SnapshotTests.soa)
    lab.insertNegative("b.example.net.", nil, soa: SnapshotTests.soa)
    #expect(lab.cache.flush(lab.key("a.example.net."), .negative) == 1)
    #expect(lab.cache.flush(lab.key("b.example.net."), .negative) == 1)
    #expect(lab.cache.nameCount == 1 && lab.cache.setCount == 1)
  }

  @Test func `flushing a type removes "no such name", which answers it`() {
    // The name stayed unanswerable until the negative entry's time was over.
    let lab = Lab()
    lab.insertNegative("b.example.net.", nil, soa: SnapshotTests.soa)
    #expect(lab.cache.flush(lab.key("b.example.net."), .type(.a)) == 1)
    #expect(lab.ask("b.example.net.", .a).isMissing)
  }

  @Test func `flushing what isn't there does nothing`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    #expect(lab.cache.flush(lab.key("b.example.net."), .everything) == 0)
    #expect(lab.cache.flush(lab.key("a.example.net."), .type(.txt)) == 0)
    #expect(lab.cache.nameCount == 1)
  }
}
