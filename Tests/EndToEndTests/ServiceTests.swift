import Foundation
import Testing

extension EndToEnd {
  @Suite("What a service manager hears (sd_notify(3))")
  struct ServiceTests {
    let nsd: NSD
    let folder: TemporaryFolder

    init() throws {
      nsd = try NSD()
      folder = try TemporaryFolder()
    }

    private func server(
      _ manager: NotifySocket, environment: [String: String?] = [:], command: [String] = []
    ) throws -> ServerProcess {
      var launch = ServerProcess.Launch(command: command, environment: environment)
      launch.environment["NOTIFY_SOCKET"] = manager.name
      return try ServerProcess(upstreams: [nsd.endpoint], folder: folder, launch: launch)
    }

    @Test(arguments: [true, false])
    func `that it is ready, and that it stops`(isAbstract: Bool) throws {
      let manager = try NotifySocket(
        isAbstract ? "@dns-test-\(UInt32.random(in: .min ... .max))" : folder.file("notify"))
      let server = try server(manager)
      #expect(try manager.hears("READY=1"))
      #expect(try manager.hears("STATUS="))
      #expect(try manager.count(of: "STOPPING=1") == 0)
      // Nobody asked for it.
      #expect(try manager.count(of: "WATCHDOG=1") == 0)
      #expect(server.terminate() == .exited(0))
      #expect(try manager.hears("STOPPING=1"))
      #expect(try manager.count(of: "READY=1") == 1)
      #expect(server.complaints.allSatisfy { $0.contains("root") }, "\(server.complaints)")
    }

    @Test func `nothing, when the start fails`() throws {
      let manager = try NotifySocket(folder.file("notify"))
      let port = try FreePort.next()
      let taken = try Socket.bound(.datagram, to: .loopback(port))
      let result = try Tool.run(
        ServerProcess.binary,
        [
          "run", "--config", folder.noConfiguration, "--listen", "127.0.0.1:\(port)", "--upstream",
          nsd.endpoint.description,
          "--cache-file", folder.file("cache"), "--control", folder.file("control"),
        ], environment: ["NOTIFY_SOCKET": manager.name])
      #expect(result.status == 69)
      #expect(try manager.count(of: "") == 0)
      taken.close()
    }

    @Test func `a sign of life at half of the watchdog's time, for as long as the loop turns`()
      throws
    {
      let manager = try NotifySocket(folder.file("notify"))
      let server = try server(manager, environment: ["WATCHDOG_USEC": "400000"])
      try #require(try manager.hears("READY=1"))
      #expect(try manager.hears("WATCHDOG=1"))
      let clock = Stopwatch()
      try manager.forget()
      #expect(
        try eventually(within: .seconds(20)) { try manager.count(of: "WATCHDOG=1") >= 10 })
      // Ten of 200 ms each; a loaded machine takes longer. Only the first may come late, and the next in time.
      #expect(clock.elapsed > .milliseconds(1_600), "\(clock.elapsed)")

      // A server that doesn't get to run gives none.
      server.process.signal(SIGSTOP)
      _ = try manager.hears("nothing", within: .milliseconds(300))
      try manager.forget()
      // Unless somebody else has it go on (`scripts/unkind`).
      #expect(try !manager.hears("WATCHDOG=1", within: .seconds(1)) || !server.isStopped)
      server.process.signal(SIGCONT)
      #expect(try manager.hears("WATCHDOG=1"))
    }

    @Test func `no sign of life when another process is watched`() throws {
      let manager = try NotifySocket(folder.file("notify"))
      let server = try server(
        manager, environment: ["WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"])
      try #require(try manager.hears("READY=1"))
      #expect(try !manager.hears("WATCHDOG=1", within: .seconds(1)))
      withExtendedLifetime(server) {}
    }

    @Test func `that a reload begins, with its time, and that it is over`() throws {
      let manager = try NotifySocket(folder.file("notify"))
      let server = try server(manager)
      try #require(try manager.hears("READY=1"))
      try manager.forget()
      var before = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &before)
      server.process.signal(SIGHUP)
      #expect(try manager.hears("READY=1"))
      let reloading = try #require(manager.messages.firstIndex { $0.hasPrefix("RELOADING=1\n") })
      let ready = try #require(manager.messages.firstIndex { $0.hasPrefix("READY=1\n") })
      #expect(reloading < ready)
      // Of the same clock, and of this reload (systemd.service(5), Type=notify-reload).
      let time = try #require(
        manager.messages[reloading].firstMatch(of: /MONOTONIC_USEC=(\d+)/).flatMap {
          Int($0.output.1)
        })
      #expect(time - (before.tv_sec * 1_000_000 + before.tv_nsec / 1_000) < 60_000_000)
      #expect(time >= before.tv_sec * 1_000_000 + before.tv_nsec / 1_000)
    }

    @Test func `a manager that is slow to read hears it later, and serving goes on`() throws {
      let manager = try NotifySocket(folder.file("notify"))
      // Fill its queue: the kernel holds a number of datagrams for it.
      let filler = try Tool.run(
        "python3",
        [
          "-c",
          """
          import socket, sys
          s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
          try:
              while True:
                  s.sendto(b"X=1", sys.argv[1])
          except BlockingIOError:
              print("full")
          """, manager.name,
        ])
      try #require(filler.output == "full\n", "\(filler.errors)")
      let server = try server(manager)
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(try manager.hears("READY=1"))
    }

    @Test func `a manager that isn't there is one warning`() throws {
      let launch = ServerProcess.Launch(
        environment: ["NOTIFY_SOCKET": folder.file("nobody"), "WATCHDOG_USEC": "20000"])
      let server = try ServerProcess(upstreams: [nsd.endpoint], folder: folder, launch: launch)
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(server.terminate() == .exited(0))
      #expect(server.logLines(containing: "service manager").count == 1)
    }

    @Test func `a last save that takes long asks for the time it needs`() throws {
      let manager = try NotifySocket(folder.file("notify"))
      let server = try server(manager)
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(server.terminate() == .exited(0))
      #expect(try manager.hears("EXTEND_TIMEOUT_USEC=30000000"))
      // After STOPPING=1: while it serves, nothing is extended.
      let stopping = manager.messages.firstIndex { $0.hasPrefix("STOPPING=1") }
      let extending = manager.messages.firstIndex { $0.hasPrefix("EXTEND_TIMEOUT_USEC") }
      #expect(try #require(stopping) < #require(extending))
    }
  }
}
