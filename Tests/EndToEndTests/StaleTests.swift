import Foundation
import Testing

extension EndToEnd {
  @Suite("Stale answers and prefetch (RFC 8767)")
  struct StaleTests {
    static let name: DNSName = "www.example.net"

    /// A script that answers every A question with one address.
    private static func honest(_ address: String, ttl: UInt32) -> ScriptedUpstream.Script {
      { query in
        let name = query.message.question?.name ?? ""
        return [.reply(.reply(to: query.message, answers: [.a(name, address, ttl: ttl)]))]
      }
    }

    private static let silent: ScriptedUpstream.Script = { _ in [] }

    /// Lets what has a TTL of a second expire.
    private static func passSeconds(_ duration: Duration = .milliseconds(2_100)) {
      let deadline = Deadline(after: duration)
      _ = eventually(within: duration + .seconds(5), every: .milliseconds(20)) {
        deadline.hasPassed
      }
    }

    /// Asks as a client does that reads extended errors.
    private static func isStale(_ dig: Dig, _ address: String) -> Bool {
      dig.status == "NOERROR" && dig.answers.map(\.data) == [address]
        && dig.answers.map(\.ttl) == [30] && dig.output.contains("EDE: 3")
    }

    @Test
    func `an upstream that is silent costs two seconds once, and is believed when it is back`()
      throws
    {
      let upstream = try ScriptedUpstream(Self.honest("192.0.2.1", ttl: 1))
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.dig("www.example.net").answers.map(\.ttl) == [1])
      upstream.setScript(Self.silent)
      Self.passSeconds()

      // Whether it was asked at all is seen at the upstream, and nobody waits until the question's end.
      let clock = Stopwatch()
      let stopwatch = Stopwatch(server)
      let first = try server.dig("www.example.net")
      #expect(Self.isStale(first, "192.0.2.1"), "\(first.output)")
      #expect(clock.elapsed > .milliseconds(1_700) && stopwatch.elapsed < .milliseconds(4_200))
      let again = Stopwatch(server)
      let second = try server.dig("www.example.net")
      #expect(Self.isStale(second, "192.0.2.1"), "\(second.output)")
      #expect(again.elapsed < .milliseconds(1_700))
      #expect(try server.stat("cache.stale") == 2)
      let rows = try server.ctlJSON("cache", "show", "www.example.net") as? [[String: Any]]
      #expect((rows?.first?["stale"] as? Int).map { (1...60).contains($0) } == true)
      // Without RD nothing stale is given (flags 0).
      #expect(try server.ask(.query(Self.name, flags: 0))?.code == 5)

      upstream.setScript(Self.honest("192.0.2.2", ttl: 300))
      let back = Stopwatch(server)
      #expect(
        try eventually(every: .milliseconds(50)) {
          try server.ask(Self.name)?.answers.first?.address == "192.0.2.2"
        })
      #expect(back.elapsed < .seconds(5))
      #expect(try server.dig("www.example.net").answers.map(\.ttl).first ?? 0 > 200)
    }

    @Test func `a restart during the outage changes nothing`() throws {
      let upstream = try ScriptedUpstream(Self.honest("192.0.2.1", ttl: 1))
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask(Self.name)
      upstream.stop()
      Self.passSeconds()
      #expect(server.terminate() == .exited(0))
      try server.start()
      #expect(
        try eventually(every: .milliseconds(50)) {
          Self.isStale(try server.dig("www.example.net"), "192.0.2.1")
        })
    }

    @Test func `nothing is stale where it isn't wanted`() throws {
      let upstream = try ScriptedUpstream(Self.honest("192.0.2.1", ttl: 1))
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--serve-stale", "0"])
      _ = try server.ask(Self.name)
      upstream.stop()
      Self.passSeconds()
      #expect(try server.dig("www.example.net").status == "SERVFAIL")
      #expect(try server.stat("cache.stale") == 0)
    }

    @Test func `who asks for a name in use never waits for a slow upstream again`() throws {
      let upstream = try ScriptedUpstream { query in
        let reply = DNSMessage.reply(
          to: query.message, answers: [.a(query.name, "192.0.2.1", ttl: 10)])
        return query.number == 0
          ? [.reply(reply)] : [.replyAfter(milliseconds: 350, reply)]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      #expect(try server.ask(Self.name)?.answers.count == 1)
      var slowest = Duration.zero
      var longestPause = Duration.zero
      var renewals = 0
      // In its last second somebody has to ask, and upstream to answer. Where the machine does not let them, the name's
      // next ten seconds tell.
      repeat {
        (slowest, longestPause) = (.zero, .zero)
        let before = try server.stats("cache.prefetches", "cache.misses")
        let asked = upstream.queries(for: Self.name).count
        var last: UInt32 = 0
        var isRenewed = false
        while !isRenewed {
          let pause = Stopwatch()
          let stopwatch = Stopwatch(server)
          let ttl = try #require(try server.ask(Self.name)?.answers.first?.ttl)
          slowest = max(slowest, stopwatch.elapsed)
          isRenewed = ttl > last && last > 0
          last = ttl
          usleep(50_000)
          if ttl <= 2 { longestPause = max(longestPause, pause.elapsed) }
        }
        renewals += 1
        guard longestPause < .milliseconds(300) else { continue }
        #expect(slowest < .milliseconds(300), "\(slowest)")
        let after = try server.stats("cache.prefetches", "cache.misses")
        #expect(after[0] == before[0] + 1 && after[1] == before[1])
        #expect(upstream.queries(for: Self.name).count == asked + 1)
      } while longestPause >= .milliseconds(300) && renewals < 6
    }

    @Test func `without prefetching, each end of a record is a miss`() throws {
      let upstream = try ScriptedUpstream(Self.honest("192.0.2.1", ttl: 10))
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: ["--no-prefetch"])
      let isMissed = try eventually(within: .seconds(40), every: .milliseconds(50)) {
        _ = try server.ask(Self.name)
        return upstream.queries(for: Self.name).count == 2
      }
      #expect(isMissed)
      #expect(try server.stat("cache.misses") == 2)
      #expect(try server.stat("cache.prefetches") == 0)
    }
  }
}
