import DNSPolicy
import DNSWire
import Randomness
import Testing

@Suite("Routes and special zones in one table")
struct PolicyTests {
  private let seed = HashSeed(1, 2)
  private static let defaults = SpecialZone.registry.filter(\.isDefault)

  /// `special ZONE`, `nobody ZONE`, or the number of a route.
  private func decide(_ name: String, _ policy: borrowing Policy) throws -> String {
    let wire = try Name(name).lowercased.wire
    switch policy.decide(wire.span, asked: .a) {
    case .route(let route): return "\(route.number)"
    case .local(let match):
      guard let number = match.zone else { return "local" }
      let zone = policy.name(number)
      let text = try Name(wire: zone.indices.map { zone[$0] })
      return "\(match.route == .default ? "special" : "nobody") \(text)"
    }
  }

  private func route(
    _ domains: [String], networks: [String] = [], isEmpty: Bool = false
  ) throws -> Route {
    Route(
      domains: try domains.map { try Name($0) }, networks: networks.compactMap { IPNetwork($0) },
      isEmpty: isEmpty)
  }

  @Test(
    arguments: [
      ("example.net", "0"), (".", "0"), ("corp.example", "1"), ("a.b.CORP.example", "1"),
      ("xcorp.example", "0"), ("example", "0"), ("lab.corp.example", "2"),
      ("x.lab.corp.example", "2"), ("ads.corp.example", "nobody ads.corp.example."),
      ("x.ads.corp.example", "nobody ads.corp.example."), ("ok.ads.corp.example", "1"),
      ("localhost", "special localhost."), ("x.test", "special test."),
      // A route takes a special zone's place, or a part of it.
      ("home.arpa", "2"), ("nas.home.arpa", "2"), ("x.iot.test", "1"),
    ] as [(String, String)])
  func `the longest match counts`(name: String, expected: String) throws {
    let policy = Policy(
      PolicyRules(
        routes: [
          try route(["corp.example", "ok.ads.corp.example", "iot.test"]),
          try route(["lab.corp.example", "home.arpa"]),
          try route(["ads.corp.example"], isEmpty: true),
        ], specialZones: Self.defaults), seed: seed)
    #expect(try decide(name, policy) == expected)
  }

  @Test(
    arguments: [
      ("192.168.0.0/16", ["168.192.in-addr.arpa"]),
      ("192.168.2.0/23", ["2.168.192.in-addr.arpa", "3.168.192.in-addr.arpa"]),
      ("172.16.0.0/12", (16...31).map { "\($0).172.in-addr.arpa" }),
      ("192.0.2.1", ["1.2.0.192.in-addr.arpa"]), ("0.0.0.0/0", ["in-addr.arpa"]),
      ("192.0.2.254/31", ["254.2.0.192.in-addr.arpa", "255.2.0.192.in-addr.arpa"]),
      ("fd00::/8", ["d.f.ip6.arpa"]), ("fc00::/7", ["c.f.ip6.arpa", "d.f.ip6.arpa"]),
      ("fd00:1::/33", (0...7).map { "\($0).1.0.0.0.0.0.d.f.ip6.arpa" }),
      ("fe80::/10", ["8", "9", "a", "b"].map { "\($0).e.f.ip6.arpa" }), ("::/0", ["ip6.arpa"]),
      (
        "2001:db8::8/127",
        ["8", "9"].map { $0 + String(repeating: ".0", count: 23) + ".8.b.d.0.1.0.0.2.ip6.arpa" }
      ),
    ] as [(String, [String])])
  func `a network has the reverse zones of its addresses`(text: String, zones: [String]) throws {
    let network = try #require(IPNetwork(text))
    #expect(network.reverseZones == (try zones.map { try Name($0) }))
  }

  @Test(arguments: SplitMix64.seeds)
  func `an address is in a network when its name is in one of the network's zones`(
    seed: UInt64
  ) throws {
    var random = SplitMix64(seed: seed)
    for isIPv4 in [true, false] {
      for _ in 0..<100 {
        // Few bits that differ, so that many addresses are inside.
        func address() -> IPAddress {
          isIPv4
            ? IPAddress(v4: 0xC0A8_0000 ^ UInt32(1) << UInt32(random.number(0...31)))
            : IPAddress(
              v6High: 0x2001_0DB8 << 32 ^ UInt64(1) << UInt64(random.number(0...63)), low: 1)
        }
        let base = address()
        let length = random.number(0...base.bitWidth)
        let network = try #require(IPNetwork(base, prefixLength: length))
        let zones = network.reverseZones
        #expect(Set(zones).count == zones.count)
        let other = address()
        #expect(
          zones.filter { other.reverseName.isSubdomain(of: $0) }.count
            == (network.contains(other) ? 1 : 0), "\(network) \(other)")
      }
    }
  }

  @Test func `a route's networks have their local reverse zones, and no others`() throws {
    let policy = Policy(
      PolicyRules(
        routes: [
          try route([], networks: ["172.0.0.0/8", "192.168.7.0/24", "fd00::/8"]),
          try route(["arpa"]),
        ], specialZones: Self.defaults), seed: seed)
    for (name, expected) in [
      // The special zone is deeper than the network's.
      ("1.16.172.in-addr.arpa", "1"), ("1.7.168.192.in-addr.arpa", "1"), ("1.d.f.ip6.arpa", "1"),
      ("1.8.168.192.in-addr.arpa", "special 168.192.in-addr.arpa."),
      ("10.in-addr.arpa", "special 10.in-addr.arpa."),
      // A domain above a special zone leaves it alone.
      ("home.arpa", "special home.arpa."), ("8.8.in-addr.arpa", "2"),
    ] {
      #expect(try decide(name, policy) == expected, "\(name)")
    }
  }

  @Test func `the DS of a special zone is the parent's, that of an empty route nobody's`() throws {
    let policy = Policy(
      PolicyRules(
        routes: [try route(["ads.example"], isEmpty: true)], specialZones: Self.defaults),
      seed: seed)
    func isLocal(_ text: String, _ type: RecordType) throws -> Bool {
      let wire = try Name(text).wire
      if case .local = policy.decide(wire.span, asked: type) { return true }
      return false
    }
    #expect(try !isLocal("home.arpa", .ds) && isLocal("home.arpa", .a))
    #expect(try isLocal("x.home.arpa", .ds) && isLocal("test", .ds) && isLocal("ads.example", .ds))
  }

  @Test(arguments: SplitMix64.seeds)
  func `decisions agree with a comparison of labels`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func name(_ labels: ClosedRange<Int>) throws -> Name {
      try Name(
        labels: (0..<random.number(labels)).map { _ in
          [UInt8](repeating: UInt8(random.number(0x61...0x63)), count: random.number(1...2))
        })
    }
    func routes() throws -> [Route] {
      try (0..<random.number(0...6)).map { _ in
        Route(
          domains: try (0..<random.number(1...4)).map { _ in try name(1...4) },
          isEmpty: random.number(0...3) == 0)
      }
    }
    /// The matching zone, and its route.
    func match(_ name: Name, _ routes: [Route]) -> (zone: Name, route: Int)? {
      let all = routes.enumerated().flatMap { index, route in route.zones.map { ($0, index) } }
      let deepest = all.filter { name.isSubdomain(of: $0.0) }.max {
        $0.0.labelCount < $1.0.labelCount
      }
      guard let deepest, let first = all.first(where: { $0.0 == deepest.0 }) else { return nil }
      return (first.0, first.1)
    }
    for _ in 0..<30 {
      let (old, new) = (try routes(), try routes())
      let before = Policy(PolicyRules(routes: old), seed: self.seed)
      let policy = Policy(PolicyRules(routes: new), seed: self.seed)
      for _ in 0..<60 {
        let name = try name(0...5)
        let wire = name.wire
        let expected = match(name, new)
        switch policy.decide(wire.span, asked: .a) {
        case .route(let route):
          #expect(route == expected.map { RouteID(index: $0.route) } ?? .default)
          #expect(expected.map { new[$0.route].isEmpty } != true)
        case .local(let found):
          let zone = policy.name(try #require(found.zone))
          #expect(zone.count == expected?.zone.wire.count)
          #expect(found.isApex == (name == expected?.zone))
          #expect(expected.map { new[$0.route].isEmpty } == true)
        }
        let isNobodys = expected.map { new[$0.route].isEmpty } == true
        let cameBy = match(name, old).flatMap { old[$0.route].isEmpty ? nil : $0.zone }
        let isKept = policy.keeps(wire.span, cameBy: before.routeDomain(of: wire.span))
        #expect(isKept == (!isNobodys && cameBy == expected?.zone), "\(name)")
      }
    }
  }

  @Test func `data stays when a domain has another route, and goes when another domain has it`()
    throws
  {
    let old = Policy(
      PolicyRules(
        routes: [try route(["a.example"]), try route(["b.example", "c.example"])],
        specialZones: Self.defaults), seed: seed)
    let new = Policy(
      PolicyRules(
        routes: [
          try route(["b.example", "x.a.example"]), try route(["a.example"]),
          try route(["c.example"], isEmpty: true), try route(["home.arpa"]),
        ], specialZones: Self.defaults), seed: seed)
    for (name, goes) in [
      ("www.a.example", false), ("b.example", false), ("www.x.a.example", true),
      ("www.c.example", true), ("example", false), (".", false),
      // The DS of a special zone is in the cache, and was not this route's.
      ("home.arpa", true),
    ] {
      let wire = try Name(name).wire
      let isKept = new.keeps(wire.span, cameBy: old.routeDomain(of: wire.span))
      #expect(isKept != goes, "\(name)")
    }
  }
}
