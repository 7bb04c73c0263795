import Foundation
import Testing

extension EndToEnd {
  @Suite("All upstreams away, under load")
  struct OutageTests {
    /// Seconds without an upstream: the full minute when it is asked for.
    static let seconds =
      ProcessInfo.processInfo.environment["OUTAGE_SECONDS"].flatMap { Int($0) } ?? 12
    /// Questions a second for names that nobody knows.
    static let rate = 1_000
    /// Octets that questions, clients that wait and failures may take beside what the program had.
    static let memory = 32 << 20

    /// Answers each name with an address; the first label tells how long for.
    private static let honest: ScriptedUpstream.Script = { query in
      let isBrief = query.name.labels.first.map { $0.starts(with: Array("brief".utf8)) } ?? false
      let answer = DNSRecord.a(query.name, "192.0.2.1", ttl: isBrief ? 1 : 3_600)
      return [.reply(.reply(to: query.message, answers: [answer]))]
    }

    @Test func `memory stays, hits too, what is stale is given, and all is well when one is back`()
      throws
    {
      let upstreams = try [ScriptedUpstream(Self.honest), ScriptedUpstream(Self.honest)]
      let server = try ServerProcess(upstreams: upstreams.map(\.endpoint))
      let names = (0..<50).map { DNSName("hit\($0).example.net") }
      let brief = (0..<50).map { DNSName("brief\($0).example.net") }
      for name in names + brief { #expect(try server.ask(name)?.answers.count == 1) }
      let queries = server.folder.file("queries")
      try Dnsperf.writeQueries(Self.rate * Self.seconds, zone: "lost.example.net", to: queries)
      let before = server.residentMemory

      for upstream in upstreams { upstream.setScript { _ in [] } }
      // From so many sockets that their buffers hold all answers that come at once, after a pause of the machine.
      let load = try ChildProcess(
        Tool.path("dnsperf"),
        [
          "-s", server.endpoint.address, "-p", "\(server.endpoint.port)", "-d", queries, "-n", "1",
          "-Q", "\(Self.rate)", "-q", "8000", "-c", "32", "-T", "1", "-t", "20",
        ], output: server.folder.file("dnsperf"))
      var slowestHit = Duration.zero
      var slowestStale = Duration.zero
      var lastStale = Duration.zero
      var memory = 0
      var round = 0
      let outage = Stopwatch()
      while load.isRunning, outage.elapsed < .seconds(Self.seconds + 30) {
        let hit = Stopwatch(server)
        #expect(try server.ask(names[round % names.count])?.answers.count == 1)
        slowestHit = max(slowestHit, hit.elapsed)
        // What had a TTL of a second has expired behind the second one.
        if outage.elapsed > .milliseconds(2_100) {
          let stale = Stopwatch(server)
          let reply = try server.ask(brief[round % brief.count])
          #expect(reply?.answers.first?.ttl == 30)
          lastStale = stale.elapsed
          slowestStale = max(slowestStale, lastStale)
        }
        memory = max(memory, server.residentMemory)
        round += 1
        usleep(20_000)
      }
      #expect(load.ending == .exited(0))
      let report = Tool.text(of: server.folder.file("dnsperf"))
      #expect(report.contains("SERVFAIL \(Self.rate * Self.seconds) (100.00%)"), "\(report)")
      #expect(memory - before < Self.memory, "\((memory - before) >> 10) KiB more")
      #expect(slowestHit < .seconds(1), "slowest hit: \(slowestHit)")
      // Not at the end of the question, which is after 4.5 s.
      #expect(slowestStale < .seconds(4), "slowest stale answer: \(slowestStale)")
      // Nor after the 1.8 s that a client is made to wait for what may come: it is known by now.
      #expect(lastStale < .milliseconds(1_500), "\(lastStale)")
      #expect(try server.stat("cache.stale") > 0)
      #expect(try server.stat("inflight.now") < 100, "nothing is tried in vain any more")

      // One of them is back.
      upstreams[1].setScript(Self.honest)
      let back = Stopwatch(server)
      var attempts = 0
      #expect(
        try eventually(every: .milliseconds(20)) {
          attempts += 1
          return try server.ask(DNSName("new\(attempts).example.net"))?.answers.count == 1
        })
      #expect(back.elapsed < .seconds(3), "full service after \(back.elapsed)")
      for index in 0..<50 {
        let stopwatch = Stopwatch(server)
        #expect(try server.ask(DNSName("after\(index).example.net"))?.answers.count == 1)
        #expect(stopwatch.elapsed < .seconds(1))
      }
      // Questions for some of them were let through in vain a moment ago, and wait up to 0.8 s to be asked again:
      // so long what is stale is still given at once.
      let renewal = Stopwatch(server)
      for name in brief {
        #expect(
          try eventually(every: .milliseconds(20)) {
            try server.ask(name)?.answers.first?.ttl == 1
          })
      }
      #expect(renewal.elapsed < .seconds(3), "all is fresh after \(renewal.elapsed)")
    }
  }
}
