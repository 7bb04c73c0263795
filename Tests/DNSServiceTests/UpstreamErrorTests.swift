import DNSExchange
import DNSResolver
import DNSWire
import Testing

@testable import DNSService

@Suite("Extended errors of upstreams are passed on (RFC 8914)")
struct UpstreamErrorTests {
  private static let name = "www.example.net"

  /// The extended errors that a client gets when upstream answers SERVFAIL with some options, ours first.
  private func passedOn(
    _ options: [EDNS.Option], over transport: Service.Transport = .udp, name: String = name
  ) throws -> [[UInt8]] {
    let host = Host()
    var query = Message(query: try Name(name), .a, edns: EDNS(udpSize: 512))
    query.edns?.options = [EDNS.Option(.cookie, [1, 2, 3, 4, 5, 6, 7, 8])]
    let events = host.ask(query.encoded(), over: transport, client: 1)
    guard case .sent(let sent, let octets)? = events.first else { throw TestFailure() }
    var reply = Message(respondingTo: try Message(parsing: octets), edns: EDNS())
    reply.rcode = .servFail
    reply.edns?.options = options
    for case .replied(1, _, let octets)
      in host.receive(reply.encoded(), socket: try #require(sent.socket))
    {
      #expect(octets.count <= 512 || transport == .tcp)
      let answer = try Message(parsing: octets)
      #expect(answer.rcode == .servFail)
      return (answer.edns?.options ?? []).filter { $0.code == .extendedError }.map(\.data)
    }
    throw TestFailure()
  }

  @Test func `the text comes with the code`() throws {
    let text = Array("signature expired".utf8)
    let errors = try passedOn([EDNS.Option(.extendedError, [0, 7] + text)])
    #expect(errors.count == 2 && errors[0].starts(with: [0, 0]))
    #expect(errors.last == [0, 7] + text)
  }

  @Test func `a text is cut, and what is not printable is replaced`() throws {
    let text = Array("a\u{1B}[31m\n".utf8) + [0xFF, 0x00] + [UInt8](repeating: 0x62, count: 1_000)
    let errors = try passedOn([EDNS.Option(.extendedError, [0, 6] + text)])
    let expected = Array("a?[31m???".utf8)
    #expect(
      errors.last == [0, 6] + expected + [UInt8](repeating: 0x62, count: 60 - expected.count))
  }

  @Test func `options that are cut short, and others, are passed over`() throws {
    let errors = try passedOn([
      EDNS.Option(.extendedError, [0]), EDNS.Option(.extendedError, []),
      EDNS.Option(EDNSOptionCode(rawValue: 3), [1, 2, 3]), EDNS.Option(.extendedError, [0, 9]),
    ])
    #expect(errors.dropFirst() == [[0, 9]])
  }

  @Test func `what doesn't fit into the answer is left out`() throws {
    // The longest name there is, and a cookie.
    let label = String(repeating: "a", count: 63)
    let name = "\(label).\(label).\(label).\(label.dropLast(2))"
    let long = (1...3).map {
      EDNS.Option(.extendedError, [0, UInt8($0)] + [UInt8](repeating: 0x62, count: 60))
    }
    let errors = try passedOn(long, name: name)
    #expect(errors.count == 3, "ours and two")
    #expect(try passedOn(long, over: .tcp, name: name).count == 4)
  }
}
