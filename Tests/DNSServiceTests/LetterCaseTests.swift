import DNSExchange
import DNSResolver
import DNSWire
import Testing

@Suite("Random letter case (RFC 4343, RFC 5452 §9.3)")
struct LetterCaseTests {
  /// The name of a query's question, letter case and all.
  static func name(_ query: [UInt8]) -> [UInt8] {
    Array(query[12..<(query[12...].firstIndex(of: 0) ?? 12)])
  }

  @Test func `each query has a letter case of its own, and what it asks for is the same`() throws {
    var seen: Set<[UInt8]> = []
    let name = try Name("abcdefghijklm.example.net")
    for seed in 0..<100 {
      let host = Host(Host.Options(seed: UInt64(seed)))
      guard case .sent(_, let octets)? = host.ask(Message(query: name, .a).encoded()).first else {
        throw TestFailure()
      }
      seen.insert(Self.name(octets))
      #expect(try Message(parsing: octets).questions.first?.name == name)
    }
    // 23 letters: two of a hundred alike would be one chance in 1,700.
    #expect(seen.count == 100)
    // Each letter is seen in both cases.
    for index in name.wire.indices.dropLast() where name.wire[index] >= 0x61 {
      #expect(Set(seen.map { $0[index] }) == [name.wire[index], name.wire[index] & ~0x20])
    }
  }

  @Test func `the letter case of a query does not get into what is kept`() throws {
    let host = Host()
    let name = try Name("example.net")
    guard case .sent(let sent, let octets)? = host.ask(Message(query: name, .ns).encoded()).first
    else { throw TestFailure() }
    // The server's name points into the question, as it does in most replies.
    let reply =
      [octets[0], octets[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + Self.name(octets)
      + [0, 0, 2, 0, 1, 0xC0, 12, 0, 2, 0, 1, 0, 0, 1, 0, 0, 6, 3, 0x6E, 0x73, 0x31, 0xC0, 12]
    guard
      case .replied(_, _, let answer)? = host.receive(reply, socket: try #require(sent.socket))
        .first
    else { throw TestFailure() }
    #expect(try Message(parsing: answer).answers.first?.rdata == Name("ns1.example.net").wire)
  }
}
