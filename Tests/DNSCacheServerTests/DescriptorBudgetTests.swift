import EventLoop
import System
import Testing

@testable import Configuration
@testable import DNSCacheServer

@Suite("How the files that may be open are shared out")
struct DescriptorBudgetTests {
  private func settings(upstreams: Int) -> Settings {
    var settings = Settings()
    settings.upstreams = (1...upstreams).map {
      UpstreamServer(SocketAddress(ipv4: 0xC000_0200 + UInt32($0), port: 53))
    }
    settings.web.address = SocketAddress(ipv4: 0x7F00_0001, port: 8_053)
    return settings
  }

  /// Files that may be open at a time when all that is shared out is used.
  private func need(_ settings: Settings, _ budget: DescriptorBudget) -> Int {
    let perUpstream =
      budget.socketsPerUpstream
      + UpstreamSockets.retired(perUpstream: budget.socketsPerUpstream)
      + settings.resolver.connections
    return perUpstream * settings.upstreams.count + 2 * settings.listen.count
      + WebServer.connections + 1 + budget.streams.connections
  }

  @Test(arguments: [1_024, 1_500, 4_096, 10_000] as [UInt64], [1, 2, 3, 8, 31, 32])
  func `never more than may be open, and for each at least a few`(limit: UInt64, upstreams: Int) {
    let settings = settings(upstreams: upstreams)
    let budget = DescriptorBudget(settings, limit: limit)
    #expect(need(settings, budget) <= limit)
    #expect((4...UpstreamSockets.mostPerUpstream).contains(budget.socketsPerUpstream))
    #expect(budget.streams.connections >= 8)
    let isWhole =
      budget.socketsPerUpstream == UpstreamSockets.mostPerUpstream
      && budget.streams.connections == settings.streams.connections
    #expect(isWhole == (budget.complaint == nil))
  }

  @Test func `one more upstream takes from the sockets of the others`() {
    let few = DescriptorBudget(settings(upstreams: 2), limit: 1_500)
    let many = DescriptorBudget(settings(upstreams: 4), limit: 1_500)
    #expect(many.socketsPerUpstream < few.socketsPerUpstream)
    let enough = DescriptorBudget(settings(upstreams: 4), limit: 1 << 20)
    #expect(enough.socketsPerUpstream == UpstreamSockets.mostPerUpstream)
  }
}
