import Foundation
import Testing

extension EndToEnd {
  @Suite("Sockets that a service manager opened (sd_listen_fds(3))")
  struct SocketActivationTests {
    let nsd: NSD
    let folder: TemporaryFolder

    init() throws {
      nsd = try NSD()
      folder = try TemporaryFolder()
    }

    private func server(
      _ sockets: [String], listen: [String]? = nil, names: String? = nil, flags: [String] = []
    ) throws -> ServerProcess {
      try ServerProcess(
        upstreams: [nsd.endpoint], flags: flags, listen: listen ?? ["127.0.0.1"], folder: folder,
        launch: try .passing(sockets, names: names, hasListenFlags: listen != nil, in: folder))
    }

    private func answersBothWays(_ server: ServerProcess, at endpoint: Endpoint) throws -> Bool {
      let question = DNSMessage.query("www.example.net", RecordType.a)
      let datagram = try Client.ask(endpoint, question)
      let stream = try StreamClient(endpoint).ask(question)
      return datagram?.answers.isEmpty == false && stream?.answers.isEmpty == false
    }

    private func listening(_ server: ServerProcess) throws -> [String] {
      let status = try server.ctlJSON("status") as? [String: Any]
      return (status?["listening"] as? [String] ?? []).sorted()
    }

    @Test func `they are served instead of the usual addresses`() throws {
      let server = try server(
        ["udp:127.0.0.1", "tcp:127.0.0.1", "udp:::1", "tcp:::1"], names: "a:b:c:d")
      let port = server.endpoint.port
      #expect(try listening(server) == ["127.0.0.1:\(port)", "[::1]:\(port)"])
      #expect(try answersBothWays(server, at: server.endpoint))
      #expect(try answersBothWays(server, at: server.endpoint6))
      #expect(server.terminate() == .exited(0))
    }

    @Test func `a wildcard's replies leave from the address that was asked`() throws {
      let server = try server(["udp:0.0.0.0", "tcp:0.0.0.0"])
      let other = Endpoint("127.0.0.9", server.endpoint.port)
      // The client's socket is connected: a reply from another address would not reach it.
      #expect(try answersBothWays(server, at: other))
    }

    @Test func `they are matched to the addresses that are named, and the rest is opened`() throws {
      let server = try server(
        ["udp:127.0.0.1", "tcp:127.0.0.1"], listen: ["127.0.0.1", "::1"])
      #expect(try answersBothWays(server, at: server.endpoint))
      #expect(try answersBothWays(server, at: server.endpoint6))
    }

    @Test func `for a socket of one kind alone the other is opened`() throws {
      let server = try server(["udp:127.0.0.1"])
      #expect(try answersBothWays(server, at: server.endpoint))
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to change from"))
    func `they work without any privilege, and keep the buffer that they were given`() throws {
      var launch = try ServerProcess.Launch.unprivileged(in: folder)
      let passing = try ServerProcess.Launch.passing(
        ["udp:127.0.0.1", "tcp:127.0.0.1"], hasListenFlags: false, in: folder)
      // As the service manager does: the sockets as root, the program as somebody else.
      launch.command =
        passing.command
        + (try launch.command.enumerated().map {
          $0.offset == 0 ? try Tool.path($0.element) : $0.element
        })
      launch.hasListenFlags = false
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], listen: ["127.0.0.1"], folder: folder, launch: launch)
      #expect(try answersBothWays(server, at: server.endpoint))
      // The kernel counts twice what was asked for (socket(7)).
      let memory = try Tool.run(
        "ss", ["--no-header", "-lunm", "sport = :\(server.endpoint.port)"]
      ).output
      #expect(memory.contains("rb\(4 << 20)"), "\(memory)")
    }

    @Test(arguments: [
      ("unix", "socket 3 (first)", "IPv4"), ("file", "socket 3 (first)", "not a socket"),
      ("dual", "socket 3 (first)", "BindIPv6Only=ipv6-only"),
      ("connected", "socket 3 (first)", "Accept=no"),
      ("silent", "socket 3 (first)", "ListenStream="),
    ])
    func `one that can't be served is an error that says which and why`(
      kind: String, which: String, why: String
    ) throws {
      let launch = try ServerProcess.Launch.passing(
        [kind], names: "first", hasListenFlags: false, in: folder)
      let result = try start(launch)
      #expect(result.status == 64)
      #expect(result.errors.contains(which) && result.errors.contains(why), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1)
    }

    @Test func `one that is not among the addresses named is an error`() throws {
      let launch = try ServerProcess.Launch.passing(
        ["udp:127.0.0.2"], hasListenFlags: false, in: folder)
      let result = try start(launch, ["--listen", "127.0.0.1:\(try FreePort.next())"])
      #expect(result.status == 64)
      #expect(result.errors.contains("127.0.0.2:"), "\(result.errors)")
    }

    @Test func `those of another process are none of ours`() throws {
      // 3 and 4 stay open, but nobody listens by them: the addresses are bound by the server itself.
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], listen: ["127.0.0.1"], folder: folder,
        launch: try .passing(["udp:127.0.0.3"], listenPID: "1", hasListenFlags: true, in: folder))
      #expect(try answersBothWays(server, at: server.endpoint))
      #expect(try listening(server) == [server.endpoint.description])
    }

    private func start(
      _ launch: ServerProcess.Launch, _ arguments: [String] = []
    ) throws -> Tool.Result {
      try Tool.run(
        launch.command[0],
        launch.command.dropFirst() + [
          launch.binary, "run", "--config", folder.noConfiguration, "--upstream",
          nsd.endpoint.description, "--cache-file",
          folder.file("cache"), "--control", folder.file("control"),
        ] + arguments, environment: ["DNS_TEST_PORT": "\(try FreePort.next())"])
    }
  }
}
