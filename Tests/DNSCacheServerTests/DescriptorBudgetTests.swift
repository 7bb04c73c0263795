import DNSWire
import EventLoop
import System
import Testing

@testable import Configuration
@testable import DNSCacheServer

@Suite("How the files that may be open are shared out")
struct DescriptorBudgetTests {
  private func settings(upstreams: Int, routes: Int = 0) throws -> Settings {
    var settings = Settings()
    func server(_ number: Int) -> UpstreamServer {
      UpstreamServer(Endpoint(IPAddress(v4: 0xC000_0200 + UInt32(number)), port: 53))
    }
    settings.upstreams = (0..<upstreams).map { server($0) }
    settings.routes = try (0..<routes).map { number in
      RouteRule(domains: [try Name("n\(number).example")], servers: [server(100 + number)])
    }
    settings.web.address = Endpoint(IPAddress(v4: 0x7F00_0001), port: 8_053)
    return settings
  }

  /// Files that may be open at a time when all that is shared out is used.
  private func need(_ settings: Settings, _ budget: DescriptorBudget) -> Int {
    UpstreamSockets.files(for: budget.sockets) * settings.upstreams.count
      + UpstreamSockets.files(for: budget.routeSockets) * settings.routes.count
      + settings.resolver.connections * settings.servers.count + 2 * settings.listen.count
      + WebServer.connections + 1 + budget.streams.connections
  }

  @Test(
    arguments: [1_024, 1_500, 4_096, 10_000, 16_384] as [UInt64],
    [(1, 0), (2, 0), (3, 0), (8, 0), (31, 0), (32, 0), (1, 1), (2, 20), (1, 30), (4, 60)])
  func `never more than may be open, and for each at least a few`(
    limit: UInt64, servers: (upstreams: Int, routes: Int)
  ) throws {
    let settings = try settings(upstreams: servers.upstreams, routes: servers.routes)
    let budget = DescriptorBudget(settings, limit: limit)
    let range = 4...UpstreamSockets.most
    #expect(range.contains(budget.sockets) && range.contains(budget.routeSockets))
    #expect(budget.streams.connections >= 8)
    let isWhole =
      budget.sockets == UpstreamSockets.most && budget.routeSockets == UpstreamSockets.most
      && budget.streams.connections == settings.streams.connections
    #expect(isWhole == (budget.complaint == nil))
    // So many servers can't have four sockets each, and clients eight connections.
    if limit == 1_024 && servers.routes >= 30 { return }
    #expect(need(settings, budget) <= limit)
  }

  @Test func `upstreams come before servers of routes, which have 32 sockets if there are enough`()
    throws
  {
    let some = DescriptorBudget(try settings(upstreams: 2, routes: 40), limit: 10_000)
    #expect(some.sockets == 256 && (32..<256).contains(some.routeSockets))
    #expect(some.complaint?.contains("each server of a route from \(some.routeSockets)") == true)
    let fewer = DescriptorBudget(try settings(upstreams: 2, routes: 40), limit: 5_000)
    #expect((32..<256).contains(fewer.sockets) && fewer.routeSockets == 32)
    let few = DescriptorBudget(try settings(upstreams: 2, routes: 40), limit: 2_500)
    #expect(few.sockets - few.routeSockets <= 40 && (4..<32).contains(few.routeSockets))
  }

  @Test func `so many sockets take no more files than there are, and one more would`() {
    for files in 3...400 {
      let sockets = UpstreamSockets.sockets(within: files)
      #expect(UpstreamSockets.files(for: sockets) <= files)
      #expect(UpstreamSockets.files(for: sockets + 1) > files)
    }
  }

  @Test func `one more upstream takes from the sockets of the others`() throws {
    let few = DescriptorBudget(try settings(upstreams: 2), limit: 1_500)
    let many = DescriptorBudget(try settings(upstreams: 4), limit: 1_500)
    #expect(many.sockets < few.sockets)
    let enough = DescriptorBudget(try settings(upstreams: 4), limit: 1 << 20)
    #expect(enough.sockets == UpstreamSockets.most)
  }

  @Test func `a server that was asked nothing for ten minutes isn't in use`() {
    var use = ServerUse()
    let looks: [(queries: UInt64, now: UInt64)] = [
      (0, 5_000_000), (0, 5_599_999), (0, 5_600_000), (1, 5_600_001), (2, 6_200_000),
      (2, 6_800_000),
    ]
    let isOver = looks.map { use.isOver($0.queries, now: $0.now) }
    #expect(isOver == [false, false, true, false, false, true])

    // Down, it is probed; what else it is asked counts when it is up again.
    var dead = ServerUse()
    let meanwhile = [(7, 5_000_000), (nil, 5_000_001), (nil, 5_600_000), (9, 5_600_001)]
      .map { dead.isOver($0.0, now: $0.1) }
    #expect(meanwhile == [false, false, true, false])
  }
}
