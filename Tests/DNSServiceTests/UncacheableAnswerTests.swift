import DNSCache
import DNSWire
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("Answers that may not be kept")
struct UncacheableAnswerTests {
  private static func address(_ client: UInt32) -> IPAddress {
    IPAddress(v4: 0xC000_0200 | client & 0xFF)
  }

  /// Has clients ask for a name and answers what goes upstream, once.
  ///
  /// - Returns: what the clients get.
  private func ask(
    _ host: Host, _ clients: Range<UInt32>, _ name: String, answers: [String]
  ) throws -> [Host.Event] {
    var events: [Host.Event] = []
    for client in clients {
      let query = Message(query: try Name(name), .a).encoded()
      events += host.ask(query, from: Self.address(client), client: client)
    }
    guard case .sent(let query, let octets)? = events.first, events.count == 1 else {
      Issue.record("one question is asked")
      return []
    }
    return try reply(host, query, octets, answers)
  }

  private func reply(
    _ host: Host, _ query: OutgoingQuery, _ octets: [UInt8], _ answers: [String]
  ) throws -> [Host.Event] {
    var reply = Message(respondingTo: try Message(parsing: octets))
    reply.ra = true
    reply.answers = try answers.map { try Record($0) }
    return host.receive(reply.encoded(), socket: try #require(query.socket))
  }

  private func replies(_ events: [Host.Event]) throws -> [[String]] {
    try events.compactMap { event in
      guard case .replied(_, _, let octets) = event else { return nil }
      return try Message(parsing: octets).answers.map(\.description)
    }
  }

  private static let options = Host.Options(
    socketsPerUpstream: 256, inFlightLimit: 200, waiterLimit: 1_000, waitersPerQuestion: 200,
    pendingLimit: 1_000, cacheOctets: 4 << 20)

  @Test func `a hundred clients get one answer with a TTL of zero`() throws {
    let host = Host(Self.options)
    let events = try ask(
      host, 0..<100, "www.example.net", answers: ["www.example.net. 0 IN A 192.0.2.1"])
    let answers = try replies(events)
    #expect(answers.count == 100 && Set(answers) == [["www.example.net. 0 IN A 192.0.2.1"]])
    #expect(host.cache.nameCount == 0 && host.cache.overlayOctets == 0)
    host.cache._checkInvariants()
  }

  @Test func `a hundred clients keep a link of their chain while they wait for its end`() throws {
    let host = Host(Self.options)
    let events = try ask(
      host, 0..<100, "www.example.net",
      answers: ["www.example.net. 0 IN CNAME host.example.org."])
    guard case .sent(let query, let octets)? = events.first, events.count == 1 else {
      Issue.record("the target is asked for once")
      return
    }
    #expect(host.cache.overlayOctets > 0)
    let answers = try replies(
      reply(host, query, octets, ["host.example.org. 0 IN A 192.0.2.1"]))
    #expect(answers.count == 100)
    #expect(
      Set(answers) == [
        ["www.example.net. 0 IN CNAME host.example.org.", "host.example.org. 0 IN A 192.0.2.1"]
      ])
    #expect(host.cache.nameCount == 0 && host.cache.overlayOctets == 0)
    host.cache._checkInvariants()
  }
}
