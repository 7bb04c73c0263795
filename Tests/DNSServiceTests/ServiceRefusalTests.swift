import DNSWire
import Testing

@testable import DNSService

@Suite("What is not answered from data (RFC 1035 §4.1.1, RFC 5625, RFC 8906)")
struct ServiceRefusalTests {
  private let host = Host()

  private func query(_ type: RecordType = .a, edns: EDNS? = nil) throws -> Message {
    Message(query: try Name("www.example.net"), type, id: 0x1234, edns: edns)
  }

  private var nothingWasAsked: Bool {
    host.resolver.inFlight == 0 && host.service.counters.misses == 0
  }

  // MARK: Dropped

  @Test(arguments: 0..<12) func `less than a header is dropped`(count: Int) {
    for octet in [0, 0x01, 0xFF] as [UInt8] {
      #expect(host.answer(to: [UInt8](repeating: octet, count: count)) == nil)
    }
    #expect(host.service.counters.ignored == 3)
  }

  /// Two servers that answer each other's errors would never end.
  @Test(arguments: 0...15 as ClosedRange<UInt8>)
  func `a response is dropped, whatever its opcode`(opcode: UInt8) throws {
    var response = try query()
    response.qr = true
    response.opcode = Opcode(opcode)
    #expect(host.answer(to: response.encoded()) == nil)
    #expect(host.answer(to: Array(response.encoded().prefix(12))) == nil)
    #expect(host.service.counters.ignored == 2 && nothingWasAsked)
  }

  // MARK: NOTIMP

  @Test(arguments: 1...15 as ClosedRange<UInt8>)
  func `another opcode than QUERY gets NOTIMP`(opcode: UInt8) throws {
    for edns in [nil, EDNS()] {
      var query = try query(edns: edns)
      query.opcode = Opcode(opcode)
      query.cd = true
      let reply = try #require(host.answer(to: query.encoded()))
      // A header with the ID, opcode and RD, and nothing more: RA and CD speak of queries.
      #expect(
        reply == [0x12, 0x34, 0x80 | opcode << 3 | 1, 0x04, 0, 0, 0, 0, 0, 0, 0, 0])
    }
    #expect(host.service.counters.refused == 2 && nothingWasAsked)
  }

  @Test(arguments: [128, 200, 248, 249, 250, 253, 254] as [UInt16])
  func `a type that no record has gets NOTIMP`(type: UInt16) throws {
    let reply = try host.answer(to: query(RecordType(type)))
    #expect(reply.rcode == .notImp && reply.questions[0].type.rawValue == type)
    #expect(nothingWasAsked)
  }

  // MARK: FORMERR

  @Test(arguments: [0, 2, 3, 0xFFFF] as [UInt16])
  func `any number of questions but one gets FORMERR`(count: UInt16) throws {
    var packet = try query().encoded()
    packet += packet[12...]
    packet[4] = UInt8(count >> 8)
    packet[5] = UInt8(truncatingIfNeeded: count)
    #expect(host.answer(to: packet) == [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(host.service.counters.refused == 1 && nothingWasAsked)
  }

  @Test func `a header alone gets FORMERR`() {
    #expect(
      host.answer(to: [0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        == [0x12, 0x34, 0x80, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func `a query cut at any point gets FORMERR, or nothing before its header ends`() throws {
    var edns = EDNS(dnssecOK: true)
    edns.options = [EDNS.Option(.cookie, [1, 2, 3, 4, 5, 6, 7, 8])]
    for query in [try query(), try query(edns: edns)] {
      let packet = query.encoded()
      for count in 0..<packet.count {
        let reply = host.answer(to: Array(packet[..<count]))
        let expected: [UInt8]? =
          count < 12 ? nil : [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(reply == expected, "cut at \(count)")
      }
      #expect(nothingWasAsked)
    }
  }

  private static let names: [[UInt8]] = [
    [0xC0, 12],  // itself
    [0xC0, 0],  // the header
    [0xC0, 4],  // an octet of the header that reads as the root
    [3, 0x77, 0x77, 0x77, 0xC0, 4],
    [1, 0x61, 0xC0, 12],  // a loop through a label
    [0xC0, 0xFF],  // forward
    [0x40, 0x61, 0],  // labels of types that nobody may send
    [0x80, 0x61, 0],
    [UInt8](repeating: 1, count: 300),  // too long
  ]

  @Test(arguments: names)
  func `a question whose name is none gets FORMERR`(name: [UInt8]) throws {
    let packet: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name + [0, 1, 0, 1]
    #expect(host.answer(to: packet) == [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(nothingWasAsked)
  }

  private static let root: [UInt8] = [0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0]

  private static let options: [(String, [UInt8], [UInt8])] = [
    ("two OPTs", [0, 0, 0, 0, 0, 2], root + root),
    ("OPT in Answer", [0, 1, 0, 0, 0, 0], root),
    ("OPT in Authority", [0, 0, 0, 1, 0, 0], root),
    ("OPT of a name", [0, 0, 0, 0, 0, 1], [1, 0x61] + root),
    ("OPT owned by a pointer", [0, 0, 0, 0, 0, 1], [0xC0, 12] + root.dropFirst()),
    ("half an option", [0, 0, 0, 0, 0, 1], root.dropLast() + [3, 0, 10, 0]),
    ("an option longer than OPT", [0, 0, 0, 0, 0, 1], root.dropLast() + [4, 0, 10, 0, 1]),
    ("OPT longer than the message", [0, 0, 0, 0, 0, 1], root.dropLast() + [4]),
    ("records that are not there", [0, 0, 0, 0, 0, 2], root),
    ("very many of them", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], root),
  ]

  @Test(arguments: options)
  func `a broken OPT gets FORMERR`(what: String, counts: [UInt8], records: [UInt8]) throws {
    var packet = try query().encoded()
    packet.replaceSubrange(6..<12, with: counts)
    #expect(
      host.answer(to: packet + records) == [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])
    #expect(nothingWasAsked)
  }

  @Test func `type 0 and OPT as a question get FORMERR`() throws {
    #expect(try host.answer(to: query(RecordType(0))).rcode == .formErr)
    #expect(try host.answer(to: query(.opt)).rcode == .formErr)
    #expect(nothingWasAsked)
  }

  // MARK: BADVERS

  @Test(arguments: [1, 2, 255] as [UInt8])
  func `EDNS of another version gets BADVERS with OPT of version 0`(version: UInt8) throws {
    let packet = try query(edns: EDNS(udpSize: 512, version: version, dnssecOK: true)).encoded()
    let octets = try #require(host.answer(to: packet))
    let reply = try Message(parsing: octets)
    #expect(reply.rcode == .badVers && octets[3] & 0xF == 0)
    #expect(reply.edns == EDNS(udpSize: 1_232, extendedRcode: 1, dnssecOK: true))
    #expect(reply.questions == (try query().questions) && reply.answers.isEmpty)
    #expect(host.service.counters.refused == 1 && nothingWasAsked)
  }

  // MARK: REFUSED

  @Test(arguments: [.axfr, .ixfr] as [RecordType])
  func `zone transfers are refused, over TCP too`(type: RecordType) throws {
    for transport in [Service.Transport.udp, .tcp] {
      let reply = try host.answer(to: query(type), over: transport)
      #expect(reply.rcode == .refused && reply.answers.isEmpty)
    }
    #expect(host.service.counters.refused == 2 && nothingWasAsked)
  }

  @Test(arguments: [0, 2, 3, 4, 254, 255, 65_535] as [UInt16])
  func `other classes than IN are refused`(number: UInt16) throws {
    for type in [.a, .txt, .any] as [RecordType] {
      var query = try query(type, edns: EDNS())
      query.questions[0].recordClass = RecordClass(number)
      let reply = try host.answer(to: query)
      #expect(reply.rcode == .refused && reply.questions == query.questions)
      #expect(reply.edns?.udpSize == 1_232 && reply.extendedErrors == [.notSupported])
    }
    #expect(nothingWasAsked)
  }

  @Test func `clients outside the allowed networks are refused, whatever they ask`() throws {
    try host.learn("www.example.net. 300 IN A 192.0.2.1")
    let asked = host.resolver.counters.asked
    for type in [.a, .any, .axfr] as [RecordType] {
      let reply = try host.answer(to: query(type, edns: EDNS()), from: Host.stranger)
      #expect(reply.rcode == .refused && reply.answers.isEmpty)
    }
    var chaos = Message(query: try Name("version.bind"), .txt)
    chaos.questions[0].recordClass = .chaos
    #expect(try host.answer(to: chaos, from: Host.stranger).rcode == .refused)
    let other = IPAddress(v6High: 0x2001_0DB9_0000_0000, low: 1)
    #expect(try host.answer(to: query(), from: other).rcode == .refused)
    #expect(host.service.counters.notAllowed == 5)
    #expect(host.resolver.counters.asked == asked)
    let inside = IPAddress(v6High: 0x2001_0DB8_0000_0000, low: 1)
    #expect(try host.answer(to: query(), from: inside).answers.count == 1)
  }

  // MARK: Answered without asking

  @Test func `ANY gets one small HINFO record (RFC 8482 §4.2)`() throws {
    for name in ["www.example.net", "."] {
      for edns in [nil, EDNS()] {
        let query = Message(query: try Name(name), .any, edns: edns)
        let reply = try host.answer(to: query)
        #expect(reply.rcode == .noError && reply.edns == edns.map { _ in EDNS(udpSize: 1_232) })
        #expect(
          reply.answers == [
            Record(
              name: try Name(name), type: .hinfo, ttl: 3_789,
              rdata: [7] + Array("RFC8482".utf8) + [0])
          ])
      }
    }
    #expect(host.service.counters.local == 4 && nothingWasAsked)
  }

  @Test(arguments: [
    ("version.bind", Host.version), ("VERSION.Bind", Host.version),
    ("version.server", Host.version), ("id.server", Host.identity), ("ID.SERVER", Host.identity),
    ("hostname.bind", Host.identity),
  ])
  func `names of the server are answered in CHAOS, in any letter case`(
    name: String, text: String
  ) throws {
    for type in [.txt, .any] as [RecordType] {
      var query = Message(query: try Name(name), type, edns: EDNS())
      query.questions[0].recordClass = .chaos
      let reply = try host.answer(to: query)
      #expect(
        reply.answers == [
          Record(
            name: try Name(name), type: .txt, recordClass: .chaos, ttl: 0,
            rdata: [UInt8(text.utf8.count)] + Array(text.utf8))
        ])
      #expect(reply.questions[0].name.wire == query.questions[0].name.wire)
      #expect(reply.edns != nil && !reply.aa)
    }
    var other = Message(query: try Name(name), .a)
    other.questions[0].recordClass = .chaos
    #expect(try host.answer(to: other).rcode == .refused)
    #expect(host.service.counters.local == 2 && nothingWasAsked)
  }

  @Test(arguments: ["version.bin", "ersion.bind", "a.version.bind", "bind", ".", "authors.bind"])
  func `other names in CHAOS are refused`(name: String) throws {
    var query = Message(query: try Name(name), .txt)
    query.questions[0].recordClass = .chaos
    #expect(try host.answer(to: query).rcode == .refused)
  }

  /// CHAOS names are names like any other in class IN.
  @Test func `version dot bind in class IN is asked upstream`() throws {
    #expect(host.answer(to: Message(query: try Name("version.bind"), .txt).encoded()) == nil)
    #expect(host.resolver.inFlight == 1)
  }
}
