import Foundation
import Testing

extension EndToEnd {
  @Suite("What is told of a name: ctl explain")
  struct ExplainTests {
    /// Answers with an address; "broken" names with an error, those that begin with "old" for a second.
    private static let script: ScriptedUpstream.Script = { query in
      let label = query.name.labels.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
      if label.hasPrefix("broken") {
        return [.reply(.reply(to: query.message, code: 2))]
      }
      let ttl: UInt32 = label.hasPrefix("old") ? 1 : label.hasPrefix("long") ? 900_000 : 300
      let address = label.hasPrefix("rebound") ? "10.0.0.9" : "192.0.2.1"
      return [.reply(.reply(to: query.message, answers: [.a(query.name, address, ttl: ttl)]))]
    }

    let upstream: ScriptedUpstream
    let server: ServerProcess

    init() throws {
      upstream = try ScriptedUpstream(Self.script)
      server = try ServerProcess(upstreams: [upstream.endpoint], flags: ["--rebind-protection"])
    }

    private func explain(_ name: String, _ type: String = "A") throws -> [String: Any] {
      try #require(try server.ctlJSON("explain", name, type) as? [String: Any])
    }

    private func course(_ story: [String: Any]) -> String? {
      (story["answer"] as? [String: Any])?["course"] as? String
    }

    private func rules(_ story: [String: Any]) -> [String] {
      (story["rules"] as? [[String: Any]])?.compactMap { $0["rule"] as? String } ?? []
    }

    @Test func `a hit has its server, section, rank and times`() throws {
      let before = Int(Date().timeIntervalSince1970)
      _ = try server.ask("www.example.net")
      let story = try explain("WWW.example.net")
      #expect(course(story) == "hit")
      let sets = try #require(story["cached"] as? [[String: Any]])
      #expect(sets.count == 1)
      let set = try #require(sets.first)
      #expect(set["upstream"] as? String == upstream.endpoint.description)
      #expect(set["data"] as? [String] == ["192.0.2.1"])
      #expect(set["section"] as? String == "answer" && set["rank"] as? String == "answer")
      let since = try #require(set["since"] as? Int)
      let until = try #require(set["until"] as? Int)
      let now = Int(Date().timeIntervalSince1970)
      #expect((before - 2...now + 2).contains(since) && until - since == 300)
      #expect((set["ttl"] as? Int).map { (240...300).contains($0) } == true)
      #expect(set["used"] as? Bool == true)
      let text = try server.ctl("explain", "www.example.net").output
      #expect(text.contains("A client gets NOERROR from the cache"))
      #expect(text.contains("from \(upstream.endpoint)"))
      #expect(
        try server.ctl("cache", "show", "www.example.net").output
          .contains(upstream.endpoint.description))
      // Telling asks nobody and counts nothing.
      #expect(upstream.queries(for: "www.example.net").count == 1)
      #expect(try server.stat("cache.hits") == 0)
    }

    @Test func `a stale name is told as such, and what a client gets`() throws {
      _ = try server.ask("old.example.net")
      upstream.setScript { _ in [] }
      let isStale = try eventually {
        ((try explain("old.example.net")["cached"] as? [[String: Any]])?.first?["stale"] as? Int)
          .map { $0 >= 1 } ?? false
      }
      #expect(isStale)
      let story = try explain("old.example.net")
      #expect(course(story) == "asks")
      #expect(rules(story) == ["serve-stale"])
      let text = try server.ctl("explain", "old.example.net").output
      #expect(text.contains("stale: its time was over"))
      #expect(text.contains("a client gets NOERROR from what is stale"))
    }

    @Test func `a failing name is told with the error, the upstream and the pause`() throws {
      // The pause is a second at first, and longer each time.
      var story: [String: Any] = [:]
      let isPaused = try eventually {
        #expect(try server.ask("broken.example.net")?.code == 2)
        story = try explain("broken.example.net")
        return course(story) == "fails"
      }
      #expect(isPaused)
      #expect(rules(story) == ["failure-cache"])
      let failure = try #require(story["last_failure"] as? [String: Any])
      #expect(failure["reason"] as? String == "SERVFAIL from upstream")
      #expect(failure["upstream"] as? String == upstream.endpoint.description)
      #expect((failure["in_a_row"] as? Int ?? 0) >= 1)
      #expect((story["cached"] as? [Any])?.isEmpty == true)
      let text = try server.ctl("explain", "broken.example.net").output
      #expect(text.contains("SERVFAIL from upstream, \(upstream.endpoint)"))
    }

    @Test func `of a name never asked it is told who would be`() throws {
      _ = try server.ask("www.example.net")
      let story = try explain("never.example.net", "AAAA")
      #expect(course(story) == "asks" && story["last_failure"] is NSNull)
      #expect(story["question"] as? String == "never.example.net. AAAA")
      let asked = try #require(story["would_ask"] as? [[String: Any]])
      #expect(asked.count == 1)
      #expect(asked.first?["upstream"] as? String == upstream.endpoint.description)
      #expect(
        asked.first?["state"] as? String == "up" && asked.first?["turn"] as? String == "first")
      #expect(asked.first?["rtt"] is Int)
      #expect(upstream.queries(for: "never.example.net").isEmpty)
      #expect(
        try server.ctl("explain", "never.example.net").output.contains("In the cache: nothing."))
    }

    @Test func `the rules that touched a name are told`() throws {
      _ = try server.ask("long.example.net")
      #expect(try rules(explain("long.example.net")) == ["max-ttl"])
      _ = try server.ask("rebound.example.net")
      #expect(try rules(explain("rebound.example.net")) == ["rebind-protection"])
      #expect(try rules(explain("localhost")) == ["special-zones"])
      #expect(try course(explain("localhost")) == "local")
    }

    @Test func `of a name that is answered here it is told what a client gets, and which setting`()
      throws
    {
      func told(_ arguments: String...) throws -> String {
        try Tool.run(
          ServerProcess.binary, ["ctl", "--control", server.control, "explain"] + arguments
        ).output
      }
      let local = try told("localhost")
      #expect(local.contains("a client gets NOERROR with A 127.0.0.1, to be kept for 3 h."))
      #expect(local.contains("localhost in names.forward-special (--forward-special) has upstream"))
      #expect(try told("a.test", "MX").contains("a client gets NXDOMAIN: there is no such name."))
      #expect(try told("www.example.net", "AXFR").contains("A client gets REFUSED"))
      let answer = try #require(explain("home.arpa")["answer"] as? [String: Any])
      #expect(answer["rcode"] as? String == "NOERROR")
    }

    @Test func `an address means its reverse name`() throws {
      let text = try server.ctl("explain", "192.168.1.10").output
      #expect(text.hasPrefix("10.1.168.192.in-addr.arpa. PTR\n"))
      #expect(text.contains("a client gets NXDOMAIN"))
      #expect(text.contains("or private-reverse for all such zones, in names.forward-special"))
      #expect(try explain("192.168.1.10", "TXT")["type"] as? String == "TXT")
      let loopback = try explain("::1", "PTR")
      #expect((loopback["answer"] as? [String: Any])?["course"] as? String == "local")
      #expect((loopback["name"] as? String)?.hasSuffix(".ip6.arpa.") == true)
      let page = try ControlPage("/api/v1/explain/192.0.2.1", of: server)
      #expect(page.body.contains("1.2.0.192.in-addr.arpa."))
    }

    @Test func `after a restart it is still told where data came from`() throws {
      _ = try server.ask("www.example.net")
      #expect(server.terminate() == .exited(0))
      try server.start()
      #expect(
        try eventually {
          (try explain("www.example.net")["cached"] as? [[String: Any]])?.first?["upstream"]
            as? String == upstream.endpoint.description
        })
    }

    @Test func `what can't be explained is refused with a reason`() throws {
      #expect(try server.ctl("explain", "a..b").status == 64)
      #expect(try server.ctl("explain", "www.example.net", "NOTYPE").status == 64)
    }
  }
}
