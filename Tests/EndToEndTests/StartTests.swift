import Foundation
import Testing

extension EndToEnd {
  @Suite("A start that can't succeed: one sentence, the right exit code, no stack trace")
  struct StartTests {
    /// sysexits.h: EX_USAGE and EX_UNAVAILABLE.
    static let usage: Int32 = 64
    static let unavailable: Int32 = 69

    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    private func start(_ arguments: [String]) throws -> Tool.Result {
      try Tool.run(ServerProcess.binary, complete(arguments), timeout: .seconds(60))
    }

    /// The arguments with files of this test where they name none.
    private func complete(_ arguments: [String]) -> [String] {
      [
        "run", "--config", folder.noConfiguration, "--cache-file", folder.file("cache"),
        "--control",
        folder.file("control"),
      ] + arguments
    }

    /// Checks the exit code and that the errors are a sentence that names what is wrong.
    private func expect(
      _ result: Tool.Result, status: Int32, mentions words: String...,
      lines limit: Int = 1, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      let text = result.errors + result.output
      let lines = result.errors.split(separator: "\n")
      #expect(result.status == status, "\(text)", sourceLocation: sourceLocation)
      #expect((1...limit).contains(lines.count), "\(text)", sourceLocation: sourceLocation)
      for word in words {
        #expect(
          text.lowercased().contains(word.lowercased()), "\(text)", sourceLocation: sourceLocation)
      }
      for trace in ["Fatal error", "Stack dump", "stack trace", "Thread 0", ".swift:"] {
        #expect(!text.contains(trace), "\(text)", sourceLocation: sourceLocation)
      }
    }

    @Test(arguments: [Socket.Kind.datagram, .stream])
    func `a port that is taken, for UDP or for TCP alone`(kind: Socket.Kind) throws {
      let port = try FreePort.next()
      let socket = try Socket.bound(kind, to: .loopback(port))
      let result = try start(["--listen", "127.0.0.1:\(port)", "--upstream", "127.0.0.1:53530"])
      expect(result, status: Self.unavailable, mentions: "127.0.0.1:\(port)", "in use")
      socket.close()
    }

    @Test(arguments: [
      ("0.0.0.0:5300", "127.0.0.1:5300"), ("0.0.0.0:5300", "127.9.9.9:5300"),
      ("[::]:5300", "[::1]:5300"), ("127.0.0.1:5300", "127.0.0.1:5300"),
    ])
    func `an upstream that is the server itself`(listen: String, upstream: String) throws {
      let result = try start(["--listen", listen, "--upstream", upstream])
      expect(result, status: Self.usage, mentions: "--upstream \(upstream)", "listens", "itself")
    }

    @Test func `an upstream of a wildcard's port at one of the host's own addresses`() throws {
      let text = try Tool.run("ip", ["-brief", "-4", "address"]).output
      let own = text.split(whereSeparator: \.isWhitespace)
        .compactMap { $0.split(separator: "/").first.map(String.init) }
        .first { $0.hasPrefix("1") && !$0.hasPrefix("127.") && $0.contains(".") }
      guard let own else { return }
      let result = try start(["--listen", "0.0.0.0:5300", "--upstream", "\(own):5300"])
      expect(result, status: Self.usage, mentions: "--upstream \(own):5300", "itself")
    }

    /// As if net.core.rmem_max were what it is as a rule.
    @Test func `a small receive buffer is said once, and what makes it larger`() throws {
      let folder = try TemporaryFolder()
      let launch = try ServerProcess.Launch.preloading(
        """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <sys/socket.h>
        int getsockopt(int socket, int level, int name, void *value, socklen_t *length) {
          if (level == SOL_SOCKET && name == SO_RCVBUF) {
            *(int *)value = 2 * 212992;
            return 0;
          }
          int (*original)(int, int, int, void *, socklen_t *) = dlsym(RTLD_NEXT, "getsockopt");
          return original(socket, level, name, value, length);
        }

        """, in: folder)
      let server = try ServerProcess(
        upstreams: [Endpoint("127.0.0.1", try FreePort.next())], folder: folder, launch: launch)
      #expect(server.logLines(containing: "net.core.rmem_max=4194304").count == 1)
      #expect(try server.ctl("status").output.contains("208KiB instead of 4MiB"))
    }

    /// Whether port 53 is closed to programs without privileges.
    static let isPort53Privileged =
      Int(
        Tool.text(of: "/proc/sys/net/ipv4/ip_unprivileged_port_start")
          .trimmingCharacters(in: .whitespacesAndNewlines)) ?? 1024 > 53

    @Test(
      .enabled(if: isPort53Privileged, "port 53 is open to everybody here"),
      arguments: ["127.0.0.1:53", "lo"])
    func `port 53 without the privilege, of an address and of an interface`(
      listen: String
    ) throws {
      let arguments = complete(["--listen", listen, "--upstream", "127.0.0.1:53530"])
      var result: Tool.Result
      if geteuid() == 0 {
        // Where others may read it: a clone can be in a folder that they may not enter.
        let copy = folder.file("dns-cache-server")
        try FileManager.default.copyItem(atPath: ServerProcess.binary, toPath: copy)
        unsafe _ = chown(folder.path, 65_534, 65_534)
        result = try Tool.run(
          "setpriv",
          [
            "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all", copy,
          ] + arguments, timeout: .seconds(60))
      } else {
        result = try start(Array(arguments.dropFirst()))
      }
      expect(result, status: Self.unavailable, mentions: "127.0.0.1:53", "permi")
    }

    @Test(arguments: [
      ["--listen", "300.1.1.1:5300"], ["--listen", "127.0.0.1:99999"], ["--listen", "127.0.0.1:"],
      ["--listen", "[::1:5300"], ["--listen", ""], ["--listen", "localhost-of-nobody:53"],
      ["--upstream", "nonsense"], ["--upstream", "1.2.3.4:0"], ["--upstream", "1.2.3"],
      ["--cache-size", "64"], ["--cache-size", "64MB-or-so"], ["--cache-size", "-1MiB"],
      ["--cache-save-interval", "5"], ["--cache-save-interval", "soon"],
      ["--serve-stale", "1"], ["--serve-stale", "31d"],
      ["--min-ttl", "2h"], ["--max-ttl", "8d"], ["--max-negative-ttl", "60"],
      ["--cache-size", "99999999999999999999GiB"], ["--log-level", "loud"],
      ["--tcp-connections", "0"], ["--tcp-connections", "many"],
      ["--tcp-connections-per-client", "0"], ["--tcp-idle-timeout", "10"],
      ["--tcp-idle-timeout", "10ms"], ["--tcp-buffers", "64KiB"],
    ])
    func `a value that is none`(arguments: [String]) throws {
      var all = arguments
      if arguments[0] != "--listen" { all += ["--listen", "127.0.0.1:\(try FreePort.next())"] }
      if arguments[0] != "--upstream" { all += ["--upstream", "127.0.0.1:53530"] }
      let result = try start(all)
      // The command line's reader adds how to get help.
      expect(result, status: Self.usage, mentions: arguments[0].dropFirst(2).description, lines: 4)
    }

    @Test func `a flag that does not exist`() throws {
      expect(try start(["--frobnicate"]), status: Self.usage, mentions: "--frobnicate", lines: 4)
      let result = try Tool.run(ServerProcess.binary, ["frobnicate"])
      expect(result, status: Self.usage, mentions: "frobnicate", lines: 4)
    }

    /// Whether this test may show the server another `/etc/resolv.conf`.
    static let mayMount =
      (try? Tool.run("unshare", ["--mount", "mount", "--bind", "/tmp", "/tmp"]).status) == 0

    @Test(.enabled(if: mayMount, "needs the right to make a mount namespace: run as root"))
    func `the name servers of resolv.conf are asked when no other is named`() throws {
      try "nameserver 127.0.0.53\n".write(
        toFile: folder.file("resolv.conf"), atomically: false, encoding: .utf8)
      let configuration = NSD.configuration(of: Endpoint("127.0.0.53", 53), in: folder)
      try configuration.write(
        toFile: folder.file("nsd.conf"), atomically: false, encoding: .utf8)
      let script = """
        set -eu
        mount --bind "$FOLDER/resolv.conf" /etc/resolv.conf
        ip link set lo up
        nsd -d -c "$FOLDER/nsd.conf" &
        nsd=$!
        "$SERVER" run --config "$NO_CONFIGURATION" --listen 127.0.0.1:53 --cache-file "$FOLDER/cache" \
          --control "$FOLDER/control" 2>"$FOLDER/log" &
        server=$!
        trap 'kill $server $nsd; wait' EXIT
        for attempt in $(seq 200); do
          if dig @127.0.0.1 +tries=1 +time=2 +short www.example.net | grep 192.0.2.80; then
            exit 0
          fi
          sleep 0.1
        done
        cat "$FOLDER/log" >&2
        exit 1
        """
      let result = try Tool.run(
        "unshare", ["--mount", "--net", "bash", "-c", script],
        environment: [
          "FOLDER": folder.path, "NO_CONFIGURATION": folder.noConfiguration,
          "SERVER": ServerProcess.binary,
          "PATH": (ProcessInfo.processInfo.environment["PATH"] ?? "") + ":/usr/sbin:/sbin",
        ], timeout: .seconds(120))
      #expect(result.status == 0, "\(result.errors)")
    }

    @Test func `ctl without a server says so`() throws {
      let result = try Tool.run(
        ServerProcess.binary, ["ctl", "--control", folder.file("none"), "status"])
      expect(result, status: Self.unavailable, mentions: folder.file("none"))
    }

    @Test func `ctl with a verb that does not exist says so`() throws {
      for verb in [["frobnicate"], ["cache", "frobnicate"], ["cache", "show"]] {
        let result = try Tool.run(
          ServerProcess.binary, ["ctl", "--control", folder.file("none")] + verb)
        expect(
          result, status: Self.usage, mentions: verb.contains("frobnicate") ? "frobnicate" : "name",
          lines: 5)
      }
    }

    @Test func `help is no error`() throws {
      for arguments in [["--help"], ["run", "--help"], ["ctl", "--help"]] {
        let result = try Tool.run(ServerProcess.binary, arguments)
        #expect(result.status == 0)
        #expect(result.output.contains("USAGE"))
        #expect(result.errors.isEmpty)
      }
    }

    @Test func `a control socket left by a killed server is no hindrance`() throws {
      let server = try ServerProcess(upstreams: [.loopback(try FreePort.next())])
      server.kill9()
      #expect(FileManager.default.fileExists(atPath: server.control))
      try server.start()
      #expect(try server.ctl("status").status == 0)
    }

    @Test func `signals that come while it starts are heard as soon as it serves`() throws {
      let server = try ServerProcess(
        upstreams: [.loopback(1)], folder: folder,
        launch: .signalled(by: [SIGHUP, SIGUSR1], in: folder))
      #expect(eventually { !server.logLines(containing: "notice: reloaded").isEmpty })
      #expect(eventually { FileManager.default.fileExists(atPath: server.cacheFile) })
    }
  }
}
