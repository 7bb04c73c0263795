import DNSWire
import Testing

@testable import DNSService

@Suite("Answers from the cache (RFC 1035 §4.1.1, §7.3)")
struct ServiceHitTests {
  private func host() throws -> Host {
    let host = Host()
    try host.learn("www.example.net. 300 IN A 192.0.2.1")
    return host
  }

  private func name(_ text: String = "www.example.net") throws -> Name { try Name(text) }

  @Test func `a hit is the question and the records, octet by octet`() throws {
    let host = try host()
    let question = Array("\u{3}wWw\u{7}eXample\u{3}nEt\0".utf8) + [0, 1, 0, 1]
    let query = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + question
    host.jump(to: 100_000)
    #expect(
      host.answer(to: query)
        == [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + question
        + [0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 200, 0, 4, 192, 0, 2, 1])
    #expect(host.service.counters.hits == 1)
  }

  /// AD and Z are not ours to set; AA and TC mean nothing in a query.
  @Test func `of a query's flags RD and CD come back, with QR and RA`() throws {
    let host = try host()
    var query = Message(query: try name(), .a, id: 7)
    // All of them but QR and the opcode; of the rcode's bits none or all.
    for high in 0...0x7F as ClosedRange<UInt16> {
      for bits in [high << 4, high << 4 | 0xF] {
        query.flags = bits
        let reply = try host.answer(to: query)
        #expect(reply.flags == 0x8080 | bits & 0x0110)
        #expect(reply.answers.count == 1)
      }
    }
  }

  @Test(arguments: [0, 1, 0x7FFF, 0x8000, 0xFFFF] as [UInt16])
  func `the ID comes back`(id: UInt16) throws {
    #expect(try host().answer(to: Message(query: try name(), .a, id: id)).id == id)
  }

  @Test func `EDNS is answered with EDNS, plain with plain`() throws {
    let host = try host()
    #expect(try host.answer(to: Message(query: try name(), .a)).edns == nil)
    let reply = try host.answer(to: Message(query: try name(), .a, edns: EDNS(udpSize: 4_096)))
    #expect(reply.edns == EDNS(udpSize: 1_232))
  }

  @Test func `EDNS options and flags are passed over`() throws {
    let host = try host()
    var edns = EDNS(udpSize: 1_232)
    edns.options = [
      EDNS.Option(.cookie, [1, 2, 3, 4, 5, 6, 7, 8]), EDNS.Option(.nameServerIdentifier),
      EDNS.Option(.padding, [UInt8](repeating: 0, count: 300)),
      EDNS.Option(EDNSOptionCode(65_001), [0xFF]), EDNS.Option(.nameServerIdentifier),
      EDNS.Option(.cookie),
    ]
    let reply = try host.answer(to: Message(query: try name(), .a, edns: edns))
    #expect(reply.rcode == .noError && reply.answers.count == 1)
    // All but the first cookie.
    #expect(reply.edns?.options.map(\.code) == [.cookie])
    #expect(reply.edns?.dnssecOK == false && reply.edns?.udpSize == 1_232)
  }

  @Test func `a thousand EDNS options are passed over`() throws {
    let host = try host()
    var edns = EDNS()
    edns.options = [EDNS.Option](repeating: EDNS.Option(.nameServerIdentifier), count: 15_000)
    #expect(
      try host.answer(to: Message(query: try name(), .a, edns: edns), over: .tcp).answers.count == 1
    )
  }

  @Test func `an answer known for one letter case is known for all`() throws {
    let host = try host()
    for text in ["WWW.EXAMPLE.NET", "Www.Example.Net", "www.example.net"] {
      let query = Message(query: try name(text), .a)
      let reply = try host.answer(to: query)
      #expect(reply.questions[0].name.wire == query.questions[0].name.wire)
      #expect(reply.answers[0].name.wire == query.questions[0].name.wire)
    }
  }

  @Test func `additional records in a query do no harm`() throws {
    let host = try host()
    var query = Message(query: try name(), .a)
    query.additional = [try Record("sig.example.net. 0 ANY TSIG \\# 3 000000")]
    query.answers = [try Record("www.example.net. 300 IN A 192.0.2.66")]
    #expect(
      try host.answer(to: query).answers == [try Record("www.example.net. 300 IN A 192.0.2.1")])
  }

  // MARK: Names

  @Test func `a name of 255 octets is asked for and found`() throws {
    let label = [UInt8](repeating: 0x61, count: 63)
    let longest = try Name(labels: [label, label, label, Array(label.prefix(61))])
    #expect(longest.wire.count == 255)
    let host = Host()
    let record = Record(name: longest, type: .a, ttl: 300, rdata: [192, 0, 2, 1])
    try host.learn(longest, .a, [record])
    for edns in [nil, EDNS()] {
      let reply = try host.answer(to: Message(query: longest, .a, edns: edns))
      #expect(reply.answers == [record] && !reply.tc)
    }
    #expect(host.service.counters.hits == 2)
  }

  @Test func `an alias of 255 octets for another fits in 512 octets`() throws {
    let label = [UInt8](repeating: 0x61, count: 63)
    let first = try Name(labels: [label, label, label, Array(label.prefix(61))])
    let second = try Name(labels: [label, label, label, [UInt8](repeating: 0x62, count: 61)])
    let host = Host()
    let records = [
      Record(name: first, type: .cname, ttl: 300, rdata: second.wire),
      Record(name: second, type: .a, ttl: 300, rdata: [192, 0, 2, 1]),
    ]
    try host.learn(first, .a, records)
    // 12 + 259 + 267: not quite. So TC, and nothing but the question.
    let plain = try host.answer(to: Message(query: first, .a))
    #expect(plain.tc && plain.answers.isEmpty)
    let large = try host.answer(to: Message(query: first, .a, edns: EDNS()))
    #expect(large.answers == records && !large.tc)
  }

  @Test func `octets that are not letters make names of their own`() throws {
    let host = Host()
    // Each differs from "a[z" by one octet that careless folding of letters would take away.
    let labels: [[UInt8]] = [
      [0x61, 0x5B, 0x7A], [0x61, 0x7B, 0x7A], [0x61, 0x5B, 0x7A, 0], [0x61, 0x2E, 0x7A],
      [0x61, 0x5C, 0x7A], [0x61, 0x40, 0x7A], [0x61, 0x60, 0x7A], [0x61, 0xDB, 0x7A],
      [0x61, 0, 0x7A], [0xC1, 0x5B, 0x7A], [0xE1, 0x5B, 0x7A],
    ]
    for (index, label) in labels.enumerated() {
      let name = try Name(labels: [label, Array("example".utf8), Array("net".utf8)])
      try host.learn(
        name, .a, [Record(name: name, type: .a, ttl: 300, rdata: [192, 0, 2, UInt8(index)])])
    }
    #expect(host.service.counters.misses == UInt64(labels.count))
    for (index, label) in labels.enumerated() {
      let name = try Name(labels: [label, Array("example".utf8), Array("net".utf8)])
      let reply = try host.answer(to: Message(query: name, .a))
      #expect(reply.answers.map(\.rdata) == [[192, 0, 2, UInt8(index)]])
    }
  }

  @Test(
    arguments: [1, 2, 16, 64, 99, 127, 256, 257, 4_096, 32_768, 65_280, 65_534, 65_535] as [UInt16])
  func `a type is asked for by its number and its data comes back as it is`(number: UInt16) throws {
    let type = RecordType(number)
    let data: [UInt8] =
      switch type {
      case .a: [192, 0, 2, 1]
      case .ns: try Name("ns1.example.net").wire
      default: [0, 0xC0, 0x0C, 0xFF]
      }
    let host = Host()
    let record = Record(name: try name(), type: type, ttl: 300, rdata: data)
    try host.learn(record.name, type, [record])
    #expect(try host.answer(to: Message(query: record.name, type)).answers == [record])
  }
}
