import DNSWire
import Testing

@testable import DNSService

@Suite("Extended errors (RFC 8914)")
struct ExtendedErrorTests {
  private let host = Host(Host.Options(pendingLimit: 1))

  private func query(
    _ name: String = "www.example.net", _ type: RecordType = .a, edns: EDNS? = EDNS()
  ) throws -> Message {
    Message(query: try Name(name), type, edns: edns)
  }

  private func error(_ query: Message, from address: IPAddress = Host.client) throws
    -> ExtendedErrorCode?
  {
    let reply = try host.answer(to: query, from: address)
    #expect(reply.extendedErrors.count <= 1)
    return reply.extendedErrors.first
  }

  @Test func `each refusal says why`() throws {
    #expect(try error(query(), from: Host.stranger) == .prohibited)
    #expect(try error(query("www.example.net", .axfr)) == .notSupported)
    #expect(try error(query("www.example.net", RecordType(250))) == .notSupported)
    #expect(try error(query("www.example.net", .opt)) == .other)
    var chaos = try query("www.example.net", .txt)
    chaos.questions[0].recordClass = .chaos
    #expect(try error(chaos) == .notSupported)
    var iterative = try query()
    iterative.rd = false
    #expect(try error(iterative) == .notAuthoritative)
    #expect(host.service.counters.refused == 6)
  }

  @Test func `too many waiting questions are named as the reason`() throws {
    _ = host.ask(try query("first.example.net").encoded(), client: 1)
    let reply = try host.answer(to: query("second.example.net"))
    #expect(reply.rcode == .servFail && reply.extendedErrors == [.other])
    #expect(reply.edns?[.extendedError]?.count ?? 0 > 2, "with a few words")
  }

  @Test func `silence of every upstream is said to clients with EDNS, and to no others`() throws {
    for edns in [EDNS(), nil] {
      _ = host.networkChanged()
      _ = host.ask(try query(edns: edns).encoded(), client: 7)
      var replies: [Message] = []
      try host.advance(to: host.now + 10_000) { events in
        for case .replied(7, _, let octets) in events {
          replies.append(try Message(parsing: octets))
        }
      }
      #expect(replies.map(\.rcode) == [.servFail])
      #expect(replies.map(\.extendedErrors) == [edns == nil ? [] : [.noReachableAuthority]])
      #expect(replies.map { $0.edns == nil } == [edns == nil])
    }
  }

  @Test func `an answer with data has none`() throws {
    try host.learn("www.example.net. 300 IN A 192.0.2.1")
    #expect(try host.answer(to: query()).edns == EDNS(udpSize: 1_232))
  }

  @Test(arguments: [(23, 0), (28, 0), (29, 6), (33, 6), (34, 11), (64, 11)])
  func `the text, then all of it, is left out where it does not fit`(
    limit: Int, octets: Int
  ) throws {
    var buffer = [UInt8](repeating: 0, count: 64)
    var span = buffer.mutableSpan
    // A header, and OPT behind it: 23 octets.
    var writer = MessageWriter(&span, limit: limit)
    writer.header(id: 0, questionCount: 0)
    let begin = writer.beginOPT(udpSize: 1_232, extendedRcode: 0, dnssecOK: false)
    writer.option(ExtendedError(.other, "a bit"))
    writer.endRecord(begin, in: .additional)
    let count = writer.finish(flags: 0x8000)
    let message = try Message(parsing: Array(buffer.prefix(count)))
    #expect(count == 23 + octets)
    #expect(message.extendedErrors == (octets == 0 ? [] : [.other]))
  }
}
