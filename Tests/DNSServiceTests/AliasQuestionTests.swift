import DNSWire
import Memory
import Testing

@testable import DNSCache
@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("Questions for what aliases lead to")
struct AliasQuestionTests {
  /// Packets that were sent upstream, by the name that they ask for.
  private typealias Sent = (query: OutgoingQuery, message: Message)

  private static func sent(_ events: [Host.Event]) throws -> [Sent] {
    try events.compactMap { event in
      guard case .sent(let query, let octets) = event else { return nil }
      return (query, try Message(parsing: octets))
    }
  }

  private static func rcodes(_ events: [Host.Event]) throws -> [ResponseCode] {
    try events.compactMap { event in
      guard case .replied(_, _, let octets) = event else { return nil }
      return try Message(parsing: octets).rcode
    }
  }

  private static func alias(_ sent: Sent, to target: String, ttl: UInt32 = 300) throws -> [UInt8] {
    var reply = Message(respondingTo: sent.message)
    reply.answers = [
      Record(
        name: try #require(reply.questions.first).name, type: .cname, ttl: ttl,
        rdata: try Name(target).wire)
    ]
    return reply.encoded()
  }

  /// The packets of others take all places when the target's first one is to go out.
  @Test func `a target that can't be asked at all fails the question with the alias`() throws {
    let host = Host()
    let query = Message(query: try Name("a.example.net"), .a).encoded()
    let first = try #require(try Self.sent(host.ask(query, client: 1)).first)
    let socket = try #require(first.query.socket)
    let own = host.resolver.exchanges.findTransmission(socket: socket, id: first.query.id)
    let filler = host.resolver.exchanges.transmissions[try #require(own)]
    // A wrong ID moves it to TCP, where it has no such place to give back.
    var guess = try Self.alias(first, to: "x.example.net")
    guess[0] ^= 1
    let stream = try #require(try Self.sent(host.receive(guess, socket: socket)).first)
    #expect(stream.query.socket == nil)
    var taken: [Int] = []
    while let place = host.resolver.exchanges.transmissions.insert(filler) { taken.append(place) }
    let reply = try Self.alias(stream, to: "b.example.net")
    var events = host.receive(reply, stream: stream.query.purpose)
    #expect(try Self.rcodes(events) == [.servFail], "at once")
    for place in taken { host.resolver.exchanges.transmissions.remove(place) }
    // Its place may be another's by now.
    let other = Message(query: try Name("c.example.net"), .a).encoded()
    events += host.ask(other, client: 2)
    host.advance(to: 10_000) { events += $0 }
    #expect(try Self.rcodes(events) == [.servFail, .servFail])
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
  }

  @Test func `a target whose answer finds no room is not asked for again and again`() throws {
    let host = Host()
    let query = Message(query: try Name("a.example.net"), .a).encoded()
    let first = try #require(try Self.sent(host.ask(query, client: 1)).first)
    let alias = try Self.alias(first, to: "b.example.net")
    var events = host.receive(alias, socket: try #require(first.query.socket))
    while host.cache.uncacheableArena.allocate(octets: 16) != nil {}
    var asked = 0
    while let next = try Self.sent(events).first {
      asked += 1
      var reply = Message(respondingTo: next.message)
      reply.answers = [
        Record(name: reply.questions[0].name, type: .a, ttl: 0, rdata: [192, 0, 2, 1])
      ]
      events = host.receive(reply.encoded(), socket: try #require(next.query.socket))
    }
    #expect(asked == 1)
    #expect(try Self.rcodes(events) == [.servFail])
    #expect(host.resolver.inFlight == 0)
  }

  /// Each of many names was asked for before it turned out to lead to the next: there is no bound to what joins.
  @Test func `a long chain of questions that joined each other is given up link by link`() throws {
    let count = 8_000
    let host = Host(
      Host.Options(
        socketsPerUpstream: 256, inFlightLimit: count + 8, waiterLimit: 2 * count,
        pendingLimit: 2 * count, cacheOctets: 16 << 20))
    func ask(_ number: Int) throws -> Sent {
      let query = Message(query: try Name("h\(number).example.net"), .a).encoded()
      let address = IPAddress(v4: 0xC000_0200 | UInt32(number) & 0xFF)
      return try #require(
        try Self.sent(host.ask(query, from: address, client: UInt32(number))).first)
    }
    var links: [Sent] = []
    var events: [Host.Event] = []
    for number in 1..<count { links.append(try ask(number)) }
    host.advance(to: 100) { events += $0 }
    // Its client waits longer than all others.
    links.insert(try ask(0), at: 0)
    for number in 0..<count - 1 {
      let packet = try Self.alias(links[number], to: "h\(number + 1).example.net")
      events += host.receive(packet, socket: try #require(links[number].query.socket))
    }
    #expect(host.resolver.inFlight == count)
    host.advance(to: 4_400) { events += $0 }
    let end = try Self.alias(links[count - 1], to: "end.example.net")
    events += host.receive(end, socket: try #require(links[count - 1].query.socket))
    host.advance(to: 10_000) { events += $0 }
    #expect(try Self.rcodes(events).count == count)
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
  }

  /// A client asks for the first name of a chain, others for those that it leads to.
  private func waitForChain(_ host: Host) throws -> [Sent] {
    var links: [Sent] = []
    for (number, name) in ["a", "b", "c"].enumerated() {
      let query = Message(query: try Name("\(name).example.net"), .a).encoded()
      let events = host.ask(query, client: UInt32(number))
      links.append(try #require(try Self.sent(events).first))
    }
    for (link, target) in zip(links, ["b", "c"]) {
      let reply = try Self.alias(link, to: "\(target).example.net")
      _ = host.receive(reply, socket: try #require(link.query.socket))
    }
    #expect(host.resolver.inFlight == 3 && host.resolver.waiting == 5)
    return links
  }

  @Test func `at the end of the program each client of a chain is told once`() throws {
    let host = Host()
    _ = try waitForChain(host)
    host.resolver.failAll(now: host.now)
    #expect(try Self.rcodes(host.expire()) == [.servFail, .servFail, .servFail])
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
    #expect(host.service.waitingClients == 0 && host.cache.overlayOctets == 0)
  }

  @Test(arguments: ["a", "b", "c"])
  func `a link that takes another route begins anew, and those before it wait on`(
    moved: String
  ) throws {
    let host = Host(Host.Options(upstreams: 2))
    let links = try waitForChain(host)
    let domain = try Name("\(moved).example.net")
    var again = try Self.sent(host.route([(domain: domain, upstream: 1)]))
    #expect(again.map(\.query.upstream) == [1])
    #expect(again.map { $0.message.questions[0].name.lowercased } == [domain])
    if moved != "c" { again.append(links[2]) }
    var events: [Host.Event] = []
    let next = ["a": "b", "b": "c"]
    for link in again {
      var reply = try Self.alias(link, to: "\(next[moved] ?? "x").example.net")
      if link.message.questions[0].name.lowercased == (try Name("c.example.net")) {
        var answer = Message(respondingTo: link.message)
        answer.answers = [
          Record(
            name: answer.questions[0].name, type: .a, ttl: 300, rdata: [192, 0, 2, 1])
        ]
        reply = answer.encoded()
      }
      events += host.receive(reply, socket: try #require(link.query.socket))
    }
    #expect(try Self.rcodes(events) == [.noError, .noError, .noError])
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
  }
}
