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

  /// www and x have TTL 0, so that no cache has them while the question for y waits; x gets another route.
  @Test func `a link that came by an old route begins a question anew`() throws {
    _ = host.route([])
    let first = try answer(ask("www.example.net"), "www.example.net. 0 IN CNAME x.corp.example.")
    let second = try answer(first, "x.corp.example. 0 IN CNAME y.example.org.")
    #expect(host.resolver.inFlight == 2)
    let moved = host.route([(try Name("corp.example"), 1)])
    let again = try answer(moved, "www.example.net. 0 IN CNAME x.corp.example.")
    #expect(asked(again) == [IPAddress(v4: 0x0A00_0035)])
    // Nobody waits for the question that the old route's link led to.
    #expect(try answer(second, "y.example.org. 300 IN A 192.0.2.66").isEmpty)
    let answers = try given(answer(again, "x.corp.example. 0 IN A 10.0.0.1"))
    #expect(answers.count == 2 && answers[1].hasSuffix("10.0.0.1"))
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
    #expect(host.cache.overlayOctets == 0)
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

  /// Answers what was sent last, with one record.
  private func answer(_ events: [Host.Event], _ record: String) throws -> [Host.Event] {
    guard case .sent(let query, let octets)? = events.last(where: { !$0.isClosed }) else {
      throw TestFailure()
    }
    let reply = Message(
      respondingTo: try Message(parsing: octets), answers: [try Record(record)])
    return host.receive(reply.encoded(), socket: try #require(query.socket))
  }

  private func ask(_ name: String) throws -> [Host.Event] {
    host.ask(Message(query: try Name(name), .a).encoded())
  }

  /// The answers of a reply to a client.
  private func given(_ events: [Host.Event]) throws -> [String] {
    guard case .replied(_, _, let octets)? = events.last else { throw TestFailure() }
    return try Message(parsing: octets).answers.map(\.description)
  }

  @Test func `what is cached of a name isn't given once the name has another route`() throws {
    _ = host.route([])
    let alias = try answer(
      ask("www.example.net"), "www.example.net. 300 IN CNAME www.corp.example.")
    _ = try answer(alias, "www.corp.example. 300 IN A 192.0.2.66")
    #expect(asked(try ask("www.example.net")) == [])
    _ = host.route([(try Name("corp.example"), 1)])
    // No walk has passed the cache.
    let hasUnjudged = host.cache.hasUnjudged
    #expect(hasUnjudged)
    let events = try ask("www.example.net")
    #expect(asked(events) == [IPAddress(v4: 0x0A00_0035)])
    let answers = try given(answer(events, "www.corp.example. 300 IN A 10.0.0.1"))
    #expect(answers.count == 2 && answers[1].hasSuffix("10.0.0.1"))
    #expect(try given(ask("www.corp.example")).map { $0.hasSuffix("10.0.0.1") } == [true])
    // The same domain with another server: data stays.
    _ = host.route([(try Name("other.example"), 1), (try Name("corp.example"), 0)])
    #expect(asked(try ask("www.corp.example")) == [])
    host.cache._checkInvariants()
  }

  @Test func `of a name whose rules changed too often nothing cached is given`() throws {
    _ = host.route([])
    _ = try answer(try ask("www.example.net"), "www.example.net. 300 IN A 192.0.2.1")
    for _ in 0..<16 { _ = host.route([]) }
    #expect(asked(try ask("www.example.net")) == [])
    for _ in 0..<17 { _ = host.route([]) }
    #expect(asked(try ask("www.example.net")) == [IPAddress(v4: 0xC633_6401)])
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
