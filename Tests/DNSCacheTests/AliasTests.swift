import DNSCache
import DNSWire
import Testing

@Suite("Aliases (RFC 1034 §3.6.2, RFC 2308 §2)")
struct AliasTests {
  static func chain(_ links: Int) -> Lab {
    let lab = Lab()
    for link in 0..<links {
      lab.insert("n\(link).example.net. 300 CNAME n\(link + 1).example.net.")
    }
    return lab
  }

  @Test func `a chain is written link by link, then the records`() {
    let lab = Self.chain(2)
    lab.insert("n2.example.net. 60 A 192.0.2.1")
    lab.pass(10)
    #expect(
      lab.ask("n0.example.net.", .a).answers == [
        "n0.example.net. 290 IN CNAME n1.example.net.",
        "n1.example.net. 290 IN CNAME n2.example.net.",
        "n2.example.net. 50 IN A 192.0.2.1",
      ])
  }

  @Test func `a chain whose end is missing names the end`() {
    #expect(Self.chain(3).ask("n0.example.net.", .a).outcome == .missing("n3.example.net."))
  }

  @Test func `a link that has expired is the missing end`() {
    let lab = Self.chain(1)
    lab.pass(100)
    lab.insert("n1.example.net. 300 CNAME n2.example.net.")
    lab.insert("n2.example.net. 300 A 192.0.2.1")
    lab.pass(200)
    #expect(lab.ask("n0.example.net.", .a).outcome == .missing("n0.example.net."))
    #expect(lab.ask("n1.example.net.", .a).answers.count == 2)
  }

  @Test func `asking for the alias itself follows nothing`() {
    let reply = Self.chain(2).ask("n0.example.net.", .cname)
    #expect(reply.answers == ["n0.example.net. 300 IN CNAME n1.example.net."])
    #expect(reply.outcome == .written(.noError, truncated: false))
  }

  @Test func `a chain may end in no such name or no such type`() {
    let lab = Self.chain(2)
    lab.insertNegative("n2.example.net.", nil, soa: NegativeTests.soa())
    var reply = lab.ask("n0.example.net.", .a)
    #expect(reply.outcome == .written(.nxDomain, truncated: false))
    #expect(reply.answers.count == 2 && reply.authority.count == 1)
    lab.insertNegative("n2.example.net.", .a, soa: NegativeTests.soa())
    reply = lab.ask("n0.example.net.", .a)
    #expect(reply.outcome == .written(.noError, truncated: false))
    #expect(reply.answers.count == 2 && reply.authority.count == 1)
  }

  @Test func `a chain of eleven links is followed, of twelve not`() {
    let eleven = Self.chain(11)
    eleven.insert("n11.example.net. 300 A 192.0.2.1")
    #expect(eleven.ask("n0.example.net.", .a).answers.count == 12)
    let twelve = Self.chain(12)
    twelve.insert("n12.example.net. 300 A 192.0.2.1")
    #expect(twelve.ask("n0.example.net.", .a).outcome == .endless)
  }

  @Test(arguments: 1...4)
  func `a loop ends`(length: Int) {
    let lab = Lab()
    for link in 0..<length {
      lab.insert("n\(link).example.net. 300 CNAME n\((link + 1) % length).example.net.")
    }
    #expect(lab.ask("n0.example.net.", .a).outcome == .endless)
    #expect(lab.ask("n0.example.net.", .cname).answers.count == 1)
  }

  @Test func `an alias and other answers replace each other`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("a.example.net. 300 CNAME b.example.net.")
    #expect(lab.ask("a.example.net.", .a).outcome == .missing("b.example.net."))
    #expect(lab.names(for: "192.0.2.1") == [])
    lab.insert("a.example.net. 300 A 192.0.2.2")
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 300 IN A 192.0.2.2"])
    #expect(lab.cache.setCount == 1)
    lab.cache._checkInvariants()
  }

  @Test func `signatures and their like stand beside an alias`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 CNAME b.example.net.")
    lab.insert(
      wire: lab.wire("a.example.net."), .rrsig, ttl: 300, [[UInt8](repeating: 0, count: 40)])
    lab.insert(wire: lab.wire("a.example.net."), .nsec, ttl: 300, [[0, 0, 1, 0x40]])
    #expect(lab.cache.setCount == 3)
    lab.insert("a.example.net. 300 CNAME c.example.net.")
    #expect(lab.cache.setCount == 3)
  }

  @Test func `an alias replaces no such type, which would have hidden it`() {
    let lab = Lab()
    lab.insertNegative("a.example.net.", .a, soa: NegativeTests.soa())
    lab.insert("a.example.net. 300 CNAME b.example.net.")
    lab.insert("b.example.net. 300 A 192.0.2.1")
    #expect(lab.ask("a.example.net.", .a).answers.count == 2)
    lab.insertNegative("a.example.net.", .aaaa, soa: NegativeTests.soa())
    #expect(lab.ask("a.example.net.", .a).isMissing, "and the other way round")
  }

  @Test func `no such alias is no news about other types`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insertNegative("a.example.net.", .cname, soa: NegativeTests.soa())
    #expect(lab.ask("a.example.net.", .a).answers.count == 1)
    #expect(lab.ask("a.example.net.", .txt).isMissing)
  }

  @Test func `glue stays beside an alias and answers nothing`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 CNAME b.example.net.")
    lab.insert("a.example.net. 300 A 192.0.2.1", rank: .additional, section: .additional)
    #expect(lab.ask("a.example.net.", .a).outcome == .missing("b.example.net."))
    #expect(lab.names(for: "192.0.2.1") == ["a.example.net."])
  }
}
