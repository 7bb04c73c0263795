import DNSPolicy
import DNSWire
import Testing

@testable import DNSService

@Suite("Special names (RFC 6761, RFC 6303)")
struct SpecialNameTests {
  private let host: Host

  init() {
    var options = Host.Options()
    options.specialZones = SpecialZone.registry
    host = Host(options)
  }

  private func ask(_ name: String, _ type: RecordType, edns: EDNS? = nil) throws -> Message {
    let reply = try host.answer(to: Message(query: try Name(name), type, edns: edns))
    #expect(reply.aa && reply.rd && reply.ra)
    return reply
  }

  /// One zone for each line of the RFC's tables, and the last addresses that are in them.
  @Test(arguments: [
    "10.in-addr.arpa", "16.172.in-addr.arpa", "31.172.in-addr.arpa", "168.192.in-addr.arpa",
    "0.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa", "113.0.203.in-addr.arpa", "255.255.255.255.in-addr.arpa",
    "64.100.in-addr.arpa", "127.100.in-addr.arpa", "d.f.ip6.arpa", "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa",
    "home.arpa",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
  ])
  func `zones of RFC 6303 are there, and empty`(zone: String) throws {
    let name = try Name(zone)
    let soa = try Record(
      "\(name) 10800 IN SOA \(name) nobody.invalid. 1 3600 1200 604800 10800")
    #expect(try ask(zone, .soa).answers == [soa])
    #expect(try ask(zone, .ns).answers == [Record("\(name) 10800 IN NS \(name)")])
    let apex = try ask(zone, .txt)
    #expect(apex.rcode == .noError && apex.answers.isEmpty && apex.authority == [soa])
    for (name, type) in [("x.\(zone)", .ptr), ("a.b.\(zone)", .soa)] as [(String, RecordType)] {
      let below = try ask(name, type)
      #expect(below.rcode == .nxDomain && below.answers.isEmpty && below.authority == [soa])
    }
    #expect(host.service.counters.misses == 0)
  }

  @Test(arguments: [
    "in-addr.arpa", "172.in-addr.arpa", "15.172.in-addr.arpa", "32.172.in-addr.arpa",
    "63.100.in-addr.arpa", "128.100.in-addr.arpa", "c.f.ip6.arpa", "7.e.f.ip6.arpa",
    "c.e.f.ip6.arpa", "arpa", "onions", "example.net", "test.example.net",
    "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
  ])
  func `zones beside them are asked for`(zone: String) throws {
    _ = host.ask(Message(query: try Name(zone), .soa).encoded())
    #expect(host.resolver.inFlight == 1 && host.service.counters.special == 0)
  }

  @Test(arguments: ["invalid", "test", "onion", "local"])
  func `nothing exists in these, the zone itself included`(zone: String) throws {
    for name in [zone, "www.example.\(zone)", zone.uppercased()] {
      for type in [.a, .aaaa, .soa, .ds, RecordType(65_280)] as [RecordType] {
        let reply = try ask(name, type, edns: EDNS(dnssecOK: true))
        #expect(reply.rcode == .nxDomain && reply.answers.isEmpty)
        #expect(reply.authority.map(\.name) == [try Name(zone)])
        #expect(reply.edns == EDNS(dnssecOK: true))
      }
    }
  }

  @Test func `the addresses of the loopback have their name`() throws {
    let zero = String(repeating: "0.", count: 31)
    for name in ["1.0.0.127.in-addr.arpa", "1.\(zero)ip6.arpa"] {
      let reply = try ask(name, .ptr)
      #expect(reply.answers == [try Record("\(name). 10800 IN PTR localhost.")])
      #expect(try ask(name, .a).rcode == .noError)
    }
    // RFC 8020: a name above one that exists exists.
    #expect(try ask("0.0.127.in-addr.arpa", .ptr).rcode == .noError)
    #expect(try ask("0.127.in-addr.arpa", .ptr).rcode == .noError)
    #expect(try ask("2.0.0.127.in-addr.arpa", .ptr).rcode == .nxDomain)
    #expect(try ask("1.1.0.0.127.in-addr.arpa", .ptr).rcode == .nxDomain)
  }

  @Test func `there is no designated resolver (RFC 9462)`() throws {
    for (name, type) in [
      ("_dns.resolver.arpa", .svcb), ("resolver.arpa", .ds), ("a.resolver.arpa", .a),
    ]
      as [(String, RecordType)]
    {
      let reply = try ask(name, type)
      #expect(reply.rcode == .noError && reply.answers.isEmpty && reply.authority.count == 1)
    }
  }

  @Test func `the client's letter case comes back`() throws {
    let name = try Name("WWW.LocalHost")
    let reply = try host.answer(to: Message(query: name, .a))
    #expect(reply.questions[0].name.wire == name.wire)
    #expect(reply.answers.map(\.name.wire) == [name.wire])
  }

  @Test func `strangers get nothing of it`() throws {
    let query = Message(query: try Name("localhost"), .a)
    #expect(try host.answer(to: query, from: Host.stranger).rcode == .refused)
  }

  @Test func `the registry has each zone once, local alone not by default`() {
    let zones = SpecialZone.registry
    #expect(Set(zones.map(\.name)).count == zones.count && zones.count == 7 + 17 + 16 + 64)
    #expect(zones.filter { !$0.isDefault }.map { "\($0.name)" } == ["local."])
  }
}
