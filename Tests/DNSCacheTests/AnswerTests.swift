import DNSCache
import DNSWire
import Memory
import Testing

@Suite("Answers composed from records (RFC 1034 §4.3.2, RFC 1035 §4.1)")
struct AnswerTests {
  @Test func `owners are pointers to the question`() {
    let lab = Lab()
    lab.insert(["a.example.net. 300 A 192.0.2.1", "a.example.net. 300 A 192.0.2.2"])
    let reply = lab.ask("a.example.net.", .a)
    let question = 12 + 15 + 4
    #expect(reply.bytes.count == question + 2 * 16)
    #expect(Array(reply.bytes[question..<question + 2]) == [0xC0, 12])
    #expect(Array(reply.bytes[question + 16..<question + 18]) == [0xC0, 12])
  }

  @Test func `the question's letter case comes back, in owners too`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    let reply = lab.ask("A.exAMple.nET.", .a)
    #expect(Array(reply.bytes[12..<27]) == lab.wire("A.exAMple.nET."))
    #expect(reply.answers == ["A.exAMple.nET. 300 IN A 192.0.2.1"])
  }

  @Test func `names in RDATA of the first types are compressed`() {
    let lab = Lab()
    lab.insert("example.net. 300 MX 10 mail.example.net.")
    let reply = lab.ask("example.net.", .mx)
    // Preference, a label of four, a pointer.
    #expect(reply.bytes.count == 12 + 17 + 12 + 2 + 5 + 2)
    #expect(reply.answers == ["example.net. 300 IN MX 10 mail.example.net."])
  }

  @Test func `names in RDATA of other types are not (RFC 3597 §4)`() {
    let lab = Lab()
    lab.insert("_sip._udp.example.net. 300 SRV 1 2 5060 sip.example.net.")
    let reply = lab.ask("_sip._udp.example.net.", .srv)
    #expect(reply.message.answers[0].rdata.count == 6 + 17)
    #expect(Array(reply.bytes.suffix(17)) == lab.wire("sip.example.net."))
  }

  @Test(arguments: [
    ("MX", RecordType.mx, "10 "), ("NS", .ns, ""), ("SRV", .srv, "1 2 5060 "),
  ])
  func `addresses of the hosts named come along, glue for name servers only`(
    word: String, type: RecordType, before: String
  ) {
    let lab = Lab()
    lab.insert([
      "example.net. 300 \(word) \(before)h1.example.net.",
      "example.net. 300 \(word) \(before)h2.example.net.",
      "example.net. 300 \(word) \(before)h3.example.net.",
    ])
    lab.insert("h1.example.net. 60 A 192.0.2.1", rank: .additional, section: .additional)
    lab.insert("h1.example.net. 60 AAAA 2001:db8::1")
    lab.insert("h2.example.net. 10 A 192.0.2.2")
    lab.insertNegative("h2.example.net.", .aaaa, soa: NegativeTests.soa())
    lab.pass(10)
    let glue = type == .ns ? ["h1.example.net. 50 IN A 192.0.2.1"] : []
    #expect(
      lab.ask("example.net.", type).additional == glue + ["h1.example.net. 50 IN AAAA 2001:db8::1"])
  }

  @Test func `a host named twice has its addresses written once`() {
    let lab = Lab()
    lab.insert(["example.net. 300 MX 10 h.example.net.", "example.net. 300 MX 20 H.example.net."])
    lab.insert("h.example.net. 60 A 192.0.2.1")
    #expect(lab.ask("example.net.", .mx).additional.count == 1)
  }

  @Test func `an RRset that doesn't fit is left out whole and TC is set (RFC 2181 §9)`() {
    let lab = Lab()
    lab.insert("www.example.net. 300 CNAME a.example.net.")
    lab.insert((1...40).map { "a.example.net. 300 A 192.0.2.\($0)" })
    let whole = lab.ask("www.example.net.", .a)
    #expect(whole.outcome == .written(.noError, truncated: false))
    for limit in 12 + 21..<whole.bytes.count {
      let reply = lab.ask("www.example.net.", .a, limit: limit)
      #expect(reply.outcome == .written(.noError, truncated: true))
      #expect(reply.bytes.count <= limit)
      #expect(reply.answers.count <= 1)
    }
    #expect(lab.ask("www.example.net.", .a, limit: whole.bytes.count).answers.count == 41)
  }

  @Test func `additional addresses that don't fit are left out without TC`() {
    let lab = Lab()
    lab.insert("example.net. 300 NS ns.example.net.")
    lab.insert((1...10).map { "ns.example.net. 300 A 192.0.2.\($0)" })
    lab.insert("ns.example.net. 300 AAAA 2001:db8::1")
    let whole = lab.ask("example.net.", .ns)
    #expect(whole.additional.count == 11)
    let reply = lab.ask("example.net.", .ns, limit: whole.bytes.count - 1)
    #expect(reply.outcome == .written(.noError, truncated: false))
    #expect(reply.answers.count == 1 && reply.additional.count == 10)
    let less = lab.ask("example.net.", .ns, limit: whole.bytes.count - 30)
    #expect(less.outcome == .written(.noError, truncated: false) && less.additional.isEmpty)
  }

  @Test func `a question too large for the limit leaves nothing behind`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    var key = lab.key("a.example.net.")
    var buffer = [UInt8](repeating: 0, count: 64)
    var span = buffer.mutableSpan
    var writer = MessageWriter(&span, limit: 31)
    writer.header(id: 1, questionCount: 1)
    writer.question((lab.wire("a.example.net.") + [0, 1, 0, 1]).span)
    let answer = lab.cache.answer(&key, type: .a, into: &writer, overlays: .newQuery, now: lab.now)
    guard case .written(.noError, truncated: true, _) = answer else {
      Issue.record("\(answer)")
      return
    }
    let position = writer.position
    #expect(position == 31)
  }

  @Test func `every type comes back as it went in`() {
    let lines = [
      "a.example.net. 300 IN SOA ns.example.net. h.example.net. 1 2 3 4 5",
      "a.example.net. 300 IN PTR b.example.net.", "a.example.net. 300 IN TXT \"one\" \"two\"",
      "a.example.net. 300 IN CAA 0 issue \"example.net\"",
      "a.example.net. 300 IN NAPTR 1 2 \"u\" \"sip\" \"!a!b!\" c.example.net.",
      "a.example.net. 300 IN DNAME other.example.net.",
      "a.example.net. 300 IN TYPE65280 \\# 3 010203", "a.example.net. 300 IN NULL \\# 0",
    ]
    let lab = Lab()
    for line in lines { lab.insert(line) }
    for line in lines {
      guard let record = try? Record(line) else { continue }
      #expect(lab.ask("a.example.net.", record.type).message.answers == [record])
    }
    lab.cache._checkInvariants()
  }
}
