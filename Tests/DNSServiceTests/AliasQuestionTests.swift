import DNSWire
import Memory
import Testing

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
    let own = host.resolver.findAttempt(socket: socket, id: first.query.id)
    let filler = host.resolver.attempts[try #require(own)]
    // A wrong ID moves it to TCP, where it has no such place to give back.
    var guess = try Self.alias(first, to: "x.example.net")
    guess[0] ^= 1
    let stream = try #require(try Self.sent(host.receive(guess, socket: socket)).first)
    #expect(stream.query.socket == nil)
    var taken: [Int] = []
    while let place = host.resolver.attempts.insert(filler) { taken.append(place) }
    let reply = try Self.alias(stream, to: "b.example.net")
    var events = host.receive(reply, stream: stream.query.purpose)
    #expect(try Self.rcodes(events) == [.servFail], "at once")
    for place in taken { host.resolver.attempts.remove(place) }
    // Its place may be another's by now.
    let other = Message(query: try Name("c.example.net"), .a).encoded()
    events += host.ask(other, client: 2)
    host.advance(to: 10_000) { events += $0 }
    #expect(try Self.rcodes(events) == [.servFail, .servFail])
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
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
}
