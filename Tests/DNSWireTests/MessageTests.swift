import DNSWire
import Testing

@Suite("Whole messages (RFC 1035 §4.1)")
struct MessageTests {
  /// A header with these counts.
  static func header(
    flags: UInt16 = 0x8180, questions: UInt8 = 0, answers: UInt8 = 0, authority: UInt8 = 0,
    additional: UInt8 = 0
  ) -> [UInt8] {
    [0x12, 0x34, UInt8(flags >> 8), UInt8(flags & 0xFF)]
      + [0, questions, 0, answers, 0, authority, 0, additional]
  }

  /// The wire form of the name that most tests use.
  static let zone = Array("\u{7}example\u{3}net\0".utf8)

  /// Type, class IN, a TTL of 300 and the data with its length.
  static func fields(_ type: UInt8, _ data: [UInt8]) -> [UInt8] {
    [0, type, 0, 1, 0, 0, 1, 0x2C, 0, UInt8(data.count)] + data
  }

  @Test func `a response with pointers is read`() throws {
    let octets =
      Self.header(questions: 1, answers: 2)
      + Array("\u{3}www".utf8) + Self.zone + [0, 1, 0, 1]
      + [0xC0, 12] + Self.fields(5, [1, 0x61, 0xC0, 16])
      + [0xC0, 45] + Self.fields(1, [192, 0, 2, 1])
    let message = try Message(parsing: octets)
    #expect(message.id == 0x1234)
    #expect(message.qr && message.rd && message.ra && !message.aa && !message.tc)
    #expect(message.opcode == .query && message.rcode == .noError)
    #expect(message.questions == [Question(name: try Name("www.example.net"), type: .a)])
    #expect(
      message.answers.map(\.description) == [
        "www.example.net. 300 IN CNAME a.example.net.", "a.example.net. 300 IN A 192.0.2.1",
      ])
    #expect(message.encoded() == octets)
  }

  @Test func `each flag has its bit`() {
    var message = Message()
    message.qr = true
    #expect(message.flags == 0x8000)
    message.opcode = .update
    #expect(message.flags == 0xA800 && message.opcode == .update)
    message.aa = true
    message.tc = true
    message.rd = true
    #expect(message.flags == 0xAF00)
    message.ra = true
    message.ad = true
    message.cd = true
    message.rcode = .refused
    #expect(message.flags == 0xAFB5)
    message.qr = false
    message.opcode = .query
    #expect(message.flags == 0x07B5 && message.rcode == .refused && message.edns == nil)
  }

  @Test func `a response keeps what belongs to its query`() throws {
    var query = Message(query: try Name("example.net"), .aaaa, id: 7)
    query.cd = true
    query.ad = true
    let response = Message(respondingTo: query, rcode: .nxDomain)
    #expect(response.id == 7 && response.qr && response.rd && response.cd && !response.ad)
    #expect(response.questions == query.questions && response.rcode == .nxDomain)
  }

  @Test(
    arguments: [
      ([0xC0, 12, 0, 1, 0, 1], .badPointer),
      ([0xC0, 14, 0, 1, 0, 1, 0], .badPointer),
      ([1, 0x61, 0xC0, 12, 0, 1, 0, 1], .badPointer),
      ([0, 0, 1, 0], .truncated),
      ([0xC0], .truncated),
      ([0x80], .badLabel),
      ([0x41], .badLabel),
      ([5, 0x61], .truncated),
    ] as [([UInt8], WireError)])
  func `a question whose name is broken is rejected`(name: [UInt8], error: WireError) {
    #expect(throws: error) { try Message(parsing: Self.header(questions: 1) + name) }
  }

  @Test func `octets behind the last record are rejected`() {
    #expect(throws: WireError.trailingOctets) { try Message(parsing: Self.header() + [0]) }
    #expect(throws: Never.self) { try Message(parsing: Self.header()) }
  }

  @Test(
    arguments: [
      (1, [192, 0, 2]), (1, [192, 0, 2, 1, 0]), (28, [0]), (5, [0, 0]), (5, [1]), (15, [0, 1]),
      (6, [0, 0, 1, 2, 3, 4]), (33, [0, 0, 0, 0, 0, 0]), (14, [0]), (35, [0, 0, 0, 0, 9, 0]),
    ] as [(UInt8, [UInt8])])
  func `data without its type's form is rejected (RFC 3597 §4)`(type: UInt8, data: [UInt8]) {
    #expect(throws: WireError.self) {
      try Message(parsing: Self.header(answers: 1) + [0] + Self.fields(type, data))
    }
  }

  @Test func `data that ends inside a name does not borrow from the next record`() {
    // The name in the first CNAME would be complete with the owner of the second record.
    let octets =
      Self.header(answers: 2) + [0] + Self.fields(5, [1, 0x61]) + [0] + Self.fields(5, [0])
    #expect(throws: WireError.badRData) { try Message(parsing: octets) }
  }

  @Test func `names in data are uncompressed for SRV and left alone for SVCB`() throws {
    let start = Self.header(questions: 1, answers: 1) + Self.zone + [0, 1, 0, 1] + [0xC0, 12]
    let srv = try Message(parsing: start + Self.fields(33, [0, 1, 0, 2, 0, 53, 0xC0, 12]))
    #expect(srv.answers.map(\.description) == ["example.net. 300 IN SRV 1 2 53 example.net."])
    let svcb = try Message(parsing: start + Self.fields(64, [0, 1, 0xC0, 12]))
    #expect(svcb.answers[0].rdata == [0, 1, 0xC0, 12])
    #expect(svcb.answers[0].description == "example.net. 300 IN SVCB \\# 4 0001C00C")
  }

  @Test func `only the types of RFC 1035 have names compressed in data (RFC 3597 §4)`() throws {
    let query = Message(query: try Name("example.net"), .any)
    func dataCount(_ line: String) throws -> Int {
      let response = Message(respondingTo: query, answers: [try Record(line)])
      return response.encoded().count - Message(respondingTo: query).encoded().count - 12
    }
    #expect(try dataCount("example.net NS example.net") == 2)
    #expect(try dataCount("example.net MX 1 a.example.net") == 6)
    #expect(try dataCount("example.net SOA example.net example.net 1 1 1 1 1") == 24)
    #expect(try dataCount("example.net PTR EXAMPLE.NET") == 2)
    #expect(try dataCount("example.net SRV 1 1 1 example.net") == 19)
    #expect(try dataCount("example.net DNAME example.net") == 13)
    #expect(try dataCount("example.net RP example.net example.net") == 26)
    #expect(try dataCount("example.net HTTPS 1 example.net") == 15)
  }

  @Test func `malformed data of a type with names is written as it stands`() throws {
    for type in [RecordType.ns, .soa, .mx, .minfo] {
      for data in [[], [0], [9], [0xC0, 0], [0, 1, 63]] as [[UInt8]] {
        let record = Record(name: .root, type: type, ttl: 0, rdata: data)
        let octets = Message(answers: [record]).encoded()
        #expect(Array(octets.suffix(data.count)) == data)
        #expect(octets.count == 12 + 11 + data.count)
      }
    }
  }

  @Test func `a record that does not fit is left out and TC is set (RFC 2181 §9)`() throws {
    let query = Message(query: try Name("example.net"), .a, edns: EDNS())
    let records = try (1...9).map { try Record("example.net 60 IN A 192.0.2.\($0)") }
    var response = Message(respondingTo: query, answers: records, edns: EDNS())
    // Header 12, question 17, OPT 11, each record 16.
    let cut = try Message(parsing: response.encoded(limit: 40 + 3 * 16 + 15))
    #expect(cut.tc && cut.answers == Array(records[..<3]) && cut.edns == EDNS())
    let whole = try Message(parsing: response.encoded(limit: 40 + 9 * 16))
    #expect(!whole.tc && whole == response)
    response.additional = try [Record("ns.example.net 60 IN A 192.0.2.1")]
    let withoutAdditional = try Message(parsing: response.encoded(limit: 40 + 9 * 16 + 18))
    #expect(!withoutAdditional.tc && withoutAdditional.additional.isEmpty)
  }

  @Test func `a record of more than 65,535 octets is left out`() throws {
    let big = Record(name: .root, type: .null, ttl: 0, rdata: [UInt8](repeating: 1, count: 70_000))
    let octets = Message(answers: [big]).encoded(limit: 100_000)
    #expect(octets.count == 12)
    #expect(try Message(parsing: octets).tc)
  }
}

@Suite("EDNS in whole messages (RFC 6891 §6.1)")
struct MessageEDNSTests {
  /// An OPT record with a size of 1232 and these options.
  static func opt(owner: [UInt8] = [0], ttl: [UInt8] = [0, 0, 0, 0], _ options: [UInt8] = [])
    -> [UInt8]
  {
    owner + [0, 41, 4, 0xD0] + ttl + [0, UInt8(options.count)] + options
  }

  @Test func `OPT becomes EDNS and leaves Additional`() throws {
    let octets =
      MessageTests.header(additional: 1)
      + Self.opt(ttl: [1, 0, 0x80, 0], [0, 10, 0, 2, 0xAB, 0xCD] + [0, 3, 0, 0])
    let message = try Message(parsing: octets)
    let edns = try #require(message.edns)
    #expect(edns.udpSize == 1232 && edns.version == 0 && edns.dnssecOK)
    #expect(
      edns.options == [EDNS.Option(.cookie, [0xAB, 0xCD]), EDNS.Option(.nameServerIdentifier)])
    #expect(edns[.cookie] == [0xAB, 0xCD] && edns[.padding] == nil)
    #expect(message.additional.isEmpty)
    #expect(message.rcode == .badVers)
    #expect(message.encoded() == octets)
  }

  @Test func `flags without a meaning are kept (RFC 6891 §6.1.4)`() throws {
    let octets = MessageTests.header(additional: 1) + Self.opt(ttl: [0, 7, 0x7F, 0xFF])
    let message = try Message(parsing: octets)
    #expect(message.edns?.flags == 0x7FFF && message.edns?.dnssecOK == false)
    #expect(message.edns?.version == 7)
    #expect(message.encoded() == octets)
  }

  @Test(
    arguments: [
      MessageTests.header(additional: 2) + opt() + opt(),
      MessageTests.header(answers: 1) + opt(),
      MessageTests.header(authority: 1) + opt(),
      MessageTests.header(additional: 1) + opt(owner: [1, 0x61, 0]),
      MessageTests.header(additional: 1) + opt([0, 10, 0]),
      MessageTests.header(additional: 1) + opt([0, 10, 0, 2, 0]),
      MessageTests.header(additional: 1) + opt([0, 10, 0, 0, 0]),
    ])
  func `an OPT that breaks the rules is rejected`(octets: [UInt8]) {
    #expect(throws: WireError.badOption) { try Message(parsing: octets) }
  }

  @Test func `a code above 15 brings EDNS with it`() {
    var message = Message()
    message.rcode = .badCookie
    #expect(message.edns?.extendedRcode == 1)
    #expect(message.flags == 7)
    #expect(message.rcode == .badCookie)
    message.rcode = .noError
    #expect(message.edns?.extendedRcode == 0)
  }
}
