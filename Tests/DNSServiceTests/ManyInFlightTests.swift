import DNSExchange
import DNSResolver
import DNSWire
import Testing

@testable import DNSService

@Suite("Many questions in flight")
struct ManyInFlightTests {
  /// Many clients, so that none of them has more than its share.
  private static func address(_ client: UInt32) -> IPAddress {
    IPAddress(v4: 0xC000_0200 | client & 0xFF)
  }

  @Test func `a thousand questions in flight are each found again, and answered`() throws {
    let count: UInt32 = 1_200
    let host = Host(
      Host.Options(
        socketsPerUpstream: 256, inFlightLimit: Int(count), waiterLimit: 2 * Int(count),
        pendingLimit: 2 * Int(count), cacheOctets: 4 << 20))
    var sent: [(query: OutgoingQuery, octets: [UInt8])] = []
    for client in 0..<count {
      let query = Message(query: try Name("h\(client).example.net"), .a).encoded()
      for case .sent(let query, let octets) in host.ask(
        query, from: Self.address(client), client: client)
      {
        sent.append((query, octets))
      }
    }
    #expect(sent.count == Int(count))
    // Who asks the same again joins: the table of questions leads to each.
    for client in 0..<count {
      let query = Message(query: try Name("h\(client).example.net"), .a).encoded()
      #expect(host.ask(query, from: Self.address(client), client: count + client).isEmpty)
    }
    #expect(host.counter("joined") == UInt64(count))
    var answered: Set<UInt32> = []
    // As they come in one turn of the loop, a few at a time.
    for first in stride(from: 0, to: sent.count, by: Service.anticipated) {
      var packets: [(octets: [UInt8], socket: SocketID)] = []
      for (query, octets) in sent[first..<min(first + Service.anticipated, sent.count)] {
        var reply = Message(respondingTo: try Message(parsing: octets))
        reply.answers = [
          Record(
            name: try #require(reply.questions.first).name, type: .a, ttl: 300,
            rdata: [192, 0, 2, 1])
        ]
        packets.append((reply.encoded(), try #require(query.socket)))
      }
      for case .replied(let client, _, let octets) in host.receive(together: packets) {
        #expect(try Message(parsing: octets).answers.count == 1)
        answered.insert(client)
      }
    }
    #expect(answered.count == 2 * Int(count))
    #expect(host.resolver.inFlight == 0 && host.counter("mismatched") == 0)
    host.cache._checkInvariants()
  }
}
