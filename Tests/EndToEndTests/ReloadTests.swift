import Foundation
import Testing

extension EndToEnd {
  @Suite("Reload: everything checked first, then taken over in place", .serialized)
  struct ReloadTests {
    let folder: TemporaryFolder
    let nsd: NSD
    let port: UInt16
    let server: ServerProcess

    init() throws {
      folder = try TemporaryFolder()
      nsd = try NSD()
      let path = folder.file("server.yaml")
      // Where to listen stands in the file, so that it can be changed.
      var launch = ServerProcess.Launch()
      launch.hasListenFlags = false
      launch.command = [
        "bash", "-c",
        "echo \"{listen: '127.0.0.1:$DNS_TEST_PORT', upstream: '\(nsd.endpoint)'}\" >\(path); exec \"$@\"",
        "bash",
      ]
      server = try ServerProcess(
        upstreams: [], flags: ["--config", path], listen: ["127.0.0.1"], folder: folder,
        launch: launch)
      port = server.endpoint.port
    }

    private func write(_ text: String) throws {
      try text.write(toFile: folder.file("server.yaml"), atomically: false, encoding: .utf8)
    }

    /// Writes a file with the usual listener and upstream and has it read.
    private func reload(_ rest: String = "", listen: [UInt16]? = nil, upstreams: [Endpoint]? = nil)
      throws -> Tool.Result
    {
      let listen = (listen ?? [port]).map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ")
      let upstreams = (upstreams ?? [nsd.endpoint]).map { "\"\($0)\"" }.joined(separator: ", ")
      try write("listen: [\(listen)]\nupstream: [\(upstreams)]\n\(rest)\n")
      return try server.ctl("reload")
    }

    private func openFiles() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.pid)/fd").count
    }

    @Test func `a broken file changes nothing and says why`() throws {
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      try write(
        "listen: [\"127.0.0.1:\(port)\"]\nupstream: [\"192.0.2.1\"]\nallow: [192.0.2.0/24, nonsense]\ncach: {}\n"
      )
      let result = try server.ctl("reload")
      #expect(result.status == 64)
      let path = folder.file("server.yaml")
      #expect(result.errors.contains("\(path):3:23: allow: nonsense: not a network"))
      #expect(
        result.errors.contains("\(path):4:1: cach: no setting has this name; did you mean cache?"))
      #expect(server.log.contains("\(path):4:1: cach"))
      #expect(server.log.contains("nothing has changed"))
      // Who may ask, whom it asks, and the cache are as before.
      let hits = try server.stat("cache.hits")
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.stat("cache.hits") == hits + 1)
      #expect(try server.ask("mail.example.net")?.code == 0)
      try FileManager.default.removeItem(atPath: path)
      #expect(try server.ctl("reload").status == 64)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
    }

    @Test func `an address that can't be had changes nothing`() throws {
      let other = try FreePort.next()
      let taken = try Socket.bound(.datagram, to: .loopback(other))
      let result = try reload(listen: [port, other], upstreams: [.loopback(1)])
      #expect(result.status == 69)
      #expect(result.errors.contains("127.0.0.1:\(other): already in use"))
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      taken.close()
    }

    @Test func `limits, times and who may ask change; what needs a restart is told`() throws {
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      let result = try reload(
        "allow: [198.51.100.0/24]\ncache: {size: 512MiB, max-ttl: 1m}\n"
          + "resolver: {waiters: 100}\nlog: {level: warning}")
      #expect(result.status == 0)
      // The flags of the start name a level: they win.
      #expect(
        result.output
          == "changed: allow, cache.max-ttl\nneeds a restart: cache.size, resolver.waiters\n",
        "\(result.output)")
      #expect(try server.ask("www.example.net")?.code == 5)
      #expect(try reload("cache: {max-ttl: 1m}").output == "changed: allow\n")
      let reply = try #require(try server.ask("mail.example.net"))
      #expect(reply.answers.allSatisfy { $0.ttl <= 60 })
      #expect(try reload("cache: {max-ttl: 1m}").output == "nothing has changed\n")
    }

    @Test func `what an upstream said to be authentic is not when it is believed no more`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        var reply = DNSMessage.reply(to: query.message, answers: [.a(name, "192.0.2.1")])
        reply.flags |= DNSMessage.Flag.authenticData
        return [.reply(reply)]
      }
      func isAuthentic() throws -> Bool? {
        let flags = DNSMessage.Flag.recursionDesired | DNSMessage.Flag.authenticData
        return try server.ask(.query("www.example.org", flags: flags))?.has(
          DNSMessage.Flag.authenticData)
      }
      // It is on this host.
      #expect(try reload(upstreams: [upstream.endpoint]).status == 0)
      #expect(try isAuthentic() == true)
      let result = try reload("resolver: {trust-ad: off}", upstreams: [upstream.endpoint])
      #expect(result.output == "changed: resolver.trust-ad\n", "\(result.errors)")
      #expect(try eventually { try isAuthentic() == false })
      #expect(upstream.queries(for: "www.example.org").count == 1)
    }

    @Test func `fewer TCP connections are taken, then more, and those that are open stay`() throws {
      var clients = try (0..<20).map { _ in try StreamClient(server.endpoint) }
      func open(_ clients: [StreamClient]) throws -> Int {
        try clients.count { try $0.ask(.query("www.example.net"))?.answers.count == 1 }
      }
      #expect(try open(clients) == 20)
      #expect(try reload("tcp: {connections: 16}").output == "changed: tcp.connections\n")
      let stopwatch = Stopwatch()
      #expect(try open(clients) == 20)
      // For a new one those make room that are too many.
      clients.append(try StreamClient(server.endpoint))
      #expect(try open([clients[20]]) == 1)
      let figures = try server.stats("tcp.connections", "tcp.limit_reached")
      // Where so many are open, they may be idle for two seconds.
      #expect(figures == [16, 5] || stopwatch.elapsed > .seconds(2), "\(figures)")
      #expect(try reload("tcp: {connections: 4000}").status == 0)
      #expect(try server.stat("tcp.limit") == 4_000)
      let more = try (0..<1_100).map { index in
        let client = try StreamClient(server.endpoint, from: "127.0.0.\(1 + index % 8)")
        _ = try client.ask(.query("www.example.net"))
        return client
      }
      let answered = try open(more + [clients[20]])
      let statistics = try server.ctl("stats").output
      // All, but for those that were idle too long meanwhile: a few seconds for the one that was there before.
      let idle = try server.stat("tcp.timed_out")
      #expect(answered >= 1_101 - idle, "\(statistics)")
      #expect(answered == 1_101 || stopwatch.elapsed > .seconds(2), "\(statistics)")
      #expect(try server.stat("tcp.limit_reached") == figures[1])
    }

    @Test func `what waited for an upstream that goes is asked of a new one by its own rules`()
      throws
    {
      let silent = try ScriptedUpstream { _ in [] }
      let streams = try ScriptedUpstream { query in
        let name = query.message.question?.name ?? ""
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.0.2.1")]))]
      }
      #expect(try reload(upstreams: [silent.endpoint]).status == 0)
      let client = try Client(server.endpoint)
      client.send(.query("www.example.org"))
      #expect(eventually { !silent.queries.isEmpty })
      try write("listen: \"127.0.0.1:\(port)\"\nupstream: \"tcp://\(streams.endpoint)\"\n")
      #expect(try server.ctl("reload").output == "changed: upstream\n")
      #expect(try client.receive() != nil)
      #expect(!streams.queries.isEmpty && streams.queries.allSatisfy { $0.transport == .tcp })
    }

    @Test func `a listener moves without a lost query`() throws {
      let slow = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [
          .replyAfter(
            milliseconds: 300, .reply(to: query.message, answers: [.a(name, "192.0.2.7")]))
        ]
      }
      #expect(try reload(upstreams: [slow.endpoint]).status == 0)
      let waiting = try ChildProcess(
        Tool.path("dig"),
        ["@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=20", "+short", "moved.example.net"],
        output: folder.file("dig"), errors: folder.file("dig-errors"))
      #expect(eventually { !slow.queries.isEmpty })
      let other = try FreePort.next()
      #expect(try reload(listen: [other], upstreams: [slow.endpoint]).output == "changed: listen\n")
      // The new one answers at once, the old one who still waits there, and then nobody.
      func answers(at port: UInt16) throws -> Bool {
        try Tool.run(
          "dig",
          ["@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=8", "+short", "moved.example.net"]
        ).output == "192.0.2.7\n"
      }
      #expect(try answers(at: other))
      #expect(waiting.wait() == .exited(0))
      #expect(Tool.text(of: folder.file("dig")) == "192.0.2.7\n")
      #expect(try eventually(within: .seconds(30)) { try !answers(at: port) })
      #expect(try answers(at: other))
    }

    @Test func `one address in place of all, and all in place of one`() throws {
      for listen in ["0.0.0.0:\(port)", "127.0.0.1:\(port)", "0.0.0.0:\(port)"] {
        try write("listen: \"\(listen)\"\nupstream: \"\(nsd.endpoint)\"\n")
        let result = try server.ctl("reload")
        #expect(result.status == 0, "\(result.errors)")
        #expect(try server.ask("www.example.net")?.answers.count == 1)
        #expect(try server.ctl("status").output.contains(listen))
      }
    }

    @Test func `no query is lost while one address takes the place of all, and all of one`() throws
    {
      let queries = folder.file("queries")
      try "www.example.net A\n".write(toFile: queries, atomically: false, encoding: .utf8)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      let load = try ChildProcess(
        Tool.path("dnsperf"),
        [
          "-s", "127.0.0.1", "-p", "\(port)", "-d", queries, "-l", "600", "-Q", "5000", "-t", "20",
        ], output: folder.file("dnsperf"), errors: folder.file("dnsperf-errors"))
      for round in 1...20 {
        let listen = round % 2 == 1 ? "0.0.0.0:\(port)" : "127.0.0.1:\(port)"
        try write("listen: \"\(listen)\"\nupstream: \"\(nsd.endpoint)\"\n")
        #expect(try server.ctl("reload").output == "changed: listen\n")
      }
      load.signal(SIGINT)
      #expect(load.wait(atMost: .seconds(40)) != nil)
      let output = Tool.text(of: folder.file("dnsperf"))
      #expect(output.contains(#/Queries lost:\s+0 /#), "\(output)")
      #expect(output.contains(#/Response codes:\s+NOERROR \d+ \(100.00%\)/#), "\(output)")
      // Over TCP, too, the address is there; another program can't have it.
      #expect(try server.dig("www.example.net", "+tcp").answers.count == 1)
      #expect(throws: SystemError.self) { try Socket.bound(.datagram, to: .loopback(port)) }
      #expect(throws: SystemError.self) { try Socket.bound(.stream, to: .loopback(port)) }
    }

    @Test func `an address in the way that can't be replaced goes on, over TCP as well`() throws {
      try write("listen: \"0.0.0.0:\(port)\"\nupstream: \"\(nsd.endpoint)\"\n")
      #expect(try server.ctl("reload").status == 0)
      // One address takes the place of all, another can't be had: nothing changes.
      let other = try FreePort.next()
      let taken = try Socket.bound(.datagram, to: .loopback(other))
      defer { taken.close() }
      try write(
        "listen: [\"127.0.0.1:\(port)\", \"127.0.0.1:\(other)\"]\nupstream: \"\(nsd.endpoint)\"\n")
      #expect(try server.ctl("reload").status == 69)
      #expect(try server.ctl("status").output.contains("0.0.0.0:\(port)"))
      for transport in ["+notcp", "+tcp"] {
        #expect(try server.dig("www.example.net", transport).answers.count == 1)
      }
      let all = try Tool.run(
        "dig", ["@127.0.0.2", "-p", "\(port)", "+tcp", "+tries=1", "+short", "www.example.net"])
      #expect(all.output == "192.0.2.80\n")
    }

    @Test func `the cache becomes smaller at once, and stays in use`() throws {
      let queries = folder.file("queries")
      try Dnsperf.writeQueries(30_000, zone: "wild.example.net", to: queries)
      #expect(try Dnsperf.run(server.endpoint, queries: queries).lost == 0)
      #expect(try server.stat("cache.bytes") > 2 << 20)
      #expect(try reload("cache: {size: 2MiB}").output == "changed: cache.size\n")
      #expect(try eventually { try server.stat("cache.bytes") <= 2 << 20 })
      #expect(try server.stat("cache.limit_bytes") == 2 << 20)
      #expect(try Dnsperf.run(server.endpoint, queries: queries).lost == 0)
      #expect(try server.stat("cache.bytes") <= 2 << 20)
      #expect(try reload().output == "changed: cache.size\n")
      #expect(try server.stat("cache.limit_bytes") == 256 << 20)
    }

    @Test func `HTTP begins, moves and ends; who is let in changes`() throws {
      let ports = [try FreePort.next(), try FreePort.next()]
      func isThere(_ port: UInt16, token: String? = nil) throws -> Bool {
        let header = token.map { ["-H", "Authorization: Bearer \($0)"] } ?? []
        return try Tool.run(
          "curl",
          ["-sf", "--max-time", "5", "-o", "/dev/null"] + header
            + ["http://127.0.0.1:\(port)/api/v1/explain/example.net"]
        ).status == 0
      }
      #expect(try reload("http: 127.0.0.1:\(ports[0])").output == "changed: http\n")
      #expect(try isThere(ports[0]))
      let token = folder.file("token")
      try "0123456789abcdefABCDEF\n".write(toFile: token, atomically: false, encoding: .utf8)
      let both = "http: 127.0.0.1:\(ports[1])\nhttp-token-file: \(token)"
      #expect(try reload(both).output == "changed: http, http-token-file\n")
      #expect(try !isThere(ports[1]))
      #expect(try isThere(ports[1], token: "0123456789abcdefABCDEF"))
      #expect(try reload().output == "changed: http, http-token-file\n")
      #expect(try !isThere(ports[1], token: "0123456789abcdefABCDEF"))
      // Its address is free again at once.
      #expect(try reload("http: 127.0.0.1:\(ports[0])").output == "changed: http\n")
      #expect(try reload("http: 127.0.0.1:\(ports[1])").output == "changed: http\n")
      #expect(try reload("http: 127.0.0.1:\(ports[0])").output == "changed: http\n")
      #expect(try isThere(ports[0]))
    }

    @Test func `SIGHUP reloads, too`() throws {
      try write(
        "listen: [\"127.0.0.1:\(port)\"]\nupstream: [\"\(nsd.endpoint)\"]\nallow: [198.51.100.0/24]\n"
      )
      server.process.signal(SIGHUP)
      #expect(try eventually { try server.ask("www.example.net")?.code == 5 })
    }

    @Test func `other upstreams are asked, and one that is silent is left at once`() throws {
      let silent = try ScriptedUpstream { _ in [] }
      #expect(try reload(upstreams: [silent.endpoint]).status == 0)
      let waiting = try ChildProcess(
        Tool.path("dig"),
        [
          "@127.0.0.1", "-p", "\(port)", "+tries=1", "+time=20", "+noall", "+answer",
          "www.example.net",
        ],
        output: folder.file("dig"), errors: folder.file("dig-errors"))
      #expect(eventually { !silent.queries.isEmpty })
      #expect(try reload().output == "changed: upstream\n")
      #expect(waiting.wait() == .exited(0))
      #expect(Tool.text(of: folder.file("dig")).contains("192.0.2.80"))
    }

    @Test func `names that are answered here now are no longer in the cache`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.168.1.1")]))]
      }
      let forward = "names: {forward-special: [home.arpa]}"
      #expect(try reload(forward, upstreams: [upstream.endpoint]).status == 0)
      for name: DNSName in ["nas.home.arpa", "www.example.org"] {
        #expect(try server.ask(name)?.answers.count == 1)
      }
      let strict = "names: {rebind-protection: true}"
      #expect(try reload(strict, upstreams: [upstream.endpoint]).status == 0)
      // By the other rules from the next query on, though its data stays.
      #expect(try server.ask("www.example.org")?.answers == [])
      #expect(try eventually { try server.stat("cache.names") == 1 })
      #expect(try server.ask("nas.home.arpa")?.code == 3)
      #expect(try reload("", upstreams: [upstream.endpoint]).status == 0)
      #expect(try server.ask("www.example.org")?.answers.count == 1)
      #expect(upstream.queries(for: "www.example.org").count == 1)
    }

    /// Listens now here, now there, asks now this upstream, now that one, with other limits each time.
    @Test func `a thousand reloads under load lose no query and grow nothing`() throws {
      let other = try NSD()
      let spare = try FreePort.next()
      let queries = folder.file("queries")
      try Dnsperf.writeQueries(20_000, zone: "wild.example.net", to: queries)
      let rounds = ServerProcess.isRelease ? 1_000 : 150
      func once(_ round: Int) throws {
        let upstreams = [[nsd.endpoint], [other.endpoint], [nsd.endpoint, other.endpoint]][
          round % 3]
        let result = try reload(
          "client: {misses: \(100_000 + round)}\ntcp: {buffers: \(1 + round % 9)MiB}\ncache: {min-ttl: \(round % 50)s}",
          listen: round % 2 == 0 ? [port] : [port, spare], upstreams: upstreams)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("listen") && result.output.contains("upstream"))
      }
      // The tables of a first time.
      for round in 1...10 { try once(round) }
      let memory = server.residentMemory
      let load = try ChildProcess(
        Tool.path("dnsperf"),
        [
          "-s", "127.0.0.1", "-p", "\(port)", "-d", queries, "-l", "600", "-Q", "1000", "-q", "50",
          "-t", "20",
        ], output: folder.file("dnsperf"), errors: folder.file("dnsperf-errors"))
      for round in 11...(10 + rounds) { try once(round) }
      load.signal(SIGINT)
      #expect(load.wait(atMost: .seconds(40)) != nil)
      let output = Tool.text(of: folder.file("dnsperf"))
      #expect(output.contains(#/Queries lost:\s+0 /#), "\(output)")
      #expect(output.contains(#/Response codes:\s+NOERROR \d+ \(100.00%\)/#), "\(output)")
      #expect(server.residentMemory < memory + 16 << 20)
      // Everything that was given up has closed: as many files as after a reload in peace.
      _ = try reload()
      #expect(try eventually { try openFiles() < 2 * 256 + 100 })
      #expect(try server.stat("inflight.now") == 0)
    }
  }
}
