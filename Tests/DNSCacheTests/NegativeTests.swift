import DNSCache
import DNSWire
import Testing

@Suite("Negative answers (RFC 2308)")
struct NegativeTests {
  static func soa(ttl: Int = 900, minimum: Int = 600) -> String {
    "example.net. \(ttl) IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 \(minimum)"
  }

  @Test func `no such name is answered for every type, with its SOA`() {
    let lab = Lab()
    lab.insertNegative("none.example.net.", nil, soa: Self.soa())
    for type in [RecordType.a, .aaaa, .txt, RecordType(rawValue: 65_280)] {
      let reply = lab.ask("none.example.net.", type)
      #expect(reply.outcome == .written(.nxDomain, truncated: false))
      #expect(reply.answers.isEmpty)
      #expect(reply.message.authority.map(\.name) == [(try? Name("example.net."))])
      #expect(reply.message.authority.map(\.ttl) == [600])
    }
  }

  @Test func `no such type is answered for this type only`() {
    let lab = Lab()
    lab.insertNegative("a.example.net.", .aaaa, soa: Self.soa())
    #expect(lab.ask("a.example.net.", .aaaa).outcome == .written(.noError, truncated: false))
    #expect(lab.ask("a.example.net.", .aaaa).authority.count == 1)
    #expect(lab.ask("a.example.net.", .a).isMissing)
  }

  @Test(arguments: [
    (900, 600, UInt32(600)), (300, 600, 300), (100_000, 100_000, 3_600), (900, 1, 1),
  ])
  func `its time is the least of the SOA's TTL, MINIMUM and the limit`(
    ttl: Int, minimum: Int, expected: UInt32
  ) {
    let lab = Lab()
    lab.insertNegative("none.example.net.", nil, soa: Self.soa(ttl: ttl, minimum: minimum))
    #expect(lab.ask("none.example.net.", .a).message.authority.map(\.ttl) == [expected])
    lab.pass(expected - 1)
    #expect(lab.ask("none.example.net.", .a).message.authority.map(\.ttl) == [1])
    lab.pass(1)
    #expect(lab.ask("none.example.net.", .a).isMissing)
  }

  @Test(arguments: [(900, 60), (60, 900), (5, 5)])
  func `the shortest time of records doesn't prolong it`(ttl: Int, minimum: Int) {
    let lab = Lab { $0.minimumTTL = 300 }
    let expected = UInt32(min(ttl, minimum))
    for type in [nil, RecordType.a] {
      lab.insertNegative("none.example.net.", type, soa: Self.soa(ttl: ttl, minimum: minimum))
      #expect(lab.ask("none.example.net.", .a).message.authority.map(\.ttl) == [expected])
    }
    lab.pass(expected)
    #expect(lab.ask("none.example.net.", .a).isMissing)
  }

  @Test(arguments: [(0, 0), (7, 7), (86_400, 900)])
  func `its limit is a setting`(limit: Int, expected: Int) {
    let lab = Lab { $0.maximumNegativeTTL = UInt32(limit) }
    lab.insertNegative("none.example.net.", nil, soa: Self.soa(ttl: 900, minimum: 1_000))
    if expected == 0 {
      #expect(lab.ask("none.example.net.", .a).isMissing)
    } else {
      #expect(
        lab.ask("none.example.net.", .a).message.authority.map(\.ttl) == [UInt32(expected)])
    }
  }

  @Test(arguments: [
    (0, 600), (900, 0), (1 << 31, 600), (900, 1 << 31),
  ])
  func `zero and the top bit in either number mean that it is not kept`(ttl: Int, minimum: Int) {
    let lab = Lab()
    lab.insertNegative("none.example.net.", nil, soa: Self.soa(ttl: ttl, minimum: minimum))
    #expect(lab.ask("none.example.net.", .a).isMissing)
    #expect(
      lab.ask("none.example.net.", .a, waiting: true).outcome
        == .written(.nxDomain, truncated: false))
    lab.dropOverlays()
    #expect(lab.cache.nameCount == 0)
  }

  @Test func `without an SOA it is not kept`() {
    let lab = Lab()
    lab.insertNegative("none.example.net.", nil, soa: nil)
    lab.insertNegative("a.example.net.", .a, soa: nil)
    #expect(lab.ask("none.example.net.", .a).isMissing)
    let reply = lab.ask("none.example.net.", .a, waiting: true)
    #expect(reply.outcome == .written(.nxDomain, truncated: false) && reply.authority.isEmpty)
    #expect(
      lab.ask("a.example.net.", .a, waiting: true).outcome == .written(.noError, truncated: false))
    lab.dropOverlays()
    #expect(lab.cache.nameCount == 0)
    #expect(lab.cache.recordCount == 0)
  }

  @Test(arguments: [-1, 0, 2, 12, 14, 17, 19, 255, 256, 1_000])
  func `an SOA whose zone can't be above the name counts as none`(zoneCount: Int) throws {
    // A zone's name longer than the owner's stopped the program.
    let lab = Lab()
    let soa = try Record(Self.soa())
    _ = lab.reply {
      $0.insertNegative(
        owner: lab.key("none.example.net."), type: nil,
        soa: Cache.NegativeSOA(zoneCount: zoneCount, ttl: 900), soaData: soa.rdata.span,
        from: Origin(rank: .answer, section: .authority), now: lab.now)
    }
    #expect(lab.ask("none.example.net.", .a).isMissing)
    #expect(lab.ask("none.example.net.", .a, waiting: true).authority.isEmpty)
    #expect(!lab.ask("none.example.net.", .a, waiting: true).isMissing)
  }

  @Test func `the root and the name itself may be the zone`() {
    let lab = Lab()
    lab.insertNegative(
      "none.", nil, soa: ". 900 IN SOA a.example.net. b.example.net. 1 7200 900 1209600 600")
    #expect(lab.ask("none.", .a).message.authority.map(\.name) == [.root])
    lab.insertNegative("example.net.", .a, soa: Self.soa())
    #expect(
      lab.ask("example.net.", .a).message.authority.map(\.name.description) == ["example.net."])
  }

  @Test func `no such name replaces the name's answers, and answers replace it`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("a.example.net. 300 NS ns.example.net.", rank: .authority, section: .authority)
    lab.insertNegative("a.example.net.", nil, soa: Self.soa())
    #expect(lab.ask("a.example.net.", .a).outcome == .written(.nxDomain, truncated: false))
    #expect(lab.names(for: "192.0.2.1") == [])
    #expect(lab.cache.setCount == 2, "what answers nothing stays")
    lab.insert("a.example.net. 300 AAAA 2001:db8::1")
    #expect(lab.ask("a.example.net.", .a).isMissing)
    #expect(lab.ask("a.example.net.", .aaaa).answers.count == 1)
    lab.cache._checkInvariants()
  }

  @Test func `data from Additional don't replace no such name`() {
    let lab = Lab()
    lab.insertNegative("a.example.net.", nil, soa: Self.soa())
    lab.insert("a.example.net. 300 A 192.0.2.1", rank: .additional, section: .additional)
    #expect(lab.ask("a.example.net.", .a).outcome == .written(.nxDomain, truncated: false))
  }

  @Test func `no such type replaces the records of this type only`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("a.example.net. 300 AAAA 2001:db8::1")
    lab.insertNegative("a.example.net.", .a, soa: Self.soa())
    #expect(lab.ask("a.example.net.", .a).answers.isEmpty)
    #expect(lab.ask("a.example.net.", .aaaa).answers.count == 1)
    lab.insert("a.example.net. 300 A 192.0.2.1")
    #expect(lab.ask("a.example.net.", .a).answers.count == 1)
    lab.cache._checkInvariants()
  }

  @Test func `a negative answer that doesn't fit is marked as cut`() {
    let lab = Lab()
    lab.insertNegative("none.example.net.", nil, soa: Self.soa())
    let reply = lab.ask("none.example.net.", .a, limit: 60)
    #expect(reply.outcome == .written(.nxDomain, truncated: true))
    #expect(reply.authority.isEmpty)
  }
}
