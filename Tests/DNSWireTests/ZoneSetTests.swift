import DNSWire
import Memory
import Randomness
import Testing

@Suite("Sets of zones")
struct ZoneSetTests {
  private func zone(of name: String, in zones: [String]) throws -> String? {
    let set = ZoneSet(try zones.map { try Name($0) })
    let wire = try Name(name).lowercased.wire
    let number = set.zone(of: wire.span)
    return number.map { zones[$0] }
  }

  @Test func `a zone has its own name and those below`() throws {
    let zones = ["example.net", "Example.Org", "a.b.c.example.com"]
    #expect(try zone(of: "example.net", in: zones) == "example.net")
    #expect(try zone(of: "a.b.EXAMPLE.net", in: zones) == "example.net")
    #expect(try zone(of: "www.example.org", in: zones) == "Example.Org")
    #expect(try zone(of: "x.a.b.c.example.com", in: zones) == "a.b.c.example.com")
    for other in ["net", ".", "xexample.net", "example.net.org", "b.c.example.com", "e.xample.net"]
    {
      #expect(try zone(of: other, in: zones) == nil, "\(other)")
    }
  }

  @Test func `the deepest zone counts, and the root has all names`() throws {
    let zones = ["net", "example.net", "."]
    #expect(try zone(of: "www.example.net", in: zones) == "example.net")
    #expect(try zone(of: "www.other.net", in: zones) == "net")
    #expect(try zone(of: "org", in: zones) == "." && zone(of: ".", in: zones) == ".")
    #expect(try zone(of: ".", in: []) == nil)
  }

  @Test(arguments: SplitMix64.seeds)
  func `lookups agree with a comparison of labels`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func name() throws -> Name {
      try Name(
        labels: (0..<random.number(0...5)).map { _ in
          [UInt8](repeating: UInt8(random.number(0x61...0x63)), count: random.number(1...2))
        })
    }
    for _ in 0..<50 {
      let zones = try (0..<random.number(0...20)).map { _ in try name() }
      let set = ZoneSet(zones)
      for _ in 0..<50 {
        let name = try name()
        let expected = zones.filter { name.isSubdomain(of: $0) }.map(\.labelCount).max()
        let wire = name.wire
        let found = set.zone(of: wire.span)
        #expect(found.map { zones[$0].labelCount } == expected)
        if let found { #expect(name.isSubdomain(of: zones[found])) }
      }
    }
  }

  @Test func `the longest name is looked up`() throws {
    let name = try Name(labels: [[UInt8]](repeating: [0x61], count: 127))
    #expect(name.wire.count == 255)
    let set = ZoneSet([try Name("a.a"), name])
    let wire = name.wire
    let found = set.zone(of: wire.span)
    #expect(found == 1)
  }
}

@Suite("Local addresses")
struct LocalAddressTests {
  @Test(arguments: [
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1",
    "0.0.0.0", "0.1.2.3", "100.64.0.1", "100.127.255.255",
    "::", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff::1",
    "::ffff:10.0.0.1", "::ffff:0.0.0.0", "::192.168.1.1", "::ffff:0:192.168.1.1",
    "64:ff9b::10.0.0.1", "64:ff9b:1::192.168.1.1", "64:ff9b:1:ffff::10.0.0.1", "2002:a00:1::1",
    "2002:c0a8:101::1",
  ])
  func `addresses of the own network`(text: String) throws {
    #expect(try scope(text) == .network)
  }

  @Test(arguments: [
    "127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.2",
    "2002:7f00:1::",
  ])
  func `addresses of the own host`(text: String) throws {
    #expect(try scope(text) == .loopback)
  }

  @Test(arguments: [
    "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "169.253.0.1", "169.255.0.1", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "1.0.0.0", "192.0.2.1", "255.255.255.255", "2001:db8::1", "fbff::1", "fe00::1", "fe7f::1",
    "ff02::1", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "64:ff9b:2::10.0.0.1", "2002:c000:201::1",
    "::1:0:10.0.0.1", "2000::10.0.0.1",
  ])
  func `addresses of the internet`(text: String) throws {
    #expect(try scope(text) == nil)
  }

  private func scope(_ text: String) throws -> LocalAddress.Scope? {
    let address = try #require(IPAddress(text))
    let octets = address.octets
    return LocalAddress.scope(of: octets.span, type: address.isIPv4 ? .a : .aaaa)
  }

  @Test(
    arguments: [
      ("1 . alpn=h2 ipv4hint=192.0.2.1,10.0.0.1", LocalAddress.Scope.network),
      ("1 a.example.net. ipv6hint=fe80::1", .network),
      ("1 . ipv4hint=127.0.0.1 ipv6hint=::1", .loopback),
      ("1 . ipv4hint=127.0.0.1 ipv6hint=2001:db8::1,fd00::1", .network),
      ("1 . alpn=h2 port=10 ipv4hint=192.0.2.1", nil), ("0 a.example.net.", nil),
    ] as [(String, LocalAddress.Scope?)])
  func `hints of HTTPS records count`(text: String, expected: LocalAddress.Scope?) throws {
    let record = try Record("www.example.net. 300 IN HTTPS \(text)")
    let octets = record.rdata
    let found = LocalAddress.scope(of: octets.span, type: .https)
    #expect(found == expected)
  }

  @Test func `records of other types have none`() {
    let octets: [UInt8] = [10, 0, 0, 1]
    let text = LocalAddress.scope(of: octets.span, type: .txt)
    let short = LocalAddress.scope(of: octets.span.extracting(0..<3), type: .a)
    #expect(text == nil && short == nil)
  }
}
