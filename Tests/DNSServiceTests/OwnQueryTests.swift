import DNSWire
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("Queries of ours that come back to us")
struct OwnQueryTests {
  private static let name = "a-name-of-many-letters.example.net"

  /// What a client's question has sent, of which there is one packet.
  private func sent(_ host: Host, dnssecOK: Bool = false) throws -> (OutgoingQuery, [UInt8]) {
    let question = Message(
      query: try Name(Self.name), .a, edns: EDNS(dnssecOK: dnssecOK))
    return try sent(host.ask(question.encoded(), client: 1))
  }

  private func rules(usesCookies: Bool) -> ServerRules {
    var rules = ServerRules()
    rules.usesCookies = usesCookies
    return rules
  }

  private func sent(_ events: [Host.Event]) throws -> (OutgoingQuery, [UInt8]) {
    let packets = events.compactMap { event in
      if case .sent(let query, let octets) = event { (query, octets) } else { nil }
    }
    #expect(packets.count == 1)
    return try #require(packets.first)
  }

  private func reply(_ events: [Host.Event]) throws -> [UInt8] {
    guard case .replied(_, _, let octets)? = events.first else {
      throw Missing()
    }
    return octets
  }

  private struct Missing: Error {}

  @Test(arguments: [false, true])
  func `the next upstream is asked at once`(usesCookies: Bool) throws {
    var options = Host.Options()
    options.upstreams = 2
    options.isStrict = true
    options.rules = [rules(usesCookies: usesCookies), ServerRules()]
    let host = Host(options)
    var (query, octets) = try sent(host, dnssecOK: usesCookies)
    // In mixed letter case, and once more in lower case, since some refuse the one.
    var rounds = 0
    while query.upstream == 0 && rounds < 3 {
      rounds += 1
      let refusal = try reply(host.ask(octets, client: 2))
      #expect(try Message(parsing: refusal).rcode == .refused)
      (query, octets) = try sent(host.receive(refusal, socket: #require(query.socket)))
    }
    #expect(query.upstream == 1 && rounds > 0)
    #expect(host.resolver.exchanges.servers[ServerID(0)].isLooping)
    #expect(host.resolver.exchanges.counters.looped == UInt64(rounds))
    #expect(host.service.counters.refused == UInt64(rounds))
  }

  /// Such as come by way of a forwarder that passes on what EDNS it gets.
  @Test func `another ID and other letter case don't hide our cookie`() throws {
    let host = Host()
    var (_, octets) = try sent(host)
    octets[0] ^= 0xFF
    for index in 13..<13 + 22 { octets[index] |= 0x20 }
    #expect(try Message(parsing: reply(host.ask(octets, client: 2))).rcode == .refused)
  }

  @Test func `clients that ask the same wait as ever`() throws {
    var options = Host.Options()
    options.rules = [rules(usesCookies: false)]
    let host = Host(options)
    let (query, octets) = try sent(host)
    // The same ID in lower case, and another in the same letter case.
    var lower = Message(query: try Name(Self.name), .a, edns: EDNS()).encoded()
    lower[0] = octets[0]
    lower[1] = octets[1]
    #expect(host.ask(lower, client: 2).isEmpty)
    var other = octets
    other[0] ^= 0xFF
    #expect(host.ask(other, client: 3).isEmpty)
    // A cookie of zeros is none that was drawn.
    let zeros = Message(
      query: try Name(Self.name), .a,
      edns: EDNS(options: [.init(.cookie, [UInt8](repeating: 0, count: 8))]))
    #expect(host.ask(zeros.encoded(), client: 4).isEmpty)
    #expect(!host.resolver.exchanges.servers[ServerID(0)].isLooping && query.upstream == 0)
  }
}
