import DNSWire
import Testing

@testable import DNSExchange

@Suite("Which server a question goes to")
struct ServerSelectionTests {
  /// A table whose standard group has servers with these round-trip times; nothing stands for one that was never timed.
  private static func table(_ times: [UInt64?], isStrict: Bool = false) -> ServerTable {
    var table = ServerTable()
    var servers: [ServerID] = []
    for (number, time) in times.enumerated() {
      guard let slot = table.freeSlot() else { continue }
      table.open(ServerAddress(Endpoint(IPAddress(v4: UInt32(number)), port: 53)), at: slot)
      if let time { table[slot].roundTrip.note(time) }
      servers.append(slot)
    }
    table.setGroup(.standard, to: servers, isStrict: isStrict)
    return table
  }

  /// Who is asked first, over many draws.
  private static func firsts(_ table: inout ServerTable, now: UInt64 = 0) -> Set<Int> {
    var found: Set<Int> = []
    for draw in 0..<32 {
      if let server = table.first(of: .standard, draw: UInt32(draw), now: now) {
        found.insert(server.slot)
      }
    }
    return found
  }

  /// Who is asked after each other, when each fails in a way, until none is left.
  private static func retries(
    _ table: borrowing ServerTable, marking mark: ServersMet.Marks, most: Int
  ) -> [Int] {
    var met = ServersMet()
    var last = ServerID.none
    var asked: [Int] = []
    while asked.count < most,
      let server = table.next(of: .standard, after: last, met, now: 0)
    {
      met.insert(mark, server)
      asked.append(server.slot)
      last = server
    }
    return asked
  }

  @Test func `the fastest is asked first, and those that are about as fast share`() {
    var table = Self.table([80, 20, 29, 31])
    #expect(Self.firsts(&table) == [1, 2])
    // A quarter of the best one's time, when that is more than the least band.
    table = Self.table([400, 480, 501])
    #expect(Self.firsts(&table) == [0, 1])
  }

  @Test func `of servers that nothing is known of, the first is asked`() {
    var table = Self.table([nil, nil, nil])
    #expect(Self.firsts(&table) == [0])
  }

  @Test func `a choice stands for a while, but not when a server goes down`() {
    var table = Self.table([20, 50])
    #expect(Self.firsts(&table) == [0])
    table[ServerID(1)].roundTrip = RoundTripTime()
    table[ServerID(1)].roundTrip.note(1)
    #expect(Self.firsts(&table, now: ServerGroup.life - 1) == [0])
    #expect(Self.firsts(&table, now: ServerGroup.life) == [1])
    table.mark(ServerID(1), isDown: true)
    #expect(Self.firsts(&table, now: ServerGroup.life) == [0])
  }

  @Test func `a retry goes to the best that was not asked yet, then round again`() {
    let table = Self.table([30, 10, 20])
    #expect(Self.retries(table, marking: .tried, most: 5) == [1, 2, 0, 1, 2])
  }

  @Test func `who has failed a question is not asked it again`() {
    let table = Self.table([30, 10, 20])
    #expect(Self.retries(table, marking: .failed, most: 5) == [1, 2, 0])
  }

  @Test func `in strict order it is the first that is up, however fast the others are`() {
    var table = Self.table([300, 10, 20], isStrict: true)
    #expect(Self.firsts(&table) == [0])
    // One that has only been silent is not down yet.
    #expect(Self.retries(table, marking: .tried, most: 3) == [0, 0, 0])
    #expect(Self.retries(table, marking: .failed, most: 5) == [0, 1, 2])
    table.mark(ServerID(0), isDown: true)
    #expect(Self.firsts(&table) == [1])
  }

  @Test(arguments: [false, true])
  func `those that are down are asked when none is up, until they are given up`(isStrict: Bool) {
    var table = Self.table([30, 10], isStrict: isStrict)
    for number in 0..<2 {
      table.mark(ServerID(number), isDown: true)
      table[ServerID(number)].failures = 1
    }
    let order = isStrict ? [0, 1] : [1, 0]
    #expect(Self.retries(table, marking: .tried, most: 2) == order)
    let late = table.first(of: .standard, draw: 0, now: Server.giveUpAfter)
    #expect(late == nil)
    table.mark(ServerID(0), isDown: false)
    let back = table.first(of: .standard, draw: 0, now: Server.giveUpAfter)
    #expect(back == ServerID(0))
  }
}
