import DNSResolver
import EventLoop
import Testing

@testable import DNSCacheServer

@Suite("What a reload changes")
struct ReloadTests {
  private func address(_ number: Int) -> SocketAddress {
    SocketAddress(ipv4: 0xC000_0200 + UInt32(number), port: 53)
  }

  private func addresses(_ range: ClosedRange<Int>) -> [SocketAddress] { range.map(address) }

  @Test func `upstreams that stay keep their places, whatever their order`() {
    var table = UpstreamTable(addresses(1...3))
    #expect(table.change(to: [address(3), address(1), address(2)]).isEmpty)
    let change = table.change(to: [address(4), address(3)])
    #expect(change.opened == [3])
    #expect(change.retired == [0, 1])
    #expect(change.revived == [])
    #expect(table.addresses == addresses(1...4))
  }

  @Test func `one that comes back has its old place`() {
    var table = UpstreamTable(addresses(1...2))
    _ = table.change(to: [address(2)])
    let change = table.change(to: addresses(1...2))
    #expect(change.revived == [0])
    #expect(change.opened == [] && change.retired == [])
  }

  @Test func `all can be replaced again and again; the place retired for longest is taken first`() {
    let most = Settings.mostUpstreams
    var table = UpstreamTable(addresses(1...most))
    var present = Set(0..<most)
    var lastUse: [Int: Int] = [:]
    for round in 1...10 {
      let change = table.change(to: addresses(round * most + 1...(round + 1) * most))
      #expect(change.opened.count == most && Set(change.retired) == present)
      #expect(present.isDisjoint(with: change.opened))
      for place in change.opened where lastUse[place] != nil {
        #expect(round - (lastUse[place] ?? 0) >= 1)
      }
      for place in change.retired { lastUse[place] = round }
      present = Set(change.opened)
      #expect(table.addresses.count <= ResolverSettings.upstreamPlaces)
      for (index, place) in change.opened.enumerated() {
        #expect(table.addresses[place] == address(round * most + 1 + index))
      }
    }
  }

  @Test func `what has changed is named, and what needs a restart apart`() {
    var new = Settings()
    #expect(Settings().difference(to: new).changed == [])
    new.allowed = []
    new.saveInterval = 1
    new.resolver.inFlight = 100
    new.user = "nobody"
    let result = Settings().difference(to: new)
    #expect(result.changed == ["allow", "cache.save-interval"])
    #expect(result.restart == ["user", "resolver.in-flight"])
    #expect(
      result.text
        == "changed: allow, cache.save-interval\nneeds a restart: user, resolver.in-flight\n")
    #expect(ReloadResult().text == "nothing has changed\n")
  }
}
