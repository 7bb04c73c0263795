import DNSExchange
import DNSResolver
import DNSWire
import Memory
import Testing

@testable import DNSService

@Suite("Replies at the edge of what a message can hold")
struct UpstreamLimitTests {
  /// Asks, gets a truncated reply and opens a connection.
  private func connection(_ host: Host, _ name: Name, _ type: RecordType) throws -> OutgoingQuery {
    let events = host.ask(Message(query: name, type).encoded(compress: false), over: .tcp)
    guard case .sent(let sent, let octets)? = events.first else { throw TestFailure() }
    var reply = Message(respondingTo: try Message(parsing: octets))
    reply.tc = true
    let more = host.receive(reply.encoded(), socket: try #require(sent.socket))
    guard case .sent(let stream, _)? = more.first else { throw TestFailure() }
    return stream
  }

  private func header(_ id: UInt16, answers: Int) -> [UInt8] {
    [UInt8(id >> 8), UInt8(truncatingIfNeeded: id), 0x81, 0x80, 0, 1]
      + [UInt8(answers >> 8), UInt8(truncatingIfNeeded: answers), 0, 0, 0, 0]
  }

  /// What is larger than we offered may have come in fragments, of which all but the first are anybody's.
  @Test(arguments: [(1_232, false), (1_233, true), (2_048, true)])
  func `a datagram larger than was offered is asked for over TCP`(
    size: Int, isOversized: Bool
  ) throws {
    let host = Host()
    let events = host.ask(
      Message(query: try Name("www.example.net"), .txt).encoded(compress: false), over: .tcp)
    guard case .sent(let sent, let octets)? = events.first else { throw TestFailure() }
    // The question as it was sent, letter case and all; the OPT record takes 11 octets, the
    // cookie in it 12.
    let question = Array(octets[MessageHeader.size..<octets.count - 23])
    let fixed = header(sent.id, answers: 1) + question + [0xC0, 12, 0, 16, 0, 1, 0, 0, 1, 0]
    var count = size - fixed.count - 2
    var packet = fixed + [UInt8(count >> 8), UInt8(count & 0xFF)]
    while count > 0 {
      let string = min(count, 256)
      packet += [UInt8(string - 1)] + [UInt8](repeating: 0x78, count: string - 1)
      count -= string
    }
    #expect(packet.count == size)
    let more = host.receive(packet, socket: try #require(sent.socket))
    #expect(host.counter("oversized") == (isOversized ? 1 : 0))
    switch more.first {
    case .sent(let stream, _)?:
      #expect(isOversized && stream.socket == nil)
      #expect(host.known(try Name("www.example.net")).isEmpty)
    case .replied?: #expect(!isOversized)
    default: throw TestFailure()
    }
  }

  /// A name may use the octets before it twice, so RDATA of 65,430 octets becomes 65,546 here.
  ///
  /// A pointer leads into the middle of a label whose octets read as labels, too, and on to the label
  /// itself.
  @Test func `RDATA that is too long once its name is uncompressed is malformed`() throws {
    let host = Host()
    let inner: [UInt8] = [40] + [UInt8](repeating: 0x61, count: 40) + [0xC0, 12]
    let name = try Name(
      labels: [
        inner + [UInt8](repeating: 0x61, count: 20), Array("example".utf8), Array("net".utf8),
      ])
    let stream = try connection(host, name, .nxt)
    let fixed = header(stream.id, answers: 1) + name.wire + [0, 30, 0, 1]
    let count = 65_535 - fixed.count - 12
    let packet =
      fixed + [0xC0, 12, 0, 30, 0, 1, 0, 0, 1, 0, UInt8(count >> 8), UInt8(count & 0xFF)]
      + [0xC0, 13] + [UInt8](repeating: 0, count: count - 2)
    #expect(packet.count == 65_535)
    #expect(throws: WireError.tooLarge) { try Message(parsing: packet) }
    _ = host.receive(packet, stream: stream.purpose)
    #expect(host.resolver.exchanges.counters.malformed == 1)
    #expect(host.known(name).isEmpty)
  }

  /// Each of these PTR records takes 17 octets in the message and 256 in the cache; 16 KiB are kept, 64
  /// KiB are answered.
  @Test(arguments: [
    (64, true, true), (65, true, false), (255, true, false), (256, false, false),
    (3_800, false, false),
  ])
  func `an RRset is answered and kept whole or not at all`(
    count: Int, isAnswered: Bool, isKept: Bool
  ) throws {
    let host = Host()
    let label = [UInt8](repeating: 0x61, count: 63)
    let name = try Name(labels: [label, label, label, Array(label.prefix(57))])
    let stream = try connection(host, name, .ptr)
    func record(_ index: Int) -> [UInt8] {
      [0xC0, 12, 0, 12, 0, 1, 0, 0, 1, 0, 0, 5]
        + [2, UInt8(0x30 + index / 64), UInt8(index % 64), 0xC0, 12]
    }
    let packet =
      header(stream.id, answers: count) + name.wire + [0, 12, 0, 1]
      + (0..<count).flatMap { record($0) }
    var replies: [Message] = []
    for case .replied(_, _, let octets) in host.receive(packet, stream: stream.purpose) {
      replies.append(try Message(parsing: octets))
    }
    #expect(replies.count == 1)
    #expect(replies.first?.rcode == (isAnswered ? .noError : .servFail))
    #expect(replies.first?.answers.count == (isAnswered ? count : 0))
    #expect(host.known(name).map(\.count) == (isKept ? [count] : []))
    host.cache._checkInvariants()
  }

  /// Of Authority and Additional together 128 records are looked at.
  @Test func `a reply full of extra records costs little and keeps little`() throws {
    let host = Host()
    let name = try Name("www.example.net")
    let stream = try connection(host, name, .a)
    var reply = Message(
      respondingTo: Message(query: name, .a, id: stream.id),
      answers: [try Record("www.example.net. 300 IN A 192.0.2.1")],
      authority: [try Record("example.net. 300 IN NS ns0.example.net.")])
    reply.additional = try (0..<1_500).map {
      try Record("ns\($0).example.net. 300 IN A 192.0.2.53")
    }
    _ = host.receive(reply.encoded(), stream: stream.purpose)
    #expect(host.resolver.counters.answered == 1)
    #expect(host.cache.nameCount == 129)
    #expect(host.resolver.counters.outOfBailiwick == 1_501 - 128)
  }

  /// Eviction's hand once stayed among the newest names, and removed each answer before it was sent.
  @Test func `a full cache still answers every miss`() throws {
    let host = Host(Host.Options(cacheOctets: 1 << 20))
    for round in 0..<12_000 {
      let name = try Name("n\(round).example.net")
      guard case .sent(let sent, let octets)? = host.ask(Message(query: name, .a).encoded()).first
      else { throw TestFailure() }
      let reply = Message(
        respondingTo: try Message(parsing: octets),
        answers: [Record(name: name, type: .a, ttl: 300, rdata: [192, 0, 2, 1])],
        authority: [try Record("example.net. 300 IN NS ns\(round % 7).example.net.")],
        additional: [try Record("ns\(round % 7).example.net. 300 IN A 192.0.2.53")])
      guard
        case .replied(_, _, let answer)? = host.receive(
          reply.encoded(), socket: try #require(sent.socket)
        ).first, answer[3] & 0xF == 0
      else { throw TestFailure() }
    }
    #expect(host.cache.counters.evictions > 1_000)
  }

  /// What may be used once lies in the cache for a moment, in a place of its own; places are few.
  @Test func `any number of answers with TTL zero are given, and none is kept`() throws {
    let host = Host()
    for round in 0..<500 {
      let name = try Name("n\(round).example.net")
      guard case .sent(let sent, let octets)? = host.ask(Message(query: name, .a).encoded()).first
      else { throw TestFailure() }
      let record = Record(name: name, type: .a, ttl: 0, rdata: [192, 0, 2, 1])
      let reply = Message(respondingTo: try Message(parsing: octets), answers: [record])
      guard
        case .replied(_, _, let answer)? = host.receive(
          reply.encoded(), socket: try #require(sent.socket)
        ).first
      else { throw TestFailure() }
      #expect(try Message(parsing: answer).answers == [record])
    }
    #expect(host.cache.nameCount == 0)
  }

  /// A batch of packets is handed in before anything is sent: the connection that the first one asks
  /// for is not wanted any more, and the place of the question may be another's.
  @Test func `what a question wanted is not done once it has ended`() throws {
    let host = Host()
    let name = try Name("www.example.net")
    guard case .sent(let sent, let octets)? = host.ask(Message(query: name, .a).encoded()).first
    else { throw TestFailure() }
    let socket = try #require(sent.socket)
    var truncated = Message(respondingTo: try Message(parsing: octets))
    truncated.tc = true
    let whole = Message(
      respondingTo: try Message(parsing: octets),
      answers: [try Record("www.example.net. 300 IN A 192.0.2.1")])
    let events = host.receive(together: [
      (truncated.encoded(), socket), (whole.encoded(), socket), (whole.encoded(), socket),
    ])
    #expect(!events.contains { if case .sent = $0 { true } else { false } })
    #expect(events.contains { if case .replied = $0 { true } else { false } })
    #expect(host.resolver.inFlight == 0)
  }

  /// IDs and sockets are drawn from all there are, each as often as any other (RFC 5452 §9.2).
  @Test func `IDs and sockets are spread evenly`() throws {
    let host = Host(Host.Options(socketsPerUpstream: 16))
    var ids: Set<UInt16> = []
    var bits = [Int](repeating: 0, count: 16)
    var sockets = [Int](repeating: 0, count: 16)
    let rounds = 2_000
    for round in 0..<rounds {
      let name = try Name("n\(round).example.net")
      guard case .sent(let sent, let octets)? = host.ask(Message(query: name, .a).encoded()).first
      else { throw TestFailure() }
      let socket = try #require(sent.socket)
      ids.insert(sent.id)
      sockets[socket.member] += 1
      for bit in 0..<16 where sent.id & 1 << bit != 0 { bits[bit] += 1 }
      var reply = Message(respondingTo: try Message(parsing: octets))
      reply.rcode = .nxDomain
      _ = host.receive(reply.encoded(), socket: socket)
    }
    // 2,000 of 65,536 drawn with repetition: about 1,970 different ones.
    #expect(ids.count > 1_930)
    #expect(bits.allSatisfy { abs($0 - rounds / 2) < 150 })
    #expect(sockets.allSatisfy { abs($0 - rounds / 16) < 60 })
  }
}
