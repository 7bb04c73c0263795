import Foundation
import Testing

extension EndToEnd {
  @Suite("The log, and a line a query")
  struct LogTests {
    private static let honest: ScriptedUpstream.Script = { query in
      let label = query.name.labels.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
      if label == "broken" { return [.reply(.reply(to: query.message, code: 2))] }
      if label == "slow" {
        return [
          .replyAfter(
            milliseconds: 1_000,
            .reply(to: query.message, answers: [.a(query.name, "192.0.2.1", ttl: 300)]))
        ]
      }
      return [
        .reply(.reply(to: query.message, answers: [.a(query.name, "192.0.2.1", ttl: 300)]))
      ]
    }

    /// The values of a query's line.
    private func values(_ line: Substring) -> [String: String] {
      var values: [String: String] = [:]
      for word in line.split(separator: " ") {
        let sides = word.split(separator: "=", maxSplits: 1)
        if sides.count == 2 { values[String(sides[0])] = String(sides[1]) }
      }
      return values
    }

    @Test func `each query has a line with client, name, type, code, source and time`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: ["--log-queries"])
      _ = try server.ask("www.example.net")
      _ = try server.ask("www.example.net")
      _ = try server.dig("www.example.net", "+tcp")
      _ = try server.ask("localhost")
      _ = try server.ask("broken.example.net")
      _ = try server.ask(.query("new.example.net", flags: 0))
      let first = try Client(server.endpoint)
      let second = try Client(server.endpoint)
      first.send(.query("slow.example.net"))
      second.send(.query("slow.example.net"))
      #expect(try first.receive() != nil && second.receive() != nil)
      #expect(eventually { server.logLines(containing: "name=slow.").count == 2 })
      let lines = server.logLines(containing: "query client=127.0.0.1").map { values($0) }
        .filter { $0["name"] != "version.bind." }
      let told = lines.map {
        "\($0["name"] ?? "") \($0["proto"] ?? "") \($0["source"] ?? "") \($0["rcode"] ?? "")"
      }
      #expect(
        Array(told.prefix(6)) == [
          "www.example.net. udp miss NOERROR", "www.example.net. udp hit NOERROR",
          "www.example.net. tcp hit NOERROR", "localhost. udp local NOERROR",
          "broken.example.net. udp failure SERVFAIL", "new.example.net. udp refused REFUSED",
        ])
      #expect(
        Set(told.dropFirst(6)) == [
          "slow.example.net. udp miss NOERROR", "slow.example.net. udp joined NOERROR",
        ])
      #expect(lines.allSatisfy { $0["type"] == "A" && $0["client"] == "127.0.0.1" })
      let times = lines.compactMap { $0["us"].flatMap { Int($0) } }
      #expect(times.count == 8 && times.allSatisfy { $0 < 5_000_000 })
      #expect(times.suffix(2).allSatisfy { $0 > 500_000 })
    }

    @Test func `without the flag no query is logged`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("www.example.net")
      #expect(server.terminate() == .exited(0))
      #expect(server.logLines(containing: "www.example.net").isEmpty)
    }

    @Test func `a reload begins and ends it`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let folder = try TemporaryFolder()
      let file = folder.file("server.yaml")
      func write(_ queries: Bool) throws {
        try "log: {queries: \(queries)}\n".write(toFile: file, atomically: true, encoding: .utf8)
      }
      try write(false)
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: ["--config", file])
      _ = try server.ask("before.example.net")
      try write(true)
      #expect(try server.ctl("reload").status == 0)
      _ = try server.ask("during.example.net")
      #expect(eventually { !server.logLines(containing: "name=during.").isEmpty })
      try write(false)
      #expect(try server.ctl("reload").status == 0)
      _ = try server.ask("after.example.net")
      #expect(server.terminate() == .exited(0))
      #expect(server.logLines(containing: "query client").allSatisfy { $0.contains("during") })
    }

    @Test func `a stale answer is told as such`() throws {
      let upstream = try ScriptedUpstream { query in
        [.reply(.reply(to: query.message, answers: [.a(query.name, "192.0.2.1", ttl: 1)]))]
      }
      let server = try ServerProcess(upstreams: [upstream.endpoint], flags: ["--log-queries"])
      _ = try server.ask("old.example.net")
      upstream.stop()
      #expect(
        try eventually(every: .milliseconds(100)) {
          _ = try server.ask("old.example.net")
          return !server.logLines(containing: "source=stale").isEmpty
        })
    }

    @Test func `for the journal lines begin with their priority`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let script = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$0\" \"$@\""
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--log-queries"],
        launch: ServerProcess.Launch(command: ["sh", "-c", script]))
      _ = try server.ask("www.example.net")
      #expect(eventually { !server.logLines(containing: "name=www").isEmpty })
      let lines = server.log.split(separator: "\n")
      #expect(lines.allSatisfy { $0.contains(/^<[2-7]>[a-zA-Z]/) }, "\(server.log)")
      #expect(lines.contains { $0.hasPrefix("<6>listening address=127.0.0.1:") })
      #expect(lines.contains { $0.hasPrefix("<6>query client=127.0.0.1 ") })
    }

    @Test func `a reader that doesn't read slows no answer, and what it misses is counted`() throws
    {
      let upstream = try ScriptedUpstream(Self.honest)
      let folder = try TemporaryFolder()
      let pipe = folder.file("log.pipe")
      let made = unsafe mkfifo(pipe, 0o600)
      try #require(made == 0)
      let reader = unsafe open(pipe, O_RDWR | O_NONBLOCK)
      try #require(reader >= 0)
      defer { close(reader) }
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--log-queries", "--client-rate", "0"],
        launch: ServerProcess.Launch(command: ["sh", "-c", "exec \"$0\" \"$@\" 2>'\(pipe)'"]))
      _ = try server.ask("www.example.net")
      let queries = folder.file("queries")
      try "www.example.net A\n".write(toFile: queries, atomically: false, encoding: .utf8)
      let passes = 20_000
      let report = try Dnsperf.run(server.endpoint, queries: queries, passes: passes)
      #expect(report.completed == passes, "\(report.output)")
      #expect(try server.stat("log.lines_dropped") > 1_000)
      #expect(try server.stat("log.buffer_bytes") <= server.stat("log.buffer_limit_bytes"))
      var slowest = Duration.zero
      for _ in 0..<100 {
        let stopwatch = Stopwatch(server)
        #expect(try server.ask("www.example.net") != nil)
        slowest = max(slowest, stopwatch.elapsed)
      }
      #expect(slowest < .seconds(1), "\(slowest)")
      // Read at last, every line is whole, and the gap is told.
      var text = ""
      var part = [UInt8](repeating: 0, count: 65_536)
      let hasNotice = try eventually {
        while true {
          let count = unsafe read(reader, &part, part.count)
          guard count > 0 else { break }
          text += String(decoding: part[..<count], as: UTF8.self)
        }
        _ = try server.ask("www.example.net")
        return text.contains("were dropped")
      }
      #expect(hasNotice)
      let lines = text.split(separator: "\n").dropLast()
      #expect(
        lines.allSatisfy {
          $0.contains(#/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [a-z]+: /#)
            && (!$0.contains("query client") || $0.contains(#/ us=\d+$/#))
        })
      #expect(server.terminate() == .exited(0))
    }

    @Test func `a client that comes to a limit has a line, once a minute`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], flags: ["--client-rate", "1", "--allow", "127.0.0.2"])
      let client = try Client(server.endpoint, from: Endpoint("127.0.0.2", 0))
      #expect(try client.ask(.query("www.example.net"))?.answers.count == 1)
      for _ in 0..<20 { client.send(.query("www.example.net")) }
      let stranger = try Client(server.endpoint, from: Endpoint("127.0.0.3", 0))
      #expect(try stranger.ask(.query("www.example.net"))?.code == 5)
      #expect(
        eventually { !server.logLines(containing: "client 127.0.0.2 is over its rate").isEmpty })
      #expect(eventually { !server.logLines(containing: "client 127.0.0.3 is refused").isEmpty })
      let refused = try server.stat("clients.rate_limit_reached")
      client.send(.query("www.example.net"))
      client.send(.query("www.example.net"))
      client.send(.query("www.example.net"))
      // The next look has been taken when another client has its line.
      #expect(try eventually { try server.stat("clients.rate_limit_reached") > refused })
      let other = try Client(server.endpoint, from: Endpoint("127.0.0.4", 0))
      #expect(try other.ask(.query("www.example.net"))?.code == 5)
      #expect(eventually { !server.logLines(containing: "client 127.0.0.4 is refused").isEmpty })
      #expect(server.logLines(containing: "client 127.0.0.2 is over").count == 1)
    }

    @Test func `what is said again and again is held back, counted and told`() throws {
      let upstream = try ScriptedUpstream(Self.honest)
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      // Signals that come together are one.
      #expect(
        try eventually(every: .milliseconds(20)) {
          server.process.signal(SIGHUP)
          return try server.stat("log.repeats_held") > 0
        })
      let held = try server.stat("log.repeats_held")
      #expect(server.terminate() == .exited(0))
      let told = server.log.matches(of: /said (\d+) times more/).compactMap { Int($0.output.1) }
      #expect(told.reduce(0, +) == held)
    }
  }
}
