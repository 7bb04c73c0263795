import DNSCache
import DNSPolicy
import DNSWire
import Randomness
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("Upstreams and rules that change while questions are in flight")
struct ReloadTests {
  private func network(
    _ links: [SimulatedNetwork.Link], upstreams: Int, seed: UInt64 = 1
  ) -> SimulatedNetwork {
    SimulatedNetwork(
      Host.Options(
        upstreams: upstreams, socketsPerUpstream: 16, inFlightLimit: 1_024, waiterLimit: 4_096,
        waitersPerQuestion: 64, pendingLimit: 4_096, seed: seed, exploration: 16),
      links: links)
  }

  @Test func `queries leave from fewer sockets, and replies to the others still count`() throws {
    let network = network([.init(delay: 10), .init(delay: 10)], upstreams: 2)
    for _ in 0..<400 { try network.askForNew() }
    #expect(network.sockets.contains { $0.member > 2 })
    var settings = network.host.resolver.settings
    settings.exchanges.sockets = 3
    network.host.resolver.reconfigure(settings)
    network.sockets = []
    for _ in 0..<400 { try network.askForNew() }
    #expect(network.sockets.allSatisfy { $0.member < 3 })
    #expect(network.sockets.count >= 3)
    try network.run(to: 100)
    #expect(network.endings.count == 800 && network.endings.allSatisfy { $0.isAnswered })
    settings.exchanges.sockets = 16
    network.host.resolver.reconfigure(settings)
    for _ in 0..<400 { try network.askForNew() }
    #expect(network.sockets.contains { $0.member > 2 })
  }

  @Test func `a question in flight at an upstream that goes is asked elsewhere, soon`() throws {
    let network = network([.init(isUp: false), .init(delay: 10)], upstreams: 1)
    try network.askForNew()
    try network.run(to: 5)
    network.host.setUpstreams([1])
    try network.run(to: 200)
    #expect(network.endings.count == 1)
    #expect(network.endings.allSatisfy { $0.isAnswered && $0.wait < 160 })
    #expect(network.links[1].questions == 1)
  }

  @Test func `the reply of an upstream that has gone still counts`() throws {
    let network = network([.init(delay: 60), .init(isUp: false)], upstreams: 1)
    try network.askForNew()
    try network.run(to: 5)
    network.host.setUpstreams([1])
    try network.run(to: 100)
    #expect(network.endings.count == 1 && network.endings.allSatisfy { $0.isAnswered })
    #expect(network.host.resolver.exchanges.servers[ServerID(0)].inFlight == 0)
  }

  @Test func `an upstream that has gone is asked no more, and not probed`() throws {
    let network = network([.init(isUp: false), .init(delay: 10)], upstreams: 2)
    try network.run(to: 3_000, every: 10)
    network.host.setUpstreams([1])
    network.links[0] = .init(delay: 1)
    let sent = network.host.resolver.exchanges.servers[ServerID(0)].counters.queries
    try network.run(to: 8_000, every: 10)
    #expect(network.links[0].questions == 0)
    #expect(network.host.resolver.exchanges.servers[ServerID(0)].counters.queries == sent)
    var views: [ServerID] = []
    network.host.resolver.exchanges.visitUpstreams(now: network.host.now) { views.append($0.id) }
    #expect(views == [ServerID(1)])
  }

  @Test func `a slot is another's at once, though replies of the last one may still come`() throws {
    let network = network([.init(delay: 300), .init(delay: 10)], upstreams: 2)
    try network.run(to: 400, every: 5)
    // So many others that the slot of the first is the one retired for longest.
    for first in stride(from: 100, to: 100 + ServerID.limit - 2, by: 30) {
      let others = first..<min(first + 30, 100 + ServerID.limit - 2)
      network.host.setUpstreams([1] + Array(others))
    }
    let change = network.host.setUpstreams([1, 99])
    #expect(change.opened == [ServerID(0)])
    let resolver = network.host
    #expect(resolver.resolver.exchanges.servers[ServerID(0)].inFlight == 0)
    network.links[0] = .init(delay: 20)
    try network.run(to: 6_000, every: 5)
    try network.run(to: 12_000)
    #expect(network.endings.allSatisfy { $0.isAnswered })
    #expect(network.waiting == 0 && resolver.resolver.inFlight == 0)
  }

  @Test func `one that comes back is known as it was`() throws {
    let network = network([.init(delay: 10), .init(delay: 30)], upstreams: 2)
    try network.run(to: 2_000, every: 5)
    let before = network.host.resolver.exchanges.servers[ServerID(0)].roundTrip.milliseconds
    network.host.setUpstreams([1])
    try network.run(to: 3_000, every: 5)
    let change = network.host.setUpstreams([0, 1])
    #expect(change.revived == [ServerID(0)] && change.opened == [])
    #expect(network.host.resolver.exchanges.servers[ServerID(0)].roundTrip.milliseconds == before)
    let questions = network.links[0].questions
    try network.run(to: 4_000, every: 5)
    #expect(network.links[0].questions > questions + 100, "it is the fastest")
  }

  /// Every 50 ms some upstreams go, others come; at least one stays at any moment.
  @Test(arguments: SplitMix64.seeds)
  func `five hundred changes of upstreams under load lose no question`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let places = 8
    let network = network(
      (0..<places).map { .init(delay: 5 + $0 * 7) }, upstreams: places, seed: seed)
    var present: Set<Int> = [0, 1]
    network.host.setUpstreams(present.sorted())
    for round in 1...500 as ClosedRange<UInt64> {
      try network.run(to: round * 50, every: 3)
      let place = random.number(0...places - 1)
      if !present.contains(place) {
        present.insert(place)
      } else if present.count > 1 {
        present.remove(place)
      }
      network.host.setUpstreams(present.sorted())
    }
    try network.run(to: 35_000)
    #expect(network.endings.count > 8_000)
    #expect(network.endings.allSatisfy { $0.isAnswered && $0.wait < 1_000 })
    #expect(network.waiting == 0)
    #expect(network.host.resolver.inFlight == 0)
    #expect(
      (0..<places).allSatisfy {
        network.host.resolver.exchanges.servers[ServerID($0)].inFlight == 0
      })
  }

  @Test func `who may ask, special names and limits change at once`() throws {
    let host = Host()
    let name = try Name("printer.test")
    func verdict() throws -> ResponseCode? {
      let events = host.ask(Message(query: name, .a).encoded())
      guard case .replied(_, _, let octets)? = events.first else { return nil }
      return try Message(parsing: octets).rcode
    }
    #expect(try verdict() == nil, "it is asked upstream")
    var settings = host.service.settings
    host.rules.specialZones = SpecialZone.registry.filter(\.isDefault)
    host.setUpstreams(0..<1)
    #expect(try verdict() == .nxDomain)
    settings.allowed = [IPNetwork("198.51.100.0/24")].compactMap { $0 }
    host.service.reconfigure(settings, cookieSecrets: nil)
    #expect(try verdict() == .refused)
    settings.allowed = [IPNetwork("192.0.2.0/24")].compactMap { $0 }
    settings.clients.queries = 1
    settings.clients.exempt = []
    host.service.reconfigure(settings, cookieSecrets: nil)
    for _ in 0..<3 { _ = try verdict() }
    #expect(host.service.counters.queryLimit > 0)
  }
}
