import DNSPolicy
import DNSWire
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

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
    options.routeServers = [[], [IPAddress(v4: 0x0A00_0035)]]
    options.addresses = [IPAddress(v4: 0xC633_6401), IPAddress(v4: 0x0A00_0035)]
    host = Host(options)
  }

  /// The addresses that what was sent went to.
  private func asked(_ events: [Host.Event]) -> [IPAddress] {
    events.compactMap { event in
      guard case .sent(let query, _) = event, !query.isProbe else { return nil }
      return host.address(of: query.upstream)
    }
  }

  @Test func `a question begins anew when a reload gives its name another route`() throws {
    let name = try Name("www.corp.example")
    let before = host.ask(Message(query: name, .a).encoded(), client: 1)
    #expect(asked(before) == [IPAddress(v4: 0xC633_6401)])
    guard case .sent(let first, let octets)? = before.first else { throw TestFailure() }
    let moved = host.route([(try Name("corp.example"), 1)])
    #expect(asked(moved) == [IPAddress(v4: 0x0A00_0035)])
    // The default route's server has no say any more.
    let late = Message(
      respondingTo: try Message(parsing: octets),
      answers: [try Record("www.corp.example. 300 IN A 192.0.2.66")])
    #expect(host.receive(late.encoded(), socket: try #require(first.socket)).isEmpty)
    guard case .sent(let second, let again)? = moved.first(where: { !$0.isClosed }) else {
      throw TestFailure()
    }
    let right = Message(
      respondingTo: try Message(parsing: again),
      answers: [try Record("www.corp.example. 300 IN A 10.0.0.1")])
    let answered = host.receive(right.encoded(), socket: try #require(second.socket))
    guard case .replied(1, _, let reply)? = answered.first else { throw TestFailure() }
    #expect(try Message(parsing: reply).answers == right.answers)
  }

  @Test func `other servers of the same name leave the question under way`() throws {
    _ = host.route([(try Name("corp.example"), 1)])
    let events = host.ask(Message(query: try Name("www.corp.example"), .a).encoded())
    #expect(asked(events) == [IPAddress(v4: 0x0A00_0035)])
    #expect(asked(host.route([(try Name("corp.example"), 0)])) == [])
    #expect(host.resolver.inFlight == 1)
  }

  /// What a server says that has left the route is still heard, but it is told nothing more.
  @Test(arguments: [true, false])
  func `a late odd reply leads to the route's servers alone`(isTruncated: Bool) throws {
    _ = host.route([(try Name("corp.example"), 1)])
    let events = host.ask(Message(query: try Name("www.corp.example"), .a).encoded())
    guard case .sent(let query, let octets)? = events.first else { throw TestFailure() }
    _ = host.route([(try Name("corp.example"), 0)])
    var odd = Message(respondingTo: try Message(parsing: octets))
    odd.tc = isTruncated
    if !isTruncated { odd.rcode = .formErr }
    let then = host.receive(odd.encoded(), socket: try #require(query.socket))
    #expect(asked(then) == [IPAddress(v4: 0xC633_6401)])
  }

  /// A reload makes a name local that is being asked for, by itself or because an alias leads there.
  @Test(arguments: [false, true])
  func `a name that becomes local while it is asked for is answered here`(isAliased: Bool) throws {
    let asked = try Name(isAliased ? "www.example.net" : "x.corp.example")
    var events = host.ask(Message(query: asked, .a).encoded(), client: 1)
    guard case .sent(let query, let octets)? = events.first else { throw TestFailure() }
    let alias = try Record("www.example.net. 300 IN CNAME x.corp.example.")
    if isAliased {
      let reply = Message(respondingTo: try Message(parsing: octets), answers: [alias])
      #expect(host.receive(reply.encoded(), socket: try #require(query.socket)).count == 1)
    }
    #expect(host.resolver.inFlight == (isAliased ? 2 : 1))
    events = host.makeLocal(try Name("corp.example"))
    guard case .replied(1, _, let answer)? = events.first else { throw TestFailure() }
    let message = try Message(parsing: answer)
    #expect(message.rcode == .nxDomain && message.answers == (isAliased ? [alias] : []))
    #expect(message.authority.map(\.name) == [try Name("corp.example")])
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
  }

  @Test func `a server that comes back has a clean slate`() throws {
    let server = ServerID(0)
    let name = try Name("www.example.net")
    _ = host.ask(Message(query: name, .a).encoded())
    host.setUpstreams([1])
    // What was sent there before fails one after the other.
    for _ in 0..<10 { host.advance(to: host.now + 200) { _ in } }
    host.setUpstreams([0])
    #expect(
      host.resolver.exchanges.servers[server].failures == 0
        && !host.resolver.exchanges.servers[server].isDown)
  }

  @Test func `only a route's servers are sources of its names`() {
    let sources = RouteSources([[1, 2], [2, 3]])
    let corp = RouteID(index: 0)
    #expect(sources.contains(1, of: .default) && sources.contains(2, of: .default))
    // Server 3 is asked for that route alone; 9 was an upstream once.
    #expect(!sources.contains(3, of: .default) && sources.contains(9, of: .default))
    #expect(sources.contains(2, of: corp) && sources.contains(3, of: corp))
    #expect(!sources.contains(1, of: corp) && !sources.contains(9, of: corp))
    #expect(!sources.contains(1, of: RouteID(index: 1)) && !sources.contains(0, of: corp))
  }

  @Test(arguments: ["ads.example", "a.b.ADS.example"])
  func `nothing exists in a route without servers`(name: String) throws {
    let reply = try host.answer(to: Message(query: try Name(name), .a, edns: EDNS(dnssecOK: true)))
    #expect(reply.rcode == .nxDomain && reply.aa && reply.answers.isEmpty)
    #expect(reply.authority.map(\.name) == [try Name("ads.example")])
    #expect(reply.authority.map(\.type) == [.soa])
    let counters = host.service.counters
    #expect(counters.local == 1 && counters.special == 1 && counters.misses == 0)
  }

  @Test(arguments: ["nas.iot.home.arpa", "x.ok.ads.example", "1.0.0.10.in-addr.arpa", "example"])
  func `names of a deeper route, and of none, are asked`(name: String) throws {
    _ = host.ask(Message(query: try Name(name), .a).encoded())
    #expect(host.resolver.inFlight == 1 && host.service.counters.local == 0)
  }

  @Test(arguments: ["nas.home.arpa", "1.1.168.192.in-addr.arpa"])
  func `special zones beside a route stay`(name: String) throws {
    #expect(try host.answer(to: Message(query: try Name(name), .a)).rcode == .nxDomain)
    #expect(host.resolver.inFlight == 0)
  }
}
