import Foundation
import Testing

extension EndToEnd {
  /// The program knows its paths from its file and its folders only, so that they can change.
  @Suite("Reload: the snapshot's place, the control socket, resolv.conf, logs", .serialized)
  struct ReloadFilesTests {
    let folder: TemporaryFolder
    let nsd: NSD
    let server: ServerProcess

    init() throws {
      folder = try TemporaryFolder()
      nsd = try NSD()
      let path = folder.file("server.yaml")
      try Self.text(nsd.endpoint, "").write(toFile: path, atomically: false, encoding: .utf8)
      var launch = ServerProcess.Launch()
      launch.hasFileFlags = false
      launch.environment = ["RUNTIME_DIRECTORY": folder.path, "STATE_DIRECTORY": folder.path]
      server = try ServerProcess(
        upstreams: [], flags: ["--config", path], listen: ["127.0.0.1"], folder: folder,
        launch: launch)
    }

    private static func text(_ upstream: Endpoint, _ rest: String) -> String {
      "upstream: \"\(upstream)\"\n\(rest)\n"
    }

    /// Writes a file with the usual upstream and has it read.
    private func reload(_ rest: String = "", control: String? = nil) throws -> Tool.Result {
      try Self.text(nsd.endpoint, rest).write(
        toFile: folder.file("server.yaml"), atomically: false, encoding: .utf8)
      return try ctl(control, "reload")
    }

    private func ctl(_ control: String?, _ arguments: String...) throws -> Tool.Result {
      try Tool.run(
        ServerProcess.binary, ["ctl", "--control", control ?? server.control] + arguments)
    }

    private func octets(_ name: String) -> Data? {
      FileManager.default.contents(atPath: folder.file(name))
    }

    // MARK: The snapshot

    @Test func `the cache is saved at a new place at once, and the old file stays`() throws {
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.ctl("cache", "save").status == 0)
      let old = try #require(octets("cache.snapshot"))
      #expect(try server.ask("mail.example.net")?.code == 0)
      // Its folder is made, as at a start.
      let place = folder.file("new/cache")
      let result = try reload("cache: {file: \(place)}")
      #expect(result.output == "changed: cache.file\n", "\(result.errors)")
      #expect(eventually { octets("new/cache") != nil })
      #expect(try server.ctl("cache", "save").status == 0)
      #expect(octets("cache.snapshot") == old)
      #expect(try server.ctl("status").output.contains(place))
      #expect(server.logLines(containing: "cache saved").contains { $0.contains(place) })
      // With the new place, all is there after a start.
      #expect(server.terminate() == .exited(0))
      nsd.stop()
      try server.start()
      #expect(try eventually { try server.stat("cache.names") >= 2 })
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.ask("mail.example.net")?.code == 0)
    }

    @Test func `a snapshot that is at the new place is read first, and nothing is lost`() throws {
      // One with a name, and then a cache with another.
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.ctl("cache", "save").status == 0)
      let other = folder.file("other")
      try FileManager.default.copyItem(atPath: server.cacheFile, toPath: other)
      let before = try #require(octets("other"))
      #expect(try server.ctl("cache", "flush", "example.net", "--tree").status == 0)
      #expect(try server.ask("mail.example.net")?.code == 0)
      #expect(try server.ctl("cache", "show", "www.example.net").output.contains("nothing"))
      #expect(try reload("cache: {file: \(other)}").status == 0)
      #expect(
        try eventually {
          try server.ctl("cache", "show", "www.example.net").output.contains("192.0.2.80")
        })
      #expect(eventually { octets("other") != before })
      // What was in the cache is in there, too.
      #expect(server.terminate() == .exited(0))
      nsd.stop()
      try server.start()
      #expect(try eventually { try server.ctl("cache", "show", "mail.example.net").status == 0 })
      #expect(
        try eventually {
          let names = ["www.example.net", "mail.example.net"]
          return try names.allSatisfy {
            try !server.ctl("cache", "show", $0).output.contains("nothing")
          }
        })
    }

    @Test func `what is no snapshot at the new place is set aside, not overwritten`() throws {
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      let other = folder.file("letter")
      try "Dear cache,\n".write(toFile: other, atomically: false, encoding: .utf8)
      #expect(try reload("cache: {file: \(other)}").status == 0)
      func setAside() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
          .filter { $0.hasPrefix("letter.") && $0.hasSuffix(".damaged") }
      }
      #expect(try eventually { try setAside().count == 1 })
      #expect(octets(try #require(try setAside().first)) == Data("Dear cache,\n".utf8))
      #expect(server.logLines(containing: "is not a snapshot; set aside").count == 1)
      #expect(eventually { octets("letter").map { $0.count > 100 } ?? false })
    }

    @Test func `a place where no snapshot can be kept changes nothing and says why`() throws {
      try FileManager.default.createDirectory(
        atPath: folder.file("folder"), withIntermediateDirectories: false)
      for place in [folder.file("folder"), folder.file("server.yaml/cache"), "/proc/cache"] {
        let result = try reload("cache: {file: \(place)}\nallow: [198.51.100.0/24]")
        #expect(result.status == 69)
        #expect(result.errors.contains("cannot keep the cache in \(place)"), "\(result.errors)")
        #expect(result.errors.contains("cache.file"))
      }
      #expect(server.logLines(containing: "nothing has changed").count == 3)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      #expect(try server.ctl("cache", "save").status == 0)
      #expect(octets("cache.snapshot") != nil)
    }

    @Test func `a snapshot with local addresses is read, and none of them is given`() throws {
      let upstream = try ScriptedUpstream { query in
        let name = query.message.questions[0].name
        return [.reply(.reply(to: query.message, answers: [.a(name, "192.168.1.1")]))]
      }
      let path = folder.file("server.yaml")
      try Self.text(upstream.endpoint, "").write(toFile: path, atomically: false, encoding: .utf8)
      #expect(try server.ctl("reload").status == 0)
      #expect(try server.ask("www.example.org")?.answers.count == 1)
      #expect(server.terminate() == .exited(0))
      try Self.text(upstream.endpoint, "names: {rebind-protection: true}").write(
        toFile: path, atomically: false, encoding: .utf8)
      try server.start()
      #expect(eventually { !server.logLines(containing: "snapshot read").isEmpty })
      #expect(try server.stat("cache.names") == 1)
      #expect(try server.ask("www.example.org")?.answers == [])
      #expect(upstream.queries(for: "www.example.org").count == 1)
    }

    // MARK: The control socket

    @Test func `the control socket moves, and back at once`() throws {
      let new = folder.file("run/other.sock")
      // The answer to the reload itself still comes by the old one.
      #expect(try reload("control: \(new)").output == "changed: control\n")
      #expect(try ctl(new, "status").status == 0)
      #expect(!FileManager.default.fileExists(atPath: server.control))
      #expect(try ctl(nil, "status").status == 69)
      #expect(try reload(control: new).output == "changed: control\n")
      #expect(try ctl(nil, "status").status == 0)
      #expect(!FileManager.default.fileExists(atPath: new))
      // Those who were connected to the old one have five seconds; then, too, the new one is there.
      let silent = try Socket.connected(toFile: server.control)
      #expect(try reload("control: \(new)").status == 0)
      #expect(try reload(control: new).status == 0)
      #expect(silent.isReadable(before: Deadline(after: .seconds(15))))
      #expect(try silent.receive() == [])
      #expect(try ctl(nil, "status").status == 0)
    }

    @Test func `a control socket that can't be had changes nothing`() throws {
      let result = try reload("control: /proc/control.sock\nallow: [198.51.100.0/24]")
      #expect(result.status == 69)
      #expect(result.errors.contains("/proc/control.sock"))
      #expect(try ctl(nil, "status").status == 0)
      #expect(try server.ask("www.example.net")?.answers.count == 1)
    }

    // MARK: The system's name servers

    @Test(
      .enabled(if: StartTests.mayMount, "needs the right to make a mount namespace: run as root"))
    func `resolv.conf is read again, and one without a server changes nothing`() throws {
      let configuration = NSD.configuration(of: Endpoint("127.0.0.53", 53), in: folder)
      try configuration.write(
        toFile: folder.file("nsd.conf"), atomically: false, encoding: .utf8)
      // Its file is laid over the system's, in a network of its own.
      let script = """
        set -eu
        list() { echo "$1" >"$FOLDER/resolv.conf"; }
        control() { "$SERVER" ctl --control "$FOLDER/control" "$@"; }
        list 'nameserver 127.0.0.99'
        mount --bind "$FOLDER/resolv.conf" /etc/resolv.conf
        ip link set lo up
        nsd -d -c "$FOLDER/nsd.conf" &
        nsd=$!
        "$SERVER" run --config "$NO_CONFIGURATION" --listen 127.0.0.1:53 --cache-file "$FOLDER/cache" \
          --control "$FOLDER/control" 2>"$FOLDER/log" &
        server=$!
        trap 'cat "$FOLDER/log" >&2; kill $server $nsd; wait' EXIT
        for attempt in $(seq 100); do
          if control status 2>"$FOLDER/errors" | grep '127\\.0\\.0\\.99'; then break; fi
          sleep 0.1
        done
        control reload
        list 'nameserver 127.0.0.53'
        control reload
        dig @127.0.0.1 +tries=3 +time=8 +short www.example.net
        list '# nobody'
        if control reload 2>"$FOLDER/errors"; then exit 1; fi
        grep -c 'no upstream' "$FOLDER/errors"
        dig @127.0.0.1 +tries=1 +time=8 +short mail.example.net A
        control upstreams
        """
      let result = try Tool.run(
        "unshare", ["--mount", "--net", "bash", "-c", script],
        environment: [
          "FOLDER": folder.path, "NO_CONFIGURATION": folder.noConfiguration,
          "SERVER": ServerProcess.binary,
          "PATH": (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin",
        ], timeout: .seconds(120))
      #expect(result.status == 0, "\(result.errors)")
      let lines = result.output.split(separator: "\n").map(String.init)
      // The second one finds the change, unless the watch was faster.
      let reloads = lines.filter { $0 == "changed: upstream" || $0 == "nothing has changed" }
      #expect(reloads.count == 2 && reloads.first == "nothing has changed", "\(result.output)")
      #expect(lines.contains("192.0.2.80"))
      #expect(lines.contains("1"))
      #expect(lines.contains { $0.hasPrefix("127.0.0.53:53 ") }, "\(result.output)")
    }

    // MARK: A file that is still being written

    @Test func `an emptied file, or one that is gone, changes nothing and says so`() throws {
      let path = folder.file("server.yaml")
      for text in ["", " \n\n"] {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        let result = try server.ctl("reload")
        #expect(result.status == 64 && result.errors.contains("empty"), "\(result)")
      }
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      try FileManager.default.removeItem(atPath: path)
      #expect(try server.ctl("reload").status == 64)
      #expect(try reload("allow: [127.0.0.0/8]").output == "changed: allow\n")
    }

    @Test func `a file without a final newline is read again before it is taken`() throws {
      let path = folder.file("server.yaml")
      let whole = "upstream: \"\(nsd.endpoint)\"\n"
      let half = "\(whole)allow: [127.0.0.0/8, 192.0.2.0/2"
      var longestPause = Duration.zero
      var attempt = 0
      repeat {
        attempt += 1
        try whole.write(toFile: path, atomically: false, encoding: .utf8)
        #expect(try server.ctl("reload").status == 0)
        try half.write(toFile: path, atomically: false, encoding: .utf8)
        let reloaded = folder.file("reloaded-\(attempt)")
        let reloading = try ChildProcess(
          ServerProcess.binary, ["ctl", "--control", server.control, "reload"], output: reloaded)
        // It goes on being written for longer than between two looks.
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("4] # slow".utf8))
        let stopwatch = Stopwatch()
        longestPause = .zero
        while stopwatch.elapsed < .milliseconds(700) {
          let pause = Stopwatch()
          usleep(20_000)
          try file.write(contentsOf: Data("er".utf8))
          longestPause = max(longestPause, pause.elapsed)
        }
        try file.write(contentsOf: Data("\ncache: {max-ttl: 1h}".utf8))
        try file.close()
        #expect(reloading.wait() == .exited(0))
        // When this thread had to wait as long as the server does, it was right to take what there was.
        guard longestPause < .milliseconds(150) else { continue }
        #expect(Tool.text(of: reloaded) == "changed: allow, cache.max-ttl\n")
      } while longestPause >= .milliseconds(150) && attempt < 20
      #expect(longestPause < .milliseconds(150), "it was never written without a pause")
    }

    // MARK: Logs

    @Test func `the level of the log changes at once`() throws {
      func saves() throws -> Int {
        #expect(try server.ctl("cache", "save").status == 0)
        return server.logLines(containing: "cache saved").count
      }
      #expect(try saves() == 1)
      #expect(try reload("log: {level: error}").output == "changed: log.level\n")
      #expect(try saves() == 1)
      #expect(server.logLines(containing: "reloaded").isEmpty)
      #expect(try reload("log: {level: info}").output == "changed: log.level\n")
      #expect(try saves() == 2)
      #expect(server.logLines(containing: "reloaded").count == 1)
    }
  }

  @Suite("Reload: few files may be open")
  struct ReloadBudgetTests {
    @Test func `more upstreams share the files that there are, and fewer have more again`() throws {
      let folder = try TemporaryFolder()
      let upstreams = try (0..<8).map { _ in try NSD() }
      let path = folder.file("server.yaml")
      func write(_ count: Int) throws {
        let list = upstreams.prefix(count).map { "\"\($0.endpoint)\"" }.joined(separator: ", ")
        try "upstream: [\(list)]\n".write(
          toFile: path, atomically: false, encoding: .utf8)
      }
      try write(1)
      var launch = ServerProcess.Launch()
      launch.command = ["prlimit", "--nofile=600"]
      let server = try ServerProcess(
        upstreams: [], flags: ["--config", path], folder: folder, launch: launch)
      func reload(_ count: Int) throws {
        try write(count)
        #expect(try server.ctl("reload").output == "changed: upstream\n")
      }
      let alone = try server.stat("upstream.sockets")
      let connections = try server.stat("tcp.limit")
      #expect(alone > 100 && connections < 1_024)
      try reload(8)
      // As many as there are files for, for each of them the same.
      var each = 0
      #expect(
        try eventually {
          let sockets = try server.stat("upstream.sockets")
          each = sockets / 8
          return sockets % 8 == 0 && each < alone / 4 && each >= 4
        })
      #expect(eventually { server.descriptorCount < 600 - 64 })
      let queries = folder.file("queries")
      try Dnsperf.writeQueries(2_000, zone: "wild.example.net", to: queries)
      #expect(try Dnsperf.run(server.endpoint, queries: queries).lost == 0)
      #expect(try server.stat("upstream.sockets") <= 8 * each)
      #expect(server.logLines(containing: "can't be reached").isEmpty)
      #expect(try server.stat("tcp.limit") < connections)
      try reload(1)
      #expect(try server.stat("tcp.limit") == connections)
      #expect(try eventually(within: .seconds(20)) { try server.stat("upstream.sockets") == alone })
      #expect(try server.ask("www.example.net")?.answers.count == 1)
    }
  }
}
