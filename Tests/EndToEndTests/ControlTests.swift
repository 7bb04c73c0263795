import Foundation
import Testing

extension EndToEnd {
  @Suite("Control: each verb, for a person and for a program")
  struct ControlTests {
    let nsd: NSD
    let server: ServerProcess

    init() throws {
      nsd = try NSD()
      server = try ServerProcess(upstreams: [nsd.endpoint])
      for name in ["www.example.net", "web.example.net", "missing.example.net"] {
        _ = try server.dig(name)
      }
    }

    @Test(arguments: [
      ["status"], ["stats"], ["cache", "show", "www.example.net"],
      ["cache", "show", "www.example.net", "A"], ["cache", "show", "missing.example.net"],
      ["cache", "names", "192.0.2.80"], ["cache", "names", "192.0.2.250"], ["cache", "dump"],
      ["cache", "save"], ["inflight"], ["upstreams"], ["routes"], ["explain", "www.example.net"],
      ["explain", "missing.example.net", "AAAA"], ["explain", "never.example.net"],
      ["top", "names"], ["top", "clients"], ["top", "failures"],
      ["cache", "flush", "www.example.net"],
      ["cache", "flush", "www.example.net", "--type", "A"],
      ["cache", "flush", "example.net", "--tree"], ["cache", "flush", "--negative"], ["stop"],
    ])
    func `every verb prints text, and JSON when asked`(verb: [String]) throws {
      let arguments = ["ctl", "--control", server.control] + verb
      let json = try Tool.run(ServerProcess.binary, arguments + ["--json"])
      #expect(json.status == 0, "\(json.errors)")
      #expect(json.errors.isEmpty)
      // One value a line is JSON too, for what can be long.
      for line in json.output.split(separator: "\n") where !isJSON(json.output) {
        #expect(isJSON(String(line)), "\(line)")
      }
      #expect(!json.output.isEmpty)
      if verb == ["stop"] {
        #expect(server.process.wait() == .exited(0))
        return
      }
      let text = try Tool.run(ServerProcess.binary, arguments)
      #expect(text.status == 0, "\(text.errors)")
      #expect(text.errors.isEmpty)
      #expect(!text.output.isEmpty)
      #expect(!text.output.hasPrefix("{"))
    }

    private func isJSON(_ text: String) -> Bool {
      (try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)) != nil
    }

    @Test(arguments: [
      "cache.records", "cache.names", "cache.addresses", "cache.bytes", "cache.limit_bytes",
      "cache.hits", "cache.misses", "cache.stale", "cache.evictions", "cache.expired",
      "queries.udp", "queries.tcp", "inflight.now", "inflight.limit",
    ])
    func `the statistics have every number of the interface`(path: String) throws {
      #expect(try server.stat(path) >= 0)
    }

    @Test func `the numbers of the statistics are true`() throws {
      // Two answers, one of them asked for again, and a name that does not exist.
      _ = try server.dig("www.example.net")
      #expect(try server.stat("cache.misses") == 3)
      #expect(try server.stat("cache.hits") == 1)
      #expect(try server.stat("queries.tcp") == 0)
      _ = try server.dig("www.example.net", "+tcp")
      #expect(try server.stat("queries.tcp") == 1)
      #expect(try server.stat("cache.hits") == 2)
      #expect(try server.stat("cache.limit_bytes") == 256 << 20)
      #expect(try server.stat("inflight.now") == 0)
      #expect(try server.stat("inflight.limit") >= 8_192)
      let bytes = try server.stat("cache.bytes")
      #expect(bytes > 100 && bytes < 1 << 20)
      #expect(try server.stat("cache.evictions") == 0)
    }

    @Test func `what is shown of a name has TTL, rank and section`() throws {
      let output = try server.ctl("cache", "show", "www.example.net").output
      let line = try #require(output.split(separator: "\n").first { $0.contains("192.0.2.80") })
      #expect(line.contains(/\b3[56]\d\d\b/))
      #expect(line.contains(/\bA\b/))
      #expect(line.lowercased().contains("answer"))
      // The name is found in any letter case, with or without its last dot.
      for name in ["WWW.EXAMPLE.NET", "www.example.net."] {
        #expect(try server.ctl("cache", "show", name).output.contains("192.0.2.80"))
      }
      #expect(
        try !server.ctl("cache", "show", "www.example.net", "AAAA").output.contains("192.0.2.80"))
      let missing = try server.ctl("cache", "show", "missing.example.net").output
      #expect(missing.contains("NXDOMAIN"))
    }

    @Test func `the names of an address are those that gave it`() throws {
      let output = try server.ctl("cache", "names", "192.0.2.80").output
      #expect(output.contains("www.example.net"))
      #expect(output.contains("web.example.net"))
      #expect(try !server.ctl("cache", "names", "192.0.2.1").output.contains("www.example.net"))
      _ = try server.dig("www.example.net", "AAAA")
      #expect(try server.ctl("cache", "names", "2001:db8::80").output.contains("www.example.net"))
      #expect(
        try server.ctl("cache", "names", "2001:0DB8:0:0:0:0:0:80").output.contains(
          "www.example.net"))
      // What is no address is said to be none.
      let result = try server.ctl("cache", "names", "www.example.net")
      #expect(result.status == 64)
      #expect(result.errors.contains("www.example.net"))
    }

    @Test func `a flush forgets what it names, and no more`() throws {
      _ = try server.dig("www.example.net", "AAAA")
      _ = try server.dig("a.b.wild.example.net")
      func isKnown(_ name: String, _ type: String = "A") throws -> Bool {
        let misses = try server.stat("cache.misses")
        _ = try server.dig(name, type)
        return try server.stat("cache.misses") == misses
      }
      #expect(try server.ctl("cache", "flush", "WWW.example.net", "--type", "A").status == 0)
      #expect(try !server.ctl("cache", "names", "192.0.2.80").output.contains("www.example.net"))
      #expect(try isKnown("www.example.net", "AAAA"))
      #expect(try !isKnown("www.example.net"))
      #expect(try isKnown("web.example.net"))

      #expect(try server.ctl("cache", "flush", "www.example.net").status == 0)
      #expect(try !isKnown("www.example.net", "AAAA"))
      #expect(try isKnown("web.example.net"))

      #expect(try server.ctl("cache", "flush", "--negative").status == 0)
      #expect(try !isKnown("missing.example.net"))
      #expect(try isKnown("web.example.net"))

      #expect(try server.ctl("cache", "flush", "wild.example.net", "--tree").status == 0)
      #expect(try !isKnown("a.b.wild.example.net"))
      #expect(try isKnown("web.example.net"))
      #expect(try server.ctl("cache", "flush", "net", "--tree").status == 0)
      #expect(try !isKnown("web.example.net"))
      #expect(try server.ctl("cache", "flush", "absent.example.net").status == 0)
    }

    @Test func `the dump has every name, and answers don't wait for it`() throws {
      let count = 50_000
      let queries = server.folder.file("queries")
      try Dnsperf.writeQueries(count, zone: "wild.example.net", to: queries)
      #expect(try Dnsperf.run(server.endpoint, queries: queries).codes == ["NOERROR": count])
      let dump = try ChildProcess(
        ServerProcess.binary, ["ctl", "--control", server.control, "cache", "dump"],
        output: server.folder.file("dump"), errors: server.folder.file("dump-errors"))
      var slowest = Duration.zero
      while dump.isRunning {
        let stopwatch = Stopwatch(server)
        #expect(try server.ask("www.example.net")?.answers.count == 1)
        slowest = max(slowest, stopwatch.elapsed)
      }
      #expect(dump.ending == .exited(0), "\(Tool.text(of: server.folder.file("dump-errors")))")
      #expect(slowest < .seconds(1), "slowest: \(slowest)")
      if ServerProcess.isRelease {
        #expect(try server.areSlices(shorterThan: 16_384))
      }
      let text = Tool.text(of: server.folder.file("dump"))
      let lines = text.split(separator: "\n")
      #expect(lines.count >= count)
      #expect(text.contains("n1.wild.example.net"))
      #expect(text.contains("n\(count).wild.example.net"))
      #expect(text.contains("www.example.net"))
    }

    @Test func `what is in flight is listed, and gone when it has ended`() throws {
      let silent = try ScriptedUpstream { _ in [] }
      let server = try ServerProcess(upstreams: [silent.endpoint])
      let client = try Client(server.endpoint)
      client.send(.query("waiting.example.net", RecordType.txt))
      #expect(eventually { !silent.queries.isEmpty })
      let output = try server.ctl("inflight").output
      #expect(output.contains("waiting.example.net"))
      #expect(output.contains("TXT"))
      #expect(try server.stat("inflight.now") == 1)
      #expect(try server.ctl("inflight", "--json").output.contains("waiting.example.net"))
      #expect(try client.receive() != nil)
      #expect(try !server.ctl("inflight").output.contains("waiting.example.net"))
    }

    @Test func `a long list is cut, and says so`() throws {
      let queries = server.folder.file("queries")
      try Dnsperf.writeQueries(1_500, zone: "wild.example.net", to: queries)
      _ = try Dnsperf.run(server.endpoint, queries: queries)
      let silent = try ScriptedUpstream { _ in [] }
      let other = try ServerProcess(upstreams: [silent.endpoint])
      let client = try Client(other.endpoint)
      for index in 0..<1_200 {
        client.send(.query(DNSName("n\(index).example.net")))
        if index % 50 == 49 { usleep(2_000) }
      }
      #expect(try eventually { try other.stat("inflight.now") > 1_100 })
      for (server, verb) in [(other, ["inflight"]), (server, ["cache", "names", "192.0.2.77"])] {
        let arguments = ["ctl", "--control", server.control] + verb
        let text = try Tool.run(ServerProcess.binary, arguments).output
        // A head, the rows, and the note.
        #expect(text.split(separator: "\n").count == 1_002)
        #expect(text.split(separator: "\n").last == "and more: only 1000 are shown")
        let json = try Tool.run(ServerProcess.binary, arguments + ["--json"]).output
        let rows = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]]
        #expect(rows?.count == 1_001)
        #expect(rows?.last?["more"] as? Bool == true)
        #expect(rows?.dropLast().allSatisfy { $0["name"] is String } == true)
        #expect(try server.stat("loop.longest_slice_us") > 0)
        #expect(try server.stat("loop.slice_p99_us") <= server.stat("loop.longest_slice_us"))
      }
    }

    @Test func `each slice of work is counted by the clock and by processor time`() throws {
      _ = try server.ctl("cache", "save")
      let all = try server.ctlJSON("stats") as? [String: Any]
      let loop = try #require(all?["loop"] as? [String: Any])
      let slices = try #require(loop["slices"] as? Int)
      #expect(slices > 0)
      for name in ["slice_us", "slice_cpu_us"] {
        let counts = try #require(loop[name] as? [String: Int])
        #expect(counts.values.reduce(0, +) == slices)
        #expect(counts.keys.contains("below_1024") && counts.keys.contains("longer"))
      }
      let longest = try #require(loop["longest_us"] as? [String: Int])
      let longestCPU = try #require(loop["longest_cpu_us"] as? [String: Int])
      #expect(try #require(longest["save"]) > 0)
      // The thread has no more of the processor than passes by the clock; both are rounded down.
      for (work, time) in longestCPU { #expect(try time <= #require(longest[work]) + 1) }
    }

    @Test func `the status tells what runs and where`() throws {
      let output = try server.ctl("status").output
      #expect(output.contains("\(server.pid)"))
      #expect(output.contains(server.endpoint.description))
      #expect(output.contains(nsd.endpoint.description))
    }

    @Test func `nobody else may use the socket, and it is gone after a stop`() throws {
      let attributes = try FileManager.default.attributesOfItem(atPath: server.control)
      let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
      #expect(mode & 0o007 == 0)
      #expect(server.terminate() == .exited(0))
      #expect(!FileManager.default.fileExists(atPath: server.control))
    }

    @Test func `garbage, silence and hanging up on the socket harm nobody`() throws {
      let before = try server.settledDescriptorCount()
      var sockets: [Socket] = []
      for _ in 0..<20 {
        let garbage = try Socket.connected(toFile: server.control)
        garbage.send((0..<5_000).map { _ in .random(in: 0...255) })
        sockets.append(garbage)
        sockets.append(try Socket.connected(toFile: server.control))
      }
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(try server.ctl("status").status == 0)
      sockets.removeAll()
      // A long answer that nobody takes.
      for _ in 0..<5 {
        let dump = try ChildProcess(
          ServerProcess.binary, ["ctl", "--control", server.control, "cache", "dump"])
        dump.signal(SIGKILL)
      }
      // A few sockets of the upstream's pool may be replaced meanwhile.
      #expect(eventually { server.descriptorCount <= before + 5 })
      #expect(server.process.isRunning)
    }
  }
}
