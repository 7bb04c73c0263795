import Foundation
import Testing

extension EndToEnd {
  @Suite(
    "Started as root, served as somebody else (--user)",
    .enabled(if: geteuid() == 0, "needs root to change from"))
  struct UserTests {
    /// A user that every Debian has, for nothing else in particular (base-passwd).
    static let user = "games"
    static let userID = 5
    static let groupID = 60
    /// CAP_NET_BIND_SERVICE, by the number of its bit (capabilities(7)).
    static let bindService = "0000000000000400"

    let nsd: NSD
    let folder: TemporaryFolder

    init() throws {
      nsd = try NSD()
      folder = try TemporaryFolder()
      // Clones are where others may not enter, and this folder is the tests', not the user's.
      unsafe _ = chmod(folder.path, 0o755)
    }

    /// A server whose files are in folders that it has to make.
    private func server(
      flags: [String] = [], listen: [String] = ["127.0.0.1"],
      launch: ServerProcess.Launch = .init()
    ) throws -> ServerProcess {
      try ServerProcess(
        upstreams: [nsd.endpoint],
        flags: flags + ["--user", Self.user, "--cache-file", cacheFile, "--control", control],
        listen: listen, folder: folder, launch: launch)
    }

    private var cacheFile: String { folder.file("state/dns-cache-server/cache.snapshot") }
    private var control: String { folder.file("control.sock") }

    /// The fields of a `/proc/PID/status`, of the process and of each of its threads.
    private func status(_ server: ServerProcess) throws -> [[String: String]] {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.pid)/task").map { task in
        Dictionary(
          uniqueKeysWithValues: Tool.text(of: "/proc/\(server.pid)/task/\(task)/status")
            .split(separator: "\n").compactMap { line in
              let parts = line.split(separator: ":", maxSplits: 1)
              guard parts.count == 2 else { return nil }
              return (
                String(parts[0]),
                parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " ")
              )
            })
      }
    }

    private func owner(_ path: String) throws -> [Int] {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      return [
        (attributes[.ownerAccountID] as? Int) ?? -1,
        (attributes[.groupOwnerAccountID] as? Int) ?? -1,
      ]
    }

    private func prepareControlFolder() {
      unsafe _ = chown(folder.path, uid_t(Self.userID), gid_t(Self.groupID))
    }

    @Test
    func `a file of local names that only root may read is named as soon as the server is another`()
      throws
    {
      prepareControlFolder()
      let hosts = folder.file("hosts")
      try "192.168.1.5 nas\n".write(toFile: hosts, atomically: true, encoding: .utf8)
      unsafe _ = chmod(hosts, 0o600)
      let server = try server(flags: ["--local-domain", "home.arpa", "--local-hosts", hosts])
      #expect(
        server.logLines(containing: "\(hosts): Permission denied").count == 1, "\(server.log)")
      #expect(try server.dig("nas.home.arpa").status == "NXDOMAIN")
      unsafe _ = chmod(hosts, 0o644)
      #expect(
        try eventually { try server.dig("nas.home.arpa").answers.map(\.data) == ["192.168.1.5"] })
    }

    @Test func `it has no other user, group or capability than it needs`() throws {
      prepareControlFolder()
      let server = try server()
      let threads = try status(server)
      #expect(!threads.isEmpty)
      for thread in threads {
        let id = "\(Self.userID)"
        let group = "\(Self.groupID)"
        #expect(thread["Uid"] == "\(id) \(id) \(id) \(id)")
        #expect(thread["Gid"] == "\(group) \(group) \(group) \(group)")
        #expect(thread["Groups"] == "")
        #expect(thread["CapPrm"] == Self.bindService)
        #expect(thread["CapEff"] == Self.bindService)
        #expect(thread["CapInh"] == "0000000000000000")
        #expect(thread["CapBnd"] == "0000000000000000")
        #expect(thread["CapAmb"] == "0000000000000000")
        #expect(thread["NoNewPrivs"] == "1")
      }
      // Not dumpable: what the kernel shows of it belongs to root, not to the user.
      #expect(try owner("/proc/\(server.pid)/environ") == [0, 0])
      #expect(!server.log.contains("running as root"))
    }

    @Test func `it still answers, saves, takes orders, and finds its cache again`() throws {
      prepareControlFolder()
      let server = try server()
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(try owner(control) == [Self.userID, Self.groupID])
      #expect(
        try owner(folder.file("state/dns-cache-server")) == [Self.userID, Self.groupID])
      server.process.signal(SIGUSR1)
      #expect(eventually { FileManager.default.fileExists(atPath: cacheFile) })
      #expect(try owner(cacheFile) == [Self.userID, Self.groupID])
      #expect(try server.ctl("cache", "save").status == 0)
      #expect(server.terminate() == .exited(0))
      // The socket's file is the user's to remove, and to make again.
      #expect(!FileManager.default.fileExists(atPath: control))
      try server.start()
      #expect(
        try eventually {
          try server.ctl("cache", "show", "www.example.net").output.contains("192.0.2.80")
        })
      #expect(server.complaints.isEmpty, "\(server.complaints)")
    }

    @Test func `what an earlier run as root left becomes the user's`() throws {
      let state = folder.file("dns-cache-server")
      let flags = ["--cache-file", state + "/cache.snapshot", "--control", state + "/control.sock"]
      func run(_ more: [String], log: String) throws -> ChildProcess {
        try ChildProcess(
          ServerProcess.binary,
          [
            "run", "--config", folder.noConfiguration, "--listen",
            "127.0.0.1:\(try FreePort.next())", "--upstream",
            nsd.endpoint.description,
          ] + flags + more, errors: folder.file(log))
      }
      let root = try run([], log: "root-log")
      #expect(eventually { Tool.text(of: folder.file("root-log")).contains("started") })
      #expect(Tool.text(of: folder.file("root-log")).contains("running as root"))
      #expect(root.stop() == .exited(0))
      #expect(try owner(state + "/cache.snapshot") == [0, 0])
      let child = try run(["--user", Self.user], log: "log")
      #expect(eventually { Tool.text(of: folder.file("log")).contains("snapshot read") })
      #expect(try owner(state) == [Self.userID, Self.groupID])
      #expect(child.stop() == .exited(0))
      #expect(try owner(state + "/cache.snapshot") == [Self.userID, Self.groupID])
      let log = Tool.text(of: folder.file("log"))
      #expect(!log.contains("error:") && !log.contains("warning:"), "\(log)")
    }

    @Test func `a folder that is not the server's own keeps its owner, and a warning says so`()
      throws
    {
      // Root's, as /tmp would be; the control socket has a folder that it makes.
      let server = try ChildProcess(
        ServerProcess.binary,
        [
          "run", "--config", folder.noConfiguration, "--listen", "127.0.0.1:\(try FreePort.next())",
          "--upstream",
          nsd.endpoint.description, "--user", Self.user, "--cache-file", folder.file("cache"),
          "--control", folder.file("run/control.sock"),
        ], errors: folder.file("log"))
      #expect(eventually { Tool.text(of: folder.file("log")).contains("started") })
      #expect(Tool.text(of: folder.file("log")).contains("may not write to \(folder.path)"))
      #expect(try owner(folder.path) == [0, 0])
      #expect(server.stop() == .exited(0))
    }

    @Test func `a link to somebody else's file in the server's folder is not followed`() throws {
      let state = folder.file("dns-cache-server")
      let secret = folder.file("secret")
      try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: false)
      try "secret".write(toFile: secret, atomically: false, encoding: .utf8)
      for (name, isHard) in [("cache.snapshot", true), ("other.snapshot", false)] {
        if isHard {
          try FileManager.default.linkItem(atPath: secret, toPath: "\(state)/\(name)")
        } else {
          try FileManager.default.createSymbolicLink(
            atPath: "\(state)/\(name)", withDestinationPath: secret)
        }
        unsafe _ = chown(state, 0, 0)
        let server = try ChildProcess(
          ServerProcess.binary,
          [
            "run", "--config", folder.noConfiguration, "--listen",
            "127.0.0.1:\(try FreePort.next())", "--upstream",
            nsd.endpoint.description, "--user", Self.user, "--cache-file", "\(state)/\(name)",
            "--control", "\(state)/control.sock",
          ], errors: folder.file("log-\(name)"))
        #expect(eventually { Tool.text(of: folder.file("log-\(name)")).contains("started") })
        #expect(try owner(secret) == [0, 0])
        #expect(server.stop() == .exited(0))
        #expect(Tool.text(of: secret) == "secret")
      }
    }

    @Test func `a user that this machine has not, and root, are errors before anything`() throws {
      for (name, word) in [("nobody-has-this-name", "no such user"), ("root", "root")] {
        let result = try Tool.run(
          ServerProcess.binary,
          [
            "run", "--config", folder.noConfiguration, "--listen",
            "127.0.0.1:\(try FreePort.next())", "--upstream",
            nsd.endpoint.description, "--user", name, "--cache-file", folder.file("made/cache"),
            "--control", folder.file("made/control"),
          ])
        #expect(result.status == 64)
        #expect(result.errors.contains("--user \(name)") && result.errors.contains(word))
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("made")))
      }
    }

    @Test func `who isn't root can only stay who he is`() throws {
      let launch = try ServerProcess.Launch.unprivileged(in: folder)
      let arguments =
        launch.command.dropFirst() + [
          launch.binary, "run", "--config", folder.noConfiguration, "--listen",
          "127.0.0.1:\(try FreePort.next())", "--upstream",
          nsd.endpoint.description, "--cache-file", folder.file("cache"), "--control",
          folder.file("control"), "--user",
        ]
      let result = try Tool.run(launch.command[0], arguments + [Self.user])
      #expect(result.status == 64)
      #expect(result.errors.contains("only root"), "\(result.errors)")

      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--user", "nobody"], listen: ["127.0.0.1"],
        folder: folder, launch: launch)
      let thread = try #require(try status(server).first)
      #expect(thread["Uid"] == "65534 65534 65534 65534")
      #expect(thread["CapEff"] == "0000000000000000")
      #expect(thread["NoNewPrivs"] == "1")
    }

    @Test func `it binds port 53 before the change, and on a new address after a reload`() throws {
      // In a network of its own, where port 53 is free.
      let script = """
        set -eu
        ip link set lo up
        configure() { printf 'listen: [%s]\\nupstream: 127.0.0.1:5399\\n' "$1" >"$FOLDER/file.yaml"; }
        answers() {
          for attempt in $(seq 100); do
            dig "@$1" +tries=1 +time=1 CH TXT version.bind >"$FOLDER/answer" || true
            if grep -q '"dns-cache-server' "$FOLDER/answer"; then return 0; fi
            sleep 0.1
          done
          return 1
        }
        configure 127.0.0.1:53
        "$SERVER" run --config "$FOLDER/file.yaml" --user "$SERVED_AS" \\
          --cache-file "$FOLDER/dns-cache-server/cache" \\
          --control "$FOLDER/dns-cache-server/control" 2>"$FOLDER/log" &
        server=$!
        trap 'kill $server; wait' EXIT
        answers 127.0.0.1
        grep -q "^CapEff:.*400$" "/proc/$server/status"
        configure "127.0.0.1:53, 127.0.0.2:53"
        kill -HUP $server
        answers 127.0.0.2
        answers 127.0.0.1
        """
      let result = try Tool.run(
        "unshare", ["--net", "bash", "-c", script],
        environment: [
          "FOLDER": folder.path, "SERVER": ServerProcess.binary, "SERVED_AS": Self.user,
          "PATH": (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin",
        ], timeout: .seconds(60))
      #expect(result.status == 0, "\(result.errors)\(Tool.text(of: folder.file("log")))")
    }
  }
}
