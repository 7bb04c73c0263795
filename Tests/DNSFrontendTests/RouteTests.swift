import DNSPolicy
import DNSWire
import Testing

@testable import DNSFrontend

@Suite("Routes and what is answered here")
struct RouteTests {
  private let host: Host

  init() throws {
    var options = Host.Options()
    options.specialZones = SpecialZone.registry.filter(\.isDefault)
    options.routes = [
      Route(domains: [try Name("ads.example")], isEmpty: true),
      Route(
        domains: [try Name("iot.home.arpa"), try Name("ok.ads.example")],
        networks: [try #require(IPNetwork("10.0.0.0/8"))]),
    ]
    host = Host(options)
  }

  @Test(arguments: ["ads.example", "a.b.ADS.example"])
  func `nothing exists in a route without servers`(name: String) throws {
    let reply = try host.answer(to: Message(query: try Name(name), .a, edns: EDNS(dnssecOK: true)))
    #expect(reply.rcode == .nxDomain && reply.aa && reply.answers.isEmpty)
    #expect(reply.authority.map(\.name) == [try Name("ads.example")])
    #expect(reply.authority.map(\.type) == [.soa])
    let counters = host.frontend.counters
    #expect(counters.local == 1 && counters.special == 1 && counters.misses == 0)
  }

  @Test(arguments: ["nas.iot.home.arpa", "x.ok.ads.example", "1.0.0.10.in-addr.arpa", "example"])
  func `names of a deeper route, and of none, are asked`(name: String) throws {
    _ = host.ask(Message(query: try Name(name), .a).encoded())
    #expect(host.resolver.inFlight == 1 && host.frontend.counters.local == 0)
  }

  @Test(arguments: ["nas.home.arpa", "1.1.168.192.in-addr.arpa"])
  func `special zones beside a route stay`(name: String) throws {
    #expect(try host.answer(to: Message(query: try Name(name), .a)).rcode == .nxDomain)
    #expect(host.resolver.inFlight == 0)
  }
}
