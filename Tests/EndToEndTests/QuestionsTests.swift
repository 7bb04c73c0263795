import Testing

extension EndToEnd {
  @Suite("Questions out of the ordinary (RFC 8482, RFC 6891, RFC 4892)")
  struct QuestionsTests {
    let upstream: ScriptedUpstream
    let server: ServerProcess

    init() throws {
      upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        let answers: [DNSRecord] =
          query.type == RecordType.any
          ? (1...40).map { .a(name, "192.0.2.\($0)") } : [.a(name, "192.0.2.1")]
        return [.reply(.reply(to: query.message, answers: answers))]
      }
      server = try ServerProcess(upstreams: [upstream.endpoint])
    }

    private func ask(_ message: DNSMessage) throws -> DNSMessage {
      try #require(try server.ask(message))
    }

    /// Whether octets are dropped: the reply to an ordinary question, sent after them on the same
    /// socket, is the first and only one.
    private func isDropped(_ bytes: [UInt8]) throws -> Bool {
      let client = try Client(server.endpoint)
      client.socket.send(bytes)
      let question = DNSMessage.query("www.example.net")
      client.send(question)
      let first = try #require(try client.receive())
      let second = try client.receive(within: .milliseconds(100))
      return try DNSMessage(parsing: first).id == question.id && second == nil
    }

    @Test func `ANY gets a small answer`() throws {
      for _ in 0..<2 {
        let reply = try ask(.query("www.example.net", RecordType.any))
        #expect(reply.code == 0)
        #expect((1...2).contains(reply.answers.count))
        #expect(!reply.has(DNSMessage.Flag.truncated))
      }
    }

    @Test(arguments: [RecordType.axfr, RecordType.ixfr])
    func `a zone transfer is refused`(type: UInt16) throws {
      let question = DNSMessage.query("example.net", type)
      #expect(try ask(question).code == 5)
      let stream = try StreamClient(server.endpoint)
      let reply = try #require(try stream.ask(question))
      #expect(reply.code == 5)
      #expect(reply.id == question.id)
      #expect(upstream.queries.isEmpty)
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 15] as [UInt16])
    func `an operation other than QUERY is not implemented`(opcode: UInt16) throws {
      let question = DNSMessage.query("example.net", RecordType.soa, flags: opcode << 11 | 0x0100)
      let reply = try ask(question)
      #expect(reply.code == 4)
      #expect(reply.has(DNSMessage.Flag.response))
      #expect(reply.opcode == opcode)
      let stream = try StreamClient(server.endpoint)
      #expect(try stream.ask(question)?.code == 4)
      #expect(upstream.queries.isEmpty)
    }

    @Test(arguments: [2, 4, 254, 255, 4660] as [UInt16])
    func `a class other than IN is refused`(class: UInt16) throws {
      #expect(try ask(.query("www.example.net", class: `class`)).code == 5)
      #expect(upstream.queries.isEmpty)
    }

    @Test func `version.bind and id.server are answered in class CHAOS, and nothing else`() throws {
      for name: DNSName in ["version.bind", "id.server", "VERSION.BIND"] {
        let reply = try ask(.query(name, RecordType.txt, class: 3))
        #expect(reply.code == 0)
        #expect(reply.answers.count == 1)
        #expect(reply.answers.first?.class == 3)
        #expect(reply.answers.first?.type == RecordType.txt)
      }
      #expect(try ask(.query("www.example.net", RecordType.txt, class: 3)).code == 5)
      #expect(upstream.queries.isEmpty)
    }

    @Test(arguments: [0, 2, 3, 65_535] as [UInt16])
    func `a count of questions other than one is a format error`(count: UInt16) throws {
      var query = DNSMessage.query("www.example.net").encoded()
      query.replaceSubrange(4..<6, with: count.octets)
      let reply = try #require(try Client.exchange(server.endpoint, query))
      #expect(reply.count >= 12)
      #expect(Array(reply[0..<2]) == Array(query[0..<2]))
      #expect(reply[2] & 0x80 != 0)
      #expect(reply[3] & 0xf == 1)
    }

    @Test func `a message cut anywhere is a format error, and below twelve octets dropped`() throws
    {
      let query = DNSMessage.query("www.example.net", edns: 1232).encoded()
      for length in 0..<12 { #expect(try isDropped(Array(query.prefix(length))), "\(length)") }
      for length in 12..<query.count {
        let reply = try #require(
          try Client.exchange(server.endpoint, Array(query.prefix(length))), "\(length)")
        #expect(reply.count >= 12)
        #expect(reply[3] & 0xf == 1, "\(length) octets gave code \(reply[3] & 0xf)")
      }
      #expect(upstream.queries(for: "www.example.net").count <= 1)
    }

    @Test func `a response sent to us is dropped`() throws {
      var message = DNSMessage.query("other.example.net")
      message.flags |= DNSMessage.Flag.response
      #expect(try isDropped(message.encoded()))
      message = .reply(
        to: .query("other.example.net"), answers: [.a("other.example.net", "192.0.2.9")])
      #expect(try isDropped(message.encoded()))
      #expect(upstream.queries(for: "other.example.net").isEmpty)
    }

    @Test func `a version of EDNS above zero is answered with BADVERS`() throws {
      for version: UInt8 in [1, 255] {
        var query = DNSMessage.query("www.example.net")
        query.additionals = [.opt(version: version)]
        let reply = try ask(query)
        // RFC 6891 §6.1.3: the code is 16, and the version the highest that we know.
        #expect(reply.code == 16)
        #expect(reply.edns.map { $0.ttl >> 16 & 0xff } == 0)
        #expect(reply.answers.isEmpty)
      }
      #expect(upstream.queries.isEmpty)
    }

    @Test func `two OPT records are a format error`() throws {
      // RFC 6891 §6.1.1.
      var query = DNSMessage.query("www.example.net", edns: 1232)
      query.additionals.append(.opt())
      #expect(try ask(query).code == 1)
    }

    @Test func `unknown options and flags of EDNS are ignored`() throws {
      var query = DNSMessage.query("www.example.net")
      let option = UInt16(65_001).octets + UInt16(4).octets + [1, 2, 3, 4]
      query.additionals = [.opt(options: Array(repeating: option, count: 40).flatMap { $0 })]
      query.additionals[0].ttl |= 0x7fff
      let reply = try ask(query)
      #expect(reply.code == 0)
      #expect(reply.answers.count == 1)
    }

    @Test(
      arguments: [
        // A pointer to itself, a forward pointer, a label of a kind that does not exist.
        [0xc0, 0x0c], [0xc0, 0x20], [0x40, 0x61, 0], [0x80, 0x61, 0],
        // A label that goes past the end, and a name without an end.
        [63, 0x61], Array(repeating: 1, count: 300),
      ] as [[UInt8]])
    func `a question's name that is none is a format error`(name: [UInt8]) throws {
      let query = DNSMessage.query("www.example.net").encoded().prefix(12) + name + [0, 1, 0, 1]
      let reply = try #require(try Client.exchange(server.endpoint, Array(query)))
      #expect(reply[3] & 0xf == 1)
    }

    @Test func `a name of 255 octets is answered and a longer one is a format error`() throws {
      let label = [UInt8](repeating: UInt8(ascii: "a"), count: 63)
      let longest = DNSName(labels: [label, label, label, Array(label.prefix(61))])
      #expect(longest.encoded.count == 255)
      #expect(try ask(.query(longest)).answers.count == 1)
      let longer = DNSName(labels: [label, label, label, Array(label.prefix(62))])
      let reply = try #require(
        try Client.exchange(server.endpoint, DNSMessage.query(longer).encoded()))
      #expect(reply[3] & 0xf == 1)
    }
  }
}
