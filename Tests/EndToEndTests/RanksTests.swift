import Testing

extension EndToEnd {
  @Suite("What may be an answer, and what may be kept at all (RFC 2181 §5.4.1)")
  struct RanksTests {
    /// An upstream whose reply about `www.example.net` carries name servers, their addresses,
    /// and records of a foreign zone.
    private func upstream() throws -> ScriptedUpstream {
      try ScriptedUpstream { query in
        let message = query.message
        switch query.name {
        case "www.example.net":
          return [
            .reply(
              .reply(
                to: message, answers: [.a("www.example.net", "192.0.2.80")],
                authorities: [
                  .ns("example.net", "ns1.example.net"), .ns("example.com", "ns1.example.com"),
                ],
                additionals: [
                  .a("ns1.example.net", "192.0.2.66"), .a("victim.example.com", "192.0.2.67"),
                  .a("ns1.example.com", "192.0.2.68"),
                ]))
          ]
        case "example.net":
          return [
            .reply(
              .reply(
                to: message, answers: [.ns("example.net", "ns1.example.net")],
                additionals: [.a("ns1.example.net", "192.0.2.66")]))
          ]
        case "mixed.example.net":
          // A stranger among the answers.
          return [
            .reply(
              .reply(
                to: message,
                answers: [
                  .a("mixed.example.net", "192.0.2.81"), .a("victim.example.com", "192.0.2.67"),
                  .a("www.example.net", "192.0.2.69"),
                ]))
          ]
        default:
          return [.reply(.reply(to: message, answers: [.a(query.name, "192.0.2.1")]))]
        }
      }
    }

    @Test func `Authority and Additional data are kept with their rank, and can be seen`() throws {
      let upstream = try upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("www.example.net")?.answers.count == 1)

      let answer = try server.ctl("cache", "show", "www.example.net").output
      #expect(answer.contains("192.0.2.80"))
      #expect(answer.lowercased().contains("answer"))
      let servers = try server.ctl("cache", "show", "example.net", "NS").output
      #expect(servers.contains("ns1.example.net"))
      #expect(servers.lowercased().contains("authority"))
      let address = try server.ctl("cache", "show", "ns1.example.net", "A").output
      #expect(address.contains("192.0.2.66"))
      #expect(address.lowercased().contains("additional"))
      // Names by address know them too.
      #expect(try server.ctl("cache", "names", "192.0.2.66").output.contains("ns1.example.net"))
    }

    @Test func `Additional data is never the answer to a question of its own`() throws {
      let upstream = try upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("www.example.net")
      #expect(try server.ask("ns1.example.net")?.answers.map(\.address) == ["192.0.2.1"])
      #expect(upstream.queries(for: "ns1.example.net").count == 1)
      // The answer has replaced what was Additional data, for both maps.
      #expect(try server.ask("ns1.example.net")?.answers.map(\.address) == ["192.0.2.1"])
      #expect(upstream.queries(for: "ns1.example.net").count == 1)
      #expect(try !server.ctl("cache", "names", "192.0.2.66").output.contains("ns1.example.net"))
    }

    @Test func `Authority data is never the answer to a question of its own`() throws {
      let upstream = try upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("www.example.net")
      #expect(try server.ask("example.net", RecordType.ns)?.answers.count == 1)
      #expect(upstream.queries(for: "example.net").count == 1)
    }

    @Test func `an answer is not replaced by Additional data that comes later`() throws {
      let upstream = try upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("ns1.example.net")?.answers.map(\.address) == ["192.0.2.1"])
      _ = try server.ask("www.example.net")
      #expect(try server.ask("ns1.example.net")?.answers.map(\.address) == ["192.0.2.1"])
      #expect(upstream.queries(for: "ns1.example.net").count == 1)
    }

    @Test func `name servers are answered with the addresses that came as Additional data`() throws
    {
      let upstream = try upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      for _ in 0..<2 {
        let reply = try #require(try server.ask("example.net", RecordType.ns))
        #expect(reply.answers.count == 1)
        let addresses = reply.additionals.filter { $0.type == RecordType.a }
        #expect(addresses.map(\.address) == ["192.0.2.66"])
      }
      #expect(upstream.queries(for: "example.net").count == 1)
    }

    @Test func `nothing outside the bailiwick is kept`() throws {
      let upstream = try upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      let mixed = try #require(try server.ask("mixed.example.net"))
      #expect(mixed.answers.map(\.address) == ["192.0.2.81"])
      for address in ["192.0.2.67", "192.0.2.68"] {
        #expect(try !server.ctl("cache", "names", address).output.contains("example.com"))
      }
      #expect(try server.ask("victim.example.com")?.answers.map(\.address) == ["192.0.2.1"])
      #expect(upstream.queries(for: "victim.example.com").count == 1)
      // A record of another name in the Answer section is not that name's answer either.
      #expect(try server.ask("www.example.net")?.answers.map(\.address) == ["192.0.2.80"])
    }
  }
}
