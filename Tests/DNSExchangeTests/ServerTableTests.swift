import DNSWire
import Testing

@testable import DNSExchange

@Suite("Which servers there are, and which is asked")
struct ServerTableTests {
  private static func address(_ number: Int) -> ServerAddress {
    ServerAddress(Endpoint(IPAddress(v4: 0xC633_6400 + UInt32(number)), port: 53))
  }

  /// A table with a group of some servers.
  private static func table(_ numbers: [Int], isStrict: Bool = false) -> ServerTable {
    var table = ServerTable()
    var servers: [ServerID] = []
    for number in numbers {
      guard let slot = table.freeSlot() else { continue }
      table.open(address(number), at: slot)
      servers.append(slot)
    }
    table.setGroup(.standard, to: servers, isStrict: isStrict)
    return table
  }

  @Test func `when all are given up, the one that was given first is tried first`() {
    for isStrict in [false, true] {
      var table = Self.table([1, 2, 3], isStrict: isStrict)
      let order = [2, 0, 1].map { ServerID($0) }
      table.setGroup(.standard, to: order, isStrict: isStrict)
      for server in order { table.mark(server, isDown: true) }
      var tried: [ServerID?] = []
      for _ in 0..<4 { tried.append(table.trial(of: .standard, now: 1)) }
      #expect(tried == order + [nil])
      let later = table.trial(of: .standard, now: 1 + ExchangeTiming.mostProbeInterval)
      #expect(later == order[0])
    }
  }

  @Test func `none is tried while one is up`() {
    var table = Self.table([1, 2])
    table.mark(ServerID(0), isDown: true)
    let prospect = table.prospect(of: .standard, now: 1)
    #expect(prospect == .regular)
  }

  @Test func `one that comes back has its slot, and a new one that of the one retired for longest`()
  {
    var table = Self.table(Array(1...ServerTable.capacity))
    let none = table.freeSlot()
    #expect(none == nil)
    for number in [7, 3, 9] { table.retire(ServerID(number)) }
    let slot = table.freeSlot()
    #expect(slot == ServerID(7))
    let known = table.find(Self.address(4))
    #expect(known == ServerID(3))
    table.open(Self.address(9_999), at: ServerID(7))
    let next = table.freeSlot()
    #expect(next == ServerID(3))
    let forgotten = table.find(Self.address(8))
    #expect(forgotten == nil)
  }

  @Test func `the same endpoint over TCP alone is another server`() {
    let table = Self.table([1])
    let endpoint = Self.address(1).endpoint
    let overTCP = table.find(ServerAddress(endpoint, over: .tcp))
    #expect(overTCP == nil)
    let plain = table.find(ServerAddress(endpoint))
    #expect(plain == ServerID(0))
  }

  @Test func `two groups share what is known of a server, each with its own order`() {
    var table = Self.table([1, 2, 3], isStrict: true)
    let other = ServerGroupID(1)
    table.setGroup(other, to: [ServerID(2), ServerID(0)], isStrict: true)
    var first = (
      table.first(of: .standard, draw: 0, now: 0), table.first(of: other, draw: 0, now: 0)
    )
    #expect(first.0 == ServerID(0) && first.1 == ServerID(2))
    table.mark(ServerID(2), isDown: true)
    first = (table.first(of: .standard, draw: 0, now: 0), table.first(of: other, draw: 0, now: 0))
    #expect(first.0 == ServerID(0) && first.1 == ServerID(0))
    let empty = table.first(of: ServerGroupID(2), draw: 0, now: 0)
    #expect(empty == nil)
  }
}

@Suite("The servers that a question has met")
struct ServersMetTests {
  @Test func `marks are kept for each server, and for all together`() {
    var met = ServersMet()
    let (one, other) = (ServerID(1), ServerID(2))
    met.insert(.tried, one)
    met.insert(.failed, one)
    met.insert(.tried, other)
    #expect(met.marks(of: one) == [.tried, .failed] && met.marks(of: other) == .tried)
    met.remove(.tried)
    #expect(!met.has(.tried, one) && met.has(.failed, one) && met.all == .failed)
    met.forget(one)
    #expect(met.all == [] && met.marks(of: one) == [])
  }

  @Test func `no more servers are noted than packets are sent`() {
    var met = ServersMet()
    for number in 0..<ServersMet.limit + 5 { met.insert(.failed, ServerID(number)) }
    #expect(met.isFull)
    #expect(met.has(.failed, ServerID(ServersMet.limit - 1)))
    #expect(!met.has(.failed, ServerID(ServersMet.limit)))
  }

  @Test func `with all noted, no other server is chosen`() {
    var table = ServerTable()
    var servers: [ServerID] = []
    for number in 0..<ServersMet.limit + 1 {
      let endpoint = Endpoint(IPAddress(v4: UInt32(number)), port: 53)
      guard let slot = table.freeSlot() else { continue }
      table.open(ServerAddress(endpoint), at: slot)
      servers.append(slot)
    }
    table.setGroup(.standard, to: servers, isStrict: false)
    var met = ServersMet()
    for server in servers.dropLast() { met.insert(.failed, server) }
    let next = table.next(of: .standard, after: servers[0], met, now: 0)
    #expect(next == nil)
  }
}
