import DNSCache
import DNSWire
import Testing

@Suite("Stale data (RFC 8767)")
struct StaleTests {
  /// A cache that keeps expired answers for an hour.
  static func lab(octets: Int = 1 << 22) -> Lab { Lab(octets: octets) { $0.staleAge = 3_600 } }

  static let soa = "example.net. 60 SOA ns1.example.net. host.example.net. 1 2 3 4 60"

  @Test func `what has expired is given on request alone, with a TTL of 30 seconds`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    #expect(
      lab.ask("a.example.net.", .a, stale: true).answers == ["a.example.net. 60 IN A 192.0.2.1"])
    #expect(lab.cache.staleness == .none)
    lab.pass(60)
    #expect(lab.ask("a.example.net.", .a).isMissing)
    #expect(lab.ask("a.example.net.", .a, waiting: true).isMissing)
    #expect(lab.hasStale("a.example.net."))
    #expect(
      lab.ask("a.example.net.", .a, stale: true).answers == ["a.example.net. 30 IN A 192.0.2.1"])
    #expect(lab.cache.staleness == .records)
  }

  @Test func `it is given until its age is the limit`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.pass(60 + 3_599)
    #expect(!lab.ask("a.example.net.", .a, stale: true).isMissing)
    lab.pass(1)
    #expect(lab.ask("a.example.net.", .a, stale: true).isMissing)
    #expect(!lab.hasStale("a.example.net."))
  }

  @Test func `with an age of zero nothing is stale`() {
    let lab = Lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.pass(60)
    #expect(lab.ask("a.example.net.", .a, stale: true).isMissing)
    lab.sweep()
    #expect(lab.cache.nameCount == 0)
  }

  @Test(arguments: [(60, 600), (600, 60), (60, 60)] as [(UInt32, UInt32)])
  func `any link of a chain may be stale`(alias: UInt32, address: UInt32) {
    let lab = Self.lab()
    lab.insert("a.example.net. \(alias) CNAME b.example.net.")
    lab.insert("b.example.net. \(address) A 192.0.2.1")
    lab.pass(100)
    func left(_ ttl: UInt32) -> UInt32 { ttl > 100 ? ttl - 100 : 30 }
    #expect(lab.ask("a.example.net.", .a).isMissing)
    #expect(
      lab.ask("a.example.net.", .a, stale: true).answers == [
        "a.example.net. \(left(alias)) IN CNAME b.example.net.",
        "b.example.net. \(left(address)) IN A 192.0.2.1",
      ])
    #expect(lab.cache.staleness == .records)
  }

  @Test func `a chain with a link that was never known is no answer`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 CNAME b.example.net.")
    lab.pass(100)
    #expect(lab.ask("a.example.net.", .a, stale: true).isMissing)
  }

  @Test func `a stale loop ends`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 CNAME b.example.net.")
    lab.insert("b.example.net. 60 CNAME a.example.net.")
    lab.pass(100)
    #expect(lab.ask("a.example.net.", .a, stale: true).outcome == .endless)
  }

  @Test func `negative facts go stale, too, and "no such name" is told from the rest`() {
    let lab = Self.lab()
    lab.insertNegative("gone.example.net.", nil, soa: Self.soa)
    lab.insertNegative("a.example.net.", .aaaa, soa: Self.soa)
    lab.insert("b.example.net. 10 CNAME fresh-gone.example.net.")
    lab.pass(50)
    lab.insertNegative("fresh-gone.example.net.", nil, soa: Self.soa)
    lab.pass(10)
    // RFC 2308 §5: as an answer of its own it ends with its SOA.
    #expect(lab.ask("gone.example.net.", .a).isMissing)
    let gone = lab.ask("gone.example.net.", .a, stale: true)
    #expect(gone.outcome == .written(.nxDomain, truncated: false))
    #expect(gone.message.authority.map(\.ttl) == [30])
    #expect(lab.cache.staleness == .nxDomain)
    let nodata = lab.ask("a.example.net.", .aaaa, stale: true)
    #expect(nodata.outcome == .written(.noError, truncated: false))
    #expect(nodata.message.authority.map(\.ttl) == [30])
    #expect(lab.cache.staleness == .records)
    // Here the alias is stale, and the fact that its target doesn't exist isn't.
    #expect(
      lab.ask("b.example.net.", .a, stale: true).outcome == .written(.nxDomain, truncated: false))
    #expect(lab.cache.staleness == .records)
  }

  @Test func `what may not be kept is never stale`() {
    let lab = Self.lab()
    lab.insert("zero.example.net. 0 A 192.0.2.1")
    lab.insertNegative("gone.example.net.", nil, soa: nil)
    lab.pass(61)
    for name in ["zero.example.net.", "gone.example.net."] {
      #expect(lab.ask(name, .a, stale: true).isMissing)
      #expect(!lab.hasStale(name))
    }
  }

  @Test func `glue and other data that is no answer has no second life`() {
    let lab = Self.lab()
    lab.insert("ns1.example.net. 60 A 192.0.2.53", rank: .additional, section: .additional)
    lab.insert("example.net. 60 NS ns1.example.net.", rank: .authority, section: .authority)
    lab.pass(60)
    #expect(lab.ask("ns1.example.net.", .a, stale: true).isMissing)
    #expect(lab.ask("example.net.", .ns, stale: true).isMissing)
    lab.sweep()
    #expect(lab.cache.nameCount == 0)
  }

  @Test func `stale addresses are no additional data, and no way from address to name`() {
    let lab = Self.lab()
    lab.insert("mail.example.net. 60 A 192.0.2.25")
    lab.insert("example.net. 600 MX 10 mail.example.net.")
    #expect(lab.ask("example.net.", .mx).additional.count == 1)
    #expect(lab.names(for: "192.0.2.25") == ["mail.example.net."])
    lab.pass(60)
    #expect(lab.ask("example.net.", .mx).additional == [])
    #expect(lab.ask("example.net.", .mx, stale: true).additional == [])
    #expect(lab.names(for: "192.0.2.25") == [])
    #expect(lab.contents().count == 1)
  }

  @Test func `glue does not replace a stale answer, an answer does`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.pass(60)
    let glue = lab.insert(
      "a.example.net. 86400 A 198.51.100.66", rank: .additional, section: .additional)
    #expect(glue == .outranked)
    #expect(
      lab.ask("a.example.net.", .a, stale: true).answers == ["a.example.net. 30 IN A 192.0.2.1"])
    #expect(lab.insert("a.example.net. 60 A 192.0.2.2", rank: .aliasedAnswer) == .stored)
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 60 IN A 192.0.2.2"])
    lab.pass(60 + 3_600)
    // What is too old to be given may be replaced by anything.
    #expect(
      lab.insert("a.example.net. 60 A 192.0.2.3", rank: .additional, section: .additional)
        == .stored)
    lab.cache._checkInvariants()
  }

  @Test func `glue of the same reply does not replace an answer that may not be kept`() {
    let lab = Lab()
    lab.insert("a.example.net. 0 A 192.0.2.1")
    lab.insert("a.example.net. 60 A 192.0.2.2", rank: .additional, section: .additional)
    #expect(
      lab.ask("a.example.net.", .a, waiting: true).answers == ["a.example.net. 0 IN A 192.0.2.1"])
  }

  @Test func `news ends what is stale`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.insert("b.example.net. 60 A 192.0.2.1")
    lab.insert("c.example.net. 60 A 192.0.2.1")
    lab.pass(60)
    lab.insertNegative("a.example.net.", nil, soa: Self.soa)
    lab.insertNegative("b.example.net.", .a, soa: Self.soa)
    lab.insert("c.example.net. 60 CNAME d.example.net.")
    #expect(
      lab.ask("a.example.net.", .a, stale: true).outcome == .written(.nxDomain, truncated: false))
    #expect(lab.ask("b.example.net.", .a, stale: true).message.answers == [])
    #expect(lab.ask("c.example.net.", .a, stale: true).isMissing)
    #expect(lab.cache.recordCount == 1)
  }

  @Test func `a flush takes what is stale`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.pass(60)
    let removed = lab.cache.flush(lab.key("a.example.net."), .everything)
    #expect(removed == 1)
    #expect(lab.ask("a.example.net.", .a, stale: true).isMissing)
  }

  // MARK: Room

  @Test func `the sweep keeps what is stale until it is too old`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.insert("b.example.net. 600 A 192.0.2.1")
    lab.pass(60 + 3_599)
    lab.sweep()
    #expect(lab.cache.nameCount == 2)
    lab.pass(1)
    lab.sweep()
    #expect(lab.cache.nameCount == 1 && lab.cache.counters.expired == 1)
    lab.cache._checkInvariants()
  }

  @Test func `when memory is nearly full the sweep removes what is stale, oldest first`() {
    let lab = Self.lab(octets: 1 << 20)
    QueueTests.fill(lab, 4_000, ttl: 60)
    lab.pass(60)
    let stale = lab.cache.nameCount
    var index = 0
    while lab.cache.counters.evictions == 0 {
      lab.insert("fresh\(index).example.net. 600 A 192.0.2.1")
      index += 1
    }
    #expect(stale == 4_000, "what had expired did not have to go before")
    lab.sweep()
    #expect(lab.ask("n1.example.net.", .a, stale: true).isMissing)
    // It stops as soon as there is room.
    #expect(!lab.ask("n3999.example.net.", .a, stale: true).isMissing)
    #expect(!lab.ask("fresh0.example.net.", .a).isMissing)
    lab.cache._checkInvariants()
  }

  @Test func `the eviction takes a name that has expired, however much it was used`() {
    let lab = Self.lab(octets: 1 << 20)
    lab.insert("stale.example.net. 60 A 192.0.2.1")
    lab.insert("fresh.example.net. 3600 A 192.0.2.2")
    #expect(!lab.ask("stale.example.net.", .a).isMissing)
    #expect(!lab.ask("fresh.example.net.", .a).isMissing)
    lab.pass(60)
    var index = 0
    while lab.cache.counters.evictions == 0 {
      lab.insert("n\(index).example.net. 3600 A 192.0.2.3")
      index += 1
    }
    #expect(lab.ask("stale.example.net.", .a, stale: true).isMissing)
    #expect(!lab.ask("fresh.example.net.", .a).isMissing)
  }

  // MARK: Snapshots

  @Test func `a restart keeps what is stale, and its age`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.insertNegative("gone.example.net.", nil, soa: Self.soa)
    lab.insert("ns1.example.net. 60 A 192.0.2.53", rank: .additional, section: .additional)
    lab.pass(1_000)
    let file = lab.snapshot()

    let later = Lab(now: 5_000) { $0.staleAge = 3_600 }
    later.wallClock = lab.wallClock + 100
    let result = later.restore(file)
    #expect(result.isComplete && result.restored == 2 && result.expired == 0)
    #expect(later.ask("a.example.net.", .a).isMissing)
    #expect(
      later.ask("a.example.net.", .a, stale: true).answers == ["a.example.net. 30 IN A 192.0.2.1"])
    #expect(later.ask("gone.example.net.", .a, stale: true).message.rcode == .nxDomain)
    // 1,000 − 60 seconds before the snapshot, 100 until the restart.
    later.pass(3_600 - 940 - 100 - 1)
    #expect(!later.ask("a.example.net.", .a, stale: true).isMissing)
    later.pass(1)
    #expect(later.ask("a.example.net.", .a, stale: true).isMissing)
    later.cache._checkInvariants()
  }

  @Test func `a restart drops what is too old, all that is stale where it isn't wanted`() {
    let lab = Self.lab()
    lab.insert("a.example.net. 60 A 192.0.2.1")
    lab.pass(1_000)
    let file = lab.snapshot()
    let late = Lab(now: 10_000) { $0.staleAge = 3_600 }
    late.wallClock = lab.wallClock + 3_600 - 940
    #expect(late.restore(file).expired == 1)
    let other = Lab(now: 10_000)
    other.wallClock = lab.wallClock
    #expect(other.restore(file).expired == 1)
    // A clock that began after the data expired has no time for that.
    let young = Lab(now: 940) { $0.staleAge = 3_600 }
    young.wallClock = lab.wallClock
    #expect(young.restore(file).expired == 1)
    let older = Lab(now: 941) { $0.staleAge = 3_600 }
    older.wallClock = lab.wallClock
    #expect(older.restore(file).restored == 1)
    #expect(older.hasStale("a.example.net."))
    for lab in [late, other, young] { #expect(lab.cache.nameCount == 0) }
  }

  @Test func `what a snapshot knows better replaces what is stale, and nothing else does`() {
    let old = Self.lab()
    old.insert("a.example.net. 3600 A 192.0.2.1")
    old.insert("b.example.net. 60 A 192.0.2.1")
    old.pass(100)
    let file = old.snapshot()
    let lab = Lab(now: 5_000) { $0.staleAge = 3_600 }
    lab.insert("a.example.net. 60 A 192.0.2.9")
    lab.insert("b.example.net. 60 A 192.0.2.9")
    lab.pass(60)
    lab.wallClock = old.wallClock
    lab.restore(file)
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 3500 IN A 192.0.2.1"])
    #expect(
      lab.ask("b.example.net.", .a, stale: true).answers == ["b.example.net. 30 IN A 192.0.2.9"])
    lab.cache._checkInvariants()
  }
}
