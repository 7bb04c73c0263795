import Testing

extension EndToEnd {
  @Suite("Sizes of replies (RFC 1035 §4.2.1, RFC 6891 §6.2.5, RFC 2181 §9)")
  struct SizesTests {
    let nsd: NSD
    let server: ServerProcess

    init() throws {
      nsd = try NSD()
      server = try ServerProcess(upstreams: [nsd.endpoint])
    }

    /// Asks over UDP, first and second time, and returns each reply with its size in octets.
    private func ask(
      _ name: DNSName, _ type: UInt16 = RecordType.a, edns: UInt16?
    ) throws -> [(reply: DNSMessage, size: Int)] {
      try (0..<2).map { _ in
        let query = DNSMessage.query(name, type, edns: edns)
        let bytes = try #require(try Client.exchange(server.endpoint, query.encoded()))
        return (try DNSMessage(parsing: bytes), bytes.count)
      }
    }

    /// Old resolvers have no TCP: for them some addresses are better than none.
    @Test func `without EDNS a reply has at most 512 octets and the records that fit`() throws {
      for (reply, size) in try ask("big.example.net", edns: nil) {
        #expect(reply.has(DNSMessage.Flag.truncated))
        #expect((480...512).contains(size))
        #expect(reply.answers.count > 20)
        #expect(reply.edns == nil)
        #expect(reply.question?.name == "big.example.net")
      }
    }

    @Test func `with EDNS a reply of more than 512 octets fits`() throws {
      for (reply, size) in try ask("big.example.net", edns: 1232) {
        #expect(!reply.has(DNSMessage.Flag.truncated))
        #expect(reply.answers.count == 40)
        #expect(size > 512 && size <= 1232)
      }
    }

    @Test func `no datagram has more than 1232 octets, whatever the client offers`() throws {
      for (reply, size) in try ask("bigger.example.net", edns: 4096) {
        #expect(reply.has(DNSMessage.Flag.truncated))
        #expect(size <= 1232)
        #expect(reply.answers.isEmpty)
        #expect(reply.edns != nil)
      }
    }

    @Test func `a client's own smaller size is kept to`() throws {
      for (reply, size) in try ask("big.example.net", edns: 600) {
        #expect(reply.has(DNSMessage.Flag.truncated))
        #expect(size <= 600)
      }
    }

    @Test func `a size below 512 counts as 512`() throws {
      for (reply, _) in try ask("www.example.net", edns: 20) {
        #expect(!reply.has(DNSMessage.Flag.truncated))
        #expect(reply.answers.count == 1)
      }
    }

    @Test func `what was cut comes whole over TCP`() throws {
      for _ in 0..<2 {
        let dig = try server.dig("bigger.example.net", "A")
        #expect(dig.retriedOverTCP)
        #expect(Set(dig.answers.map(\.data)).count == 120)
        let text = try server.dig("biggest.example.net", "TXT", "+tcp")
        #expect(text.answers.count == 40)
        #expect(text.size > 8000)
      }
    }
  }
}
