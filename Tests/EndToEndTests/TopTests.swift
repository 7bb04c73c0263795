import Foundation
import Testing

extension EndToEnd {
  @Suite("What comes most")
  struct TopTests {
    /// The rows of a list, each as its text facts and its count.
    private func top(_ list: String, of server: ServerProcess) throws -> [String] {
      let all = try #require(server.ctlJSON("top", list) as? [String: Any])
      let rows = try #require(all["top"] as? [[String: Any]])
      return rows.map { row in
        let facts = ["name", "client", "type", "reason"].compactMap { row[$0] as? String }
        return (facts + ["\(row["count"] ?? "?")", "\(row["error"] ?? "?")"])
          .joined(separator: " ")
      }
    }

    @Test func `every query counts while they come one by one, over UDP and TCP`() throws {
      let nsd = try NSD()
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      let before = try server.ctlJSON("top", "names") as? [String: Any]
      for _ in 0..<3 { _ = try server.ask("WWW.example.net") }
      _ = try server.ask("www.example.net", RecordType.aaaa)
      _ = try server.dig("www.example.net", "+tcp")
      for name in ["web.example.net", "missing.example.net"] { _ = try server.ask(DNSName(name)) }
      let names = try top("names", of: server)
      #expect(names.first == "www.example.net. A 4 0")
      for row in [
        "www.example.net. AAAA 1 0", "web.example.net. A 1 0", "missing.example.net. A 1 0",
      ] { #expect(names.contains(row), "\(names)") }

      let clients = try top("clients", of: server)
      let queries = try server.stat("queries.udp") + server.stat("queries.tcp")
      #expect(clients == ["127.0.0.1 \(queries) 0"])
      let all = try #require(try server.ctlJSON("top", "names") as? [String: Any])
      #expect((all["total"] as? Int) == queries)
      let since = try #require(all["since"] as? Double)
      #expect(abs(since - Date().timeIntervalSince1970) < 60)
      #expect((before?["since"] as? Double) == since)

      // For a person, and no more than was asked for.
      let text = try server.ctl("top", "names", "--count", "1").output
      #expect(text.hasPrefix("\(queries) queries since the start, "))
      #expect(text.split(separator: "\n").count == 3)
      #expect(text.contains(/\n +4 +A +www\.example\.net\.\n/), "\(text)")
      #expect(try server.ctl("top", "failures").output == "none yet\n")
      for wrong in ["0", "501", "x"] {
        #expect(try server.ctl("top", "names", "--count", wrong).status == 64, "\(wrong)")
      }
      #expect(try ControlPage("/api/v1/top/names?count=501", of: server).status == 400)
      #expect(try ControlPage("/api/v1/top/nothing", of: server).status == 404)
    }

    @Test func `what fails is counted with its type and why`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        if "\(name)".lowercased().hasPrefix("good") {
          return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
        }
        return [.reply(.reply(to: query.message, code: 2))]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      for name in ["bad.example.net", "BAD.example.net", "good.example.net", "worse.example.net"] {
        _ = try server.ask(DNSName(name))
      }
      _ = try server.ask("bad.example.net", RecordType.aaaa)
      let failures = try top("failures", of: server)
      // The second one failed at once, for the first had.
      #expect(failures.first == "bad.example.net. A upstream error 2 0")
      #expect(
        Set(failures.dropFirst()) == [
          "worse.example.net. A upstream error 1 0", "bad.example.net. AAAA upstream error 1 0",
        ])
      #expect(try server.stat("queries.failures") == 4)
    }

    @Test func `under load one of a batch stands for all, and the sum stays true`() throws {
      let nsd = try NSD()
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      let folder = try TemporaryFolder()
      // Four of five for one name.
      let lines =
        Array(repeating: "www.example.net A\n", count: 8) + [
          "web.example.net A\n", "ns1.example.net A\n",
        ]
      try lines.joined().write(toFile: folder.file("queries"), atomically: true, encoding: .utf8)
      let load = try Tool.run(
        "dnsperf",
        [
          "-s", server.endpoint.address, "-p", "\(server.endpoint.port)", "-d",
          folder.file("queries"),
          "-n", "3000", "-q", "500", "-O", "suppress=timeout",
        ], timeout: .seconds(60))
      #expect(load.status == 0, "\(load.errors)")
      // One more, which stands for the last ones, too, should samples have been held back.
      _ = try server.ask("www.example.net")
      let queries = try server.stat("queries.udp")
      let all = try #require(try server.ctlJSON("top", "names") as? [String: Any])
      #expect((all["total"] as? Int) == queries)
      let rows = try #require(all["top"] as? [[String: Any]])
      let first = try #require(rows.first)
      #expect(first["name"] as? String == "www.example.net.")
      // Eight of the ten lines, 3,000 times, and once by itself.
      let truth = 24_001
      let (low, high) = (first["at_least"] as? Int ?? 0, first["at_most"] as? Int ?? 0)
      #expect(low <= truth && truth <= high, "\(low) to \(high) of \(queries)")
      #expect(try #require(all["samples"] as? Int) < queries)
      let text = try server.ctl("top", "names").output
      #expect(text.contains(/count +at least +at most +type +name\n/), "\(text)")
    }
  }
}
