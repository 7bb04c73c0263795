import DNSCache
import DNSWire
import Memory
import Testing

@Suite("What is asked for shortly before it expires")
struct PrefetchCandidateTests {
  /// What the cache notes for a refresh, the last first.
  private static func noted(_ lab: Lab) -> [String] {
    var key = NameKey(seed: lab.cache.seed)
    var found: [String] = []
    while let (type, setType, _) = lab.cache.takePrefetchCandidate(into: &key) {
      let octets = key.octets
      let wire = (0..<octets.count).map { octets[$0] }
      found.append("\((try? Name(wire: wire)).map { "\($0)" } ?? "?") \(type) \(setType)")
    }
    return found
  }

  @Test func `a record is noted when it is asked for in its last tenth`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.pass(269)
    _ = lab.ask("a.example.net.", .a)
    #expect(Self.noted(lab) == [])
    lab.pass(1)
    #expect(Self.noted(lab) == [])
    _ = lab.ask("a.example.net.", .a)
    _ = lab.ask("a.example.net.", .a)
    #expect(Self.noted(lab) == ["a.example.net. A A"])
    #expect(Self.noted(lab) == [])
  }

  @Test(arguments: DNSSECTests.allMarks)
  func `it is renewed as it was asked for`(flags: RRsetFlags) {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1", flags: flags)
    lab.pass(270)
    _ = lab.ask("a.example.net.", .a, .unchecked)
    var key = NameKey(seed: lab.cache.seed)
    let queryFlags = lab.cache.takePrefetchCandidate(into: &key)?.queryFlags
    #expect(queryFlags?.contains(.signatures) == !flags.contains(.withoutDNSSEC))
    #expect(queryFlags?.contains(.unchecked) == flags.contains(.unchecked))
    // What was fetched so replaces it, and nothing else does.
    lab.cache.noteRenewal(of: key, type: .a, queryFlags: queryFlags ?? [], now: lab.now)
    #expect(lab.insert("a.example.net. 300 A 192.0.2.2", flags: flags) == .stored)
    #expect(lab.cache.setCount == 1)
  }

  @Test func `of a chain the link is noted that is about to expire`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 CNAME b.example.net.")
    lab.insert("b.example.net. 900 CNAME c.example.net.")
    lab.insert("c.example.net. 300 A 192.0.2.1")
    lab.pass(280)
    _ = lab.ask("a.example.net.", .a)
    #expect(Self.noted(lab) == ["c.example.net. A A", "a.example.net. A CNAME"])
  }

  @Test func `what is being renewed is noted again in the last tenth of what is left`() {
    let lab = Lab()
    lab.insert("a.example.net. 3000 A 192.0.2.1")
    lab.pass(2_800)
    _ = lab.ask("a.example.net.", .a)
    #expect(Self.noted(lab).count == 1)
    lab.cache.noteRenewal(
      of: lab.key("a.example.net."), type: .a, queryFlags: .signatures, now: lab.now)
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 200 IN A 192.0.2.1"])
    #expect(Self.noted(lab) == [])
    // To the nearest power of ten: a hundredth of the TTL.
    lab.pass(169)
    _ = lab.ask("a.example.net.", .a)
    #expect(Self.noted(lab) == [])
    lab.pass(1)
    _ = lab.ask("a.example.net.", .a)
    #expect(Self.noted(lab).count == 1)
  }

  @Test func `a day's TTL is noted four times at most, and stays what it was`() {
    let lab = Lab()
    lab.insert("a.example.net. 86400 A 192.0.2.1")
    var count = 0
    var left: UInt32 = 86_400
    while left > 1 {
      let step = max(1, left / 100)
      left -= step
      lab.pass(step)
      _ = lab.ask("a.example.net.", .a)
      guard !Self.noted(lab).isEmpty else { continue }
      count += 1
      lab.cache.noteRenewal(
        of: lab.key("a.example.net."), type: .a, queryFlags: .signatures, now: lab.now)
    }
    #expect(count == 4)
    var ttl: UInt32 = 0
    lab.cache.visitSets(of: lab.key("a.example.net."), now: lab.now) { ttl = $0.ttl }
    #expect(ttl == 86_400)
  }

  @Test func `short-lived, negative and stale data, and what may not be kept, is not noted`() {
    let lab = Lab { $0.staleAge = 3_600 }
    lab.insert("short.example.net. 9 A 192.0.2.1")
    lab.insert("old.example.net. 5 A 192.0.2.1")
    lab.insert("once.example.net. 0 A 192.0.2.1")
    lab.insertNegative(
      "gone.example.net.", nil,
      soa: "example.net. 60 SOA ns1.example.net. host.example.net. 1 2 3 4 60")
    lab.pass(8)
    _ = lab.ask("short.example.net.", .a)
    _ = lab.ask("old.example.net.", .a, stale: true)
    lab.pass(51)
    _ = lab.ask("once.example.net.", .a, waiting: true)
    _ = lab.ask("gone.example.net.", .a)
    #expect(Self.noted(lab) == [])
  }

  @Test func `the sweep notes what was used in the second half of its life`() {
    let lab = Lab()
    lab.insert("steady.example.net. 300 A 192.0.2.1")
    lab.insert("burst.example.net. 300 A 192.0.2.1")
    lab.insert("unused.example.net. 300 A 192.0.2.1")
    lab.insert("steady.example.net. 300 MX 10 mail.example.net.")
    _ = lab.ask("burst.example.net.", .a)
    lab.pass(140)
    _ = lab.ask("burst.example.net.", .a)
    lab.sweep()
    lab.pass(60)
    _ = lab.ask("steady.example.net.", .a)
    lab.pass(60)
    lab.sweep()
    #expect(Self.noted(lab) == [])
    lab.pass(15)
    lab.sweep()
    #expect(Self.noted(lab).sorted() == ["steady.example.net. A A", "steady.example.net. MX MX"])
  }

  @Test func `the sweep has a renewed name asked for again only if it was used again`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 CNAME b.example.net.")
    for isUsed in [true, false, true] {
      lab.pass(100)
      lab.sweep()
      lab.pass(100)
      if isUsed { _ = lab.ask("a.example.net.", .a) }
      lab.pass(80)
      lab.sweep()
      #expect(Self.noted(lab) == (isUsed ? ["a.example.net. CNAME CNAME"] : []))
      lab.insert("a.example.net. 300 CNAME b.example.net.")
    }
  }

  @Test func `a name that goes takes its note along`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("b.example.net. 300 A 192.0.2.1")
    lab.pass(299)
    _ = lab.ask("a.example.net.", .a)
    _ = lab.ask("b.example.net.", .a)
    _ = lab.cache.flush(lab.key("a.example.net."), .everything)
    lab.insert("c.example.net. 300 A 192.0.2.1")
    #expect(Self.noted(lab) == ["b.example.net. A A"])
  }

  @Test func `no more is noted than there are places`() {
    let lab = Lab()
    QueueTests.fill(lab, 100)
    lab.pass(299)
    for index in 0..<100 { _ = lab.ask("n\(index).example.net.", .a) }
    #expect((1...32).contains(Self.noted(lab).count))
  }
}
