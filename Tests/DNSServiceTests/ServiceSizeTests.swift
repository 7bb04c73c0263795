import DNSWire
import Testing

@testable import DNSService

@Suite("Sizes of answers (RFC 1035 §4.2, RFC 6891 §6.2.5, RFC 9715 §3)")
struct ServiceSizeTests {
  private static let name = "www.example.net"

  /// A host that knows so many addresses of a name; an answer takes 33 octets and 16 for each.
  private func host(addresses count: Int) throws -> Host {
    let host = Host()
    let name = try Name(Self.name)
    try host.learn(
      name, .a,
      (0..<count).map {
        Record(
          name: name, type: .a, ttl: 300,
          rdata: [198, 18, UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)])
      })
    return host
  }

  private func query(_ udpSize: UInt16?) throws -> [UInt8] {
    Message(query: try Name(Self.name), .a, edns: udpSize.map { EDNS(udpSize: $0) }).encoded()
  }

  struct Case: CustomTestStringConvertible {
    var udpSize: UInt16?
    /// Most addresses that fit.
    var count: Int

    var testDescription: String { "\(udpSize.map { "\($0)" } ?? "none"): \(count)" }
  }

  /// 33 octets of header and question, 11 of OPT, 16 for each address.
  @Test(arguments: [
    Case(udpSize: nil, count: 29),  // 512: 33 + 29 × 16 = 497
    Case(udpSize: 0, count: 29),  // RFC 6891 §6.2.3: less than 512 counts as 512
    Case(udpSize: 100, count: 29),  // 44 + 29 × 16 = 508
    Case(udpSize: 512, count: 29),
    Case(udpSize: 523, count: 29),
    Case(udpSize: 524, count: 30),  // 44 + 30 × 16 = 524
    Case(udpSize: 1_231, count: 74),
    Case(udpSize: 1_232, count: 74),  // 44 + 74 × 16 = 1,228
    Case(udpSize: 1_244, count: 74),
    Case(udpSize: 4_096, count: 74),
    Case(udpSize: 65_535, count: 74),
  ])
  func `an answer is as large as the client takes, and no larger`(size: Case) throws {
    let limit = size.udpSize.map { min(max(Int($0), 512), 1_232) } ?? 512
    let whole = try #require(try host(addresses: size.count).answer(to: query(size.udpSize)))
    let message = try Message(parsing: whole)
    #expect(!message.tc && message.answers.count == size.count && whole.count <= limit)
    // One more and nothing of the RRset is sent (RFC 2181 §9), but to clients without EDNS what fits.
    let host = try host(addresses: size.count + 1)
    let cut = try #require(host.answer(to: query(size.udpSize)))
    let truncated = try Message(parsing: cut)
    #expect(truncated.tc && truncated.answers.count == (size.udpSize == nil ? size.count : 0))
    #expect((truncated.edns != nil) == (size.udpSize != nil))
    #expect(host.service.counters.truncated == 1)
    // All of it over TCP, whatever size is given.
    let stream = try Message(
      parsing: try #require(host.answer(to: query(size.udpSize), over: .tcp)))
    #expect(!stream.tc && stream.answers.count == size.count + 1)
  }

  @Test func `a chain is cut between its links`() throws {
    let host = Host()
    let alias = try Name(Self.name)
    let target = try Name("a.example.net")
    let link = Record(name: alias, type: .cname, ttl: 300, rdata: target.wire)
    try host.learn(
      alias, .a,
      [link]
        + (0..<100).map {
          Record(name: target, type: .a, ttl: 300, rdata: [198, 18, 0, UInt8($0)])
        })
    for edns in [nil, EDNS()] {
      let reply = try host.answer(to: Message(query: alias, .a, edns: edns))
      #expect(reply.tc && reply.answers.first == link)
      #expect(edns == nil ? reply.answers.count > 1 : reply.answers.count == 1)
    }
    #expect(try host.answer(to: Message(query: alias, .a), over: .tcp).answers.count == 101)
  }

  @Test func `Additional that doesn't fit is left out without TC`() throws {
    let host = Host()
    let zone = try Name("example.net")
    let servers = try (0..<13).map { try Name("ns\($0).example.net") }
    var reply: [Record] = servers.map { Record(name: zone, type: .ns, ttl: 300, rdata: $0.wire) }
    try host.learn(zone, .ns, reply)
    for server in servers {
      reply = (0..<3).map {
        Record(name: server, type: .aaaa, ttl: 300, rdata: [UInt8](repeating: $0, count: 16))
      }
      try host.learn(server, .aaaa, reply)
    }
    let packet = Message(query: zone, .ns).encoded()
    let octets = try #require(host.answer(to: packet))
    let message = try Message(parsing: octets)
    #expect(octets.count <= 512 && !message.tc)
    #expect(message.answers.count == 13)
    // Whole RRsets of three, some but not all of them.
    #expect(message.additional.count.isMultiple(of: 3))
    #expect((1..<39).contains(message.additional.count))
    let whole = try Message(parsing: try #require(host.answer(to: packet, over: .tcp)))
    #expect(whole.additional.count == 39)
  }

  @Test func `a record of nearly 64 KiB goes out over TCP`() throws {
    let host = Host(Host.Options(cacheOctets: 4 << 20))
    let name = try Name(Self.name)
    let record = Record(
      name: name, type: RecordType(65_280), ttl: 300,
      rdata: [UInt8](repeating: 0x5A, count: 65_535 - 33 - 12))
    let events = host.ask(Message(query: name, record.type).encoded(), over: .tcp)
    guard case .sent(let sent, let octets)? = events.first else { throw TestFailure() }
    var reply = Message(respondingTo: try Message(parsing: octets))
    reply.tc = true
    guard
      case .sent(let stream, let again)? = host.receive(
        reply.encoded(), socket: try #require(sent.socket)
      ).first
    else { throw TestFailure() }
    reply = Message(respondingTo: try Message(parsing: again), answers: [record])
    reply.edns = nil
    let whole = reply.encoded()
    #expect(whole.count == 65_535)
    guard case .replied(_, .tcp, let first)? = host.receive(whole, stream: stream.purpose).first
    else { throw TestFailure() }
    #expect(try Message(parsing: first).answers == [record])
    // It is too large to be kept.
    #expect(host.known(name).isEmpty)
  }
}

/// Something that a test builds on is missing.
struct TestFailure: Error {}
