import Foundation
import Testing

extension EndToEnd {
  @Suite("An upstream that is silent, gone or back")
  struct SilentUpstreamTests {
    /// Longest time until a client has its SERVFAIL.
    static let patience = Duration.seconds(5)

    /// A script that answers every A question with one address.
    static let honest: ScriptedUpstream.Script = { query in
      let name = query.message.question?.name ?? ""
      return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
    }

    static let silent: ScriptedUpstream.Script = { _ in [] }

    @Test func `every waiting client gets SERVFAIL in time, and hits go on undisturbed`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("warm.example.net")
      upstream.setScript(Self.silent)

      // Forty clients, four to a name.
      let stopwatch = Stopwatch(server)
      var waiting: [(client: Client, id: UInt16)] = []
      for index in 0..<40 {
        let question = DNSMessage.query(DNSName("dead\(index / 4).example.net"))
        let client = try Client(server.endpoint)
        client.send(question)
        waiting.append((client, question.id))
      }
      var slowestHit = Duration.zero
      var hits = 0
      let deadline = Deadline(after: .seconds(30))
      while !waiting.isEmpty, !deadline.hasPassed {
        let hit = Stopwatch(server)
        #expect(try server.ask("warm.example.net")?.answers.count == 1)
        slowestHit = max(slowestHit, hit.elapsed)
        hits += 1
        try waiting.removeAll { client, id in
          guard let bytes = try client.receive(within: .zero) else { return false }
          let reply = try DNSMessage(parsing: bytes)
          #expect(reply.id == id)
          #expect(reply.code == 2)
          #expect(reply.answers.isEmpty)
          return true
        }
        usleep(2_000)
      }
      #expect(waiting.isEmpty, "\(waiting.count) clients got no reply")
      #expect(stopwatch.elapsed < Self.patience)
      #expect(hits > 20)
      #expect(slowestHit < .seconds(1), "slowest hit: \(slowestHit)")

      #expect(try eventually { try server.stat("inflight.now") == 0 })
    }

    /// When exactly, and how the waits grow, `silent-upstream.scenario` says: here a busy machine delays timers.
    @Test func `a silent upstream is asked again, but not at once`() throws {
      let upstream = try ScriptedUpstream(Self.silent)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask("www.example.net")?.code == 2)
      let times = upstream.queries(for: "www.example.net").map(\.time)
      #expect((2...10).contains(times.count))
      let waits = zip(times, times.dropFirst()).map { $0.duration(to: $1) }
      // Two that come close together were sent far from each other, to a thread that didn't get to run.
      #expect(waits.reduce(.zero, +) > .milliseconds(200) * (waits.count), "\(waits)")
    }

    @Test func `equal questions in flight are asked once and answered to all`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        return [
          .replyAfter(
            milliseconds: 200, .reply(to: query.message, answers: [.a(name, "192.0.2.1")]))
        ]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let clients = try (0..<50).map { _ in try Client(server.endpoint) }
      let questions = (0..<50).map { index in
        DNSMessage.query(index % 2 == 0 ? "www.example.net" : "WWW.EXAMPLE.NET")
      }
      for (client, question) in zip(clients, questions) { client.send(question) }
      for (client, question) in zip(clients, questions) {
        let reply = try DNSMessage(parsing: try #require(try client.receive()))
        #expect(reply.id == question.id)
        #expect(reply.question?.name == question.question?.name)
        #expect(reply.answers.first?.address == "192.0.2.1")
      }
      #expect(upstream.queries(for: "www.example.net").count == 1)
    }

    @Test func `a closed port is noticed at once`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      upstream.stop()
      let stopwatch = Stopwatch(server)
      #expect(try server.ask("www.example.net")?.code == 2)
      #expect(stopwatch.elapsed < .seconds(3), "\(stopwatch.elapsed)")
      #expect(try eventually { try server.stat("inflight.now") == 0 })
    }

    @Test(arguments: [true, false])
    func `the next upstream is asked when one is silent or closed`(isClosed: Bool) throws {
      let dead = try ScriptedUpstream(Self.silent)
      let alive = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [dead.endpoint, alive.endpoint])
      if isClosed { dead.stop() }
      for index in 0..<5 {
        let stopwatch = Stopwatch(server)
        let reply = try server.ask(DNSName("name\(index).example.net"))
        #expect(reply?.answers.first?.address == "192.0.2.1")
        #expect(stopwatch.elapsed < .seconds(3))
      }
    }

    @Test func `an upstream that is back is noticed within a second`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      // Silent, then closed, then back: the two ways of being away after each other.
      upstream.setScript(Self.silent)
      #expect(try server.ask("first.example.net")?.code == 2)
      upstream.setScript(Self.honest)
      // By now it is only probed, at least once a second.
      let stopwatch = Stopwatch(server)
      #expect(
        try eventually(every: .milliseconds(20)) {
          try server.ask("second.example.net")?.answers.count == 1
        })
      #expect(stopwatch.elapsed < .seconds(3))
      upstream.stop()
      #expect(try server.ask("third.example.net")?.code == 2)
      try upstream.start()
      #expect(try server.ask("fourth.example.net")?.answers.count == 1)
      // What failed before the first return was forgotten with it; a failure is remembered for a while at
      // most (RFC 9520 §3.2).
      #expect(try server.ask("first.example.net")?.answers.count == 1)
      #expect(
        try eventually(every: .milliseconds(20)) {
          try server.ask("third.example.net")?.answers.count == 1
        })
    }

    @Test func `control shows which upstream is silent and how fast the other is`() throws {
      let dead = try ScriptedUpstream(Self.silent)
      let alive = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [dead.endpoint, alive.endpoint])
      // All at once, so that the dead one fails some of them before the other is preferred.
      let client = try Client(server.endpoint)
      for index in 0..<5 { client.send(.query(DNSName("name\(index).example.net"))) }
      for _ in 0..<5 { #expect(try client.receive() != nil) }
      let rows = try #require(try server.ctlJSON("upstreams") as? [[String: Any]])
      #expect(rows.map { $0["address"] as? String } == ["\(dead.endpoint)", "\(alive.endpoint)"])
      #expect(rows.map { $0["state"] as? String } == ["probing", "up"])
      #expect(rows[0]["rtt_ms"] is NSNull && rows[0]["last_failure"] as? String == "silence")
      #expect((rows[0]["next_probe_ms"] as? Int ?? -1) >= 0)
      #expect((rows[1]["rtt_ms"] as? Int ?? -1) >= 0 && (rows[1]["replies"] as? Int ?? 0) >= 5)
      dead.setScript(Self.honest)
      #expect(
        try eventually(every: .milliseconds(50)) {
          let rows = try server.ctlJSON("upstreams") as? [[String: Any]]
          return rows?[0]["state"] as? String == "up"
        })
      #expect(try server.stat("upstream.recoveries") == 1)
    }

    @Test func `a late reply to an earlier attempt still counts`() throws {
      // Answers the first attempt alone, and only after the second was sent.
      let upstream = try ScriptedUpstream { query in
        guard query.number == 0 else { return [] }
        let reply = DNSMessage.reply(
          to: query.message, answers: [.a("late.example.net", "192.0.2.1")])
        return [.replyAfter(milliseconds: 2_000, reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let reply = try server.ask("late.example.net")
      #expect(reply?.answers.first?.address == "192.0.2.1")
      #expect(upstream.allQueries.count >= 2, "there was no second attempt before 2 s")
    }

    @Test func `hundreds of failures leave nothing behind`() throws {
      let upstream = try ScriptedUpstream(Self.silent)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ctl("status")
      let descriptors = try server.settledDescriptorCount()
      let client = try Client(server.endpoint)
      for round in 0..<2 {
        for index in 0..<200 {
          client.send(.query(DNSName("gone-\(round)-\(index).example.net")))
        }
        // The second round fails at once: the upstream is known to be silent.
        if round == 0 { #expect(try eventually { try server.stat("inflight.now") > 0 }) }
        var failures = 0
        while failures < 200, let bytes = try client.receive() {
          #expect(try DNSMessage(parsing: bytes).code == 2)
          failures += 1
        }
        #expect(failures == 200)
      }
      // But for those that find out, in each 0.8 s one, whether it is back.
      #expect(try (190...200).contains(server.stat("upstream.all_down")))
      #expect(try eventually { try server.stat("inflight.now") == 0 })
      #expect(server.descriptorCount <= descriptors + 32)
    }
  }
}
