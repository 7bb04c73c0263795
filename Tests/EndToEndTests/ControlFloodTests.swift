import Foundation
import Testing

extension EndToEnd {
  @Suite("Control: clients that say nothing, too much, or want everything")
  struct ControlFloodTests {
    /// Names in the cache of the dump's test.
    static let many = LoadTests.names

    private static func upstream() throws -> ScriptedUpstream {
      try ScriptedUpstream { query in
        [.reply(.reply(to: query.message, answers: [.a(query.name, "192.0.2.1", ttl: 3_600)]))]
      }
    }

    @Test func `clients that connect and say nothing keep nobody out, and their time ends`() throws
    {
      let upstream = try Self.upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("www.example.net")
      let before = try server.settledDescriptorCount()
      let memory = server.residentMemory
      let silent = try (0..<200).map { _ in try Socket.connected(toFile: server.control) }
      let stopwatch = Stopwatch(server)
      #expect(try server.ctl("status").status == 0)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(stopwatch.elapsed < .seconds(5))
      #expect(server.residentMemory < memory + (8 << 20))
      #expect(
        try eventually(within: .seconds(40), every: .milliseconds(200)) {
          try server.stat("control.connections") <= 1
        })
      #expect(eventually { server.descriptorCount <= before + 2 })
      _ = silent
    }

    @Test func `a hundred megabytes cost a bounded buffer while serving goes on`() throws {
      let upstream = try Self.upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      _ = try server.ask("www.example.net")
      let memory = server.residentMemory
      let piece = [UInt8](repeating: UInt8(ascii: "0"), count: 1 << 20)
      for head in [
        "POST /api/v1/cache/save HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n",
        "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX: ", "GET /", "",
      ] {
        let socket = try Socket.connected(toFile: server.control)
        socket.setSendTimeout(milliseconds: 50)
        socket.send(Array(head.utf8))
        for _ in 0..<100 where socket.send(piece) > 0 {}
        let stopwatch = Stopwatch(server)
        #expect(try server.ask("www.example.net")?.answers.count == 1)
        #expect(stopwatch.elapsed < .seconds(1))
        #expect(try server.ctl("status").status == 0)
      }
      #expect(server.residentMemory < memory + (4 << 20))
    }

    @Test func `the socket is for the owner and the group`() throws {
      let upstream = try Self.upstream()
      let server = try ServerProcess(upstreams: [upstream.endpoint])
      let attributes = try FileManager.default.attributesOfItem(atPath: server.control)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o660)
    }

    @Test
    func `a dump of many names goes in slices, tells how far it is, and hits don't wait`()
      throws
    {
      // A scripted upstream would take a minute.
      let nsd = try NSD(hasMinimalResponses: true)
      let server = try ServerProcess(
        upstreams: [nsd.endpoint],
        flags: ["--client-rate", "0", "--client-misses", "0", "--cache-size", "512MiB"])
      let queries = server.folder.file("queries")
      try Dnsperf.writeQueries(Self.many, zone: "wild.example.net", to: queries)
      let filling = try Dnsperf.run(server.endpoint, queries: queries, timeout: .seconds(600))
      #expect(filling.completed == Self.many, "\(filling.output)")
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      // A terminal for what it says of its progress, made by script(1).
      let out = server.folder.file("dump")
      let command =
        "'\(ServerProcess.binary)' ctl --control '\(server.control)' cache dump >'\(out)'"
      let dump = try ChildProcess(
        Tool.path("script"), ["-q", "-e", "-c", command, "/dev/null"],
        output: server.folder.file("terminal"))
      let client = try Client(server.endpoint)
      var times: [Duration] = []
      while dump.isRunning {
        let stopwatch = Stopwatch(server)
        client.send(.query("www.example.net"))
        #expect(try client.receive() != nil)
        times.append(stopwatch.elapsed)
      }
      #expect(dump.ending == .exited(0))
      let lines = try Tool.run("wc", ["-l", out]).output.split(separator: " ").first
      #expect(lines.flatMap { Int($0) } == Self.many + 1)
      let terminal = Tool.text(of: server.folder.file("terminal"))
      #expect(terminal.contains("of about \(Self.many + 1) names"))
      times.sort()
      let count = times.count
      #expect(count > 100)
      let p99 = times[count * 99 / 100]
      print(
        "hits during the dump: \(count), p50 \(times[count / 2]), p99 \(p99), max \(times[count - 1])"
      )
      // A debug build composes the names of a slice in many milliseconds.
      guard ServerProcess.isRelease else { return }
      #expect(try server.areSlices(shorterThan: 1_024))
      // By the clock, half of them: what is slower waits for the processes that dump and ask, where there
      // are only two processors for all.
      #expect(times[count / 2] < .milliseconds(1), "\(times[count / 2])")
    }
  }
}
