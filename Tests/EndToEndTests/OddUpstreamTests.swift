import Foundation
import Testing

extension EndToEnd {
  @Suite("Upstreams, and ways to them, that do not bear everything")
  struct OddUpstreamTests {
    private static func answer(_ query: ScriptedUpstream.Query) -> [ScriptedUpstream.Action] {
      let name = query.message.question?.name ?? ""
      return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
    }

    private func upstreams(_ server: ServerProcess) throws -> [String: Any] {
      try #require((server.ctlJSON("upstreams") as? [[String: Any]])?.first)
    }

    /// As some firewalls do with EDNS: a query that has additional records goes nowhere.
    @Test func `names are resolved where queries with EDNS go nowhere, at once after three`() throws
    {
      let upstream = try ScriptedUpstream { query in
        query.bytes[11] != 0 && query.transport == .udp ? [] : Self.answer(query)
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      for index in 0..<3 {
        // Half of the time is over when it is asked without EDNS.
        let reply = try server.askInPeace { DNSName("n\(index).\($0).example.net") }
        #expect(reply?.code == 0 && reply?.answers.count == 1)
      }
      #expect(try server.ask("last.example.net")?.answers.count == 1)
      #expect(upstream.queries(for: "last.example.net").count == 1)
      #expect(try upstreams(server)["without"] as? String == "edns")
      #expect(try server.stat("upstream.without_edns") == 1)
    }

    @Test func `names are resolved where UDP goes nowhere, soon over TCP alone`() throws {
      let upstream = try ScriptedUpstream { query in
        query.transport == .udp ? [] : Self.answer(query)
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      // Three names have to be met with silence over UDP before it is left out.
      let client = try Client(server.endpoint)
      var answered = 0
      for attempt in 0..<20 where answered < 3 {
        let stopwatch = Stopwatch(server)
        for index in 0..<3 { client.send(.query(DNSName("n\(index).\(attempt).example.net"))) }
        for _ in 0..<3 {
          let bytes = try #require(try client.receive(within: .seconds(20)))
          let reply = try DNSMessage(parsing: bytes)
          // Each is asked over TCP 1.2 s before its client's time ends, unless the machine took that.
          #expect(reply.answers.count == 1 || stopwatch.elapsed < .milliseconds(4_300))
          answered += reply.answers.count
        }
      }
      #expect(try upstreams(server)["transport"] as? String == "tcp")
      #expect(try server.ask("last.example.net")?.answers.count == 1)
      #expect(Set(upstream.queries(for: "last.example.net").map(\.transport)) == [.tcp])
    }

    /// Whoever owns the name answers it once and lets it time out then.
    @Test func `one silent name does not keep others from being resolved`() throws {
      let upstream = try ScriptedUpstream { query in
        guard query.name == "www.silent.example" else { return Self.answer(query) }
        guard query.number == 0 else { return [] }
        let name = query.message.question?.name ?? ""
        return [
          .reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1", ttl: 0)]))
        ]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("www.silent.example")?.code == 0)
      #expect(try server.ask("www.silent.example", within: .seconds(20))?.code == 2)
      for index in 0..<20 {
        #expect(try server.ask(DNSName("good\(index).example.net"))?.answers.count == 1)
      }
    }

    @Test func `tcp:// and switched off abilities are what is asked with`() throws {
      let upstream = try ScriptedUpstream { Self.answer($0) }
      let plain = try ServerProcess(
        upstreams: [],
        flags: [
          "--upstream", "dns://\(upstream.endpoint)?edns=off&letter-case=off",
        ])
      #expect(try plain.ask("plain.example.net")?.answers.count == 1)
      let query = try #require(upstream.queries(for: "plain.example.net").first)
      #expect(query.bytes[11] == 0 && query.message.question?.name == "plain.example.net")
      let stream = try ServerProcess(
        upstreams: [], flags: ["--upstream", "tcp://\(upstream.endpoint)"])
      #expect(try stream.ask("stream.example.net")?.answers.count == 1)
      #expect(Set(upstream.queries(for: "stream.example.net").map(\.transport)) == [.tcp])
    }
  }
}
