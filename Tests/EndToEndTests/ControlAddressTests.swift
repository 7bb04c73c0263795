import Foundation
import Testing

extension EndToEnd {
  @Suite("How ctl finds the server, and what it says when it can't")
  struct ControlAddressTests {
    let upstream: Endpoint
    let server: ServerProcess

    init() throws {
      upstream = .loopback(try FreePort.next())
      server = try ServerProcess(upstreams: [upstream])
    }

    private func status(
      _ arguments: [String] = [], _ environment: [String: String?] = [:]
    ) throws -> Tool.Result {
      try Tool.run(
        ServerProcess.binary, ["ctl"] + arguments + ["status"], environment: environment)
    }

    @Test func `the environment names the socket, and a flag wins over it`() throws {
      let variable = "DNS_CACHE_SERVER_CONTROL"
      #expect(try status([], [variable: server.control]).output.contains("\(server.pid)"))
      let nowhere = server.folder.file("nowhere")
      #expect(
        try status(["--control", server.control], [variable: nowhere]).output.contains(
          "\(server.pid)"))
      let result = try status([], [variable: nowhere])
      #expect(result.status == 69)
      #expect(result.errors.contains("no server listens on \(nowhere), which $\(variable) names"))
    }

    @Test(
      .enabled(if: StartTests.mayMount, "needs the right to make a mount namespace: run as root"))
    func `the configuration names the socket`() throws {
      let script = """
        set -eu
        mkdir "$FOLDER/etc"
        cp /etc/passwd /etc/group /etc/nsswitch.conf "$FOLDER/etc/"
        echo "control: $CONTROL" >"$FOLDER/etc/dns-cache-server.yaml"
        mount --bind "$FOLDER/etc" /etc
        unset DNS_CACHE_SERVER_CONTROL
        "$SERVER" ctl status
        """
      let result = try Tool.run(
        "unshare", ["--mount", "bash", "-c", script],
        environment: [
          "FOLDER": server.folder.path, "CONTROL": server.control, "SERVER": ServerProcess.binary,
        ])
      #expect(result.status == 0, "\(result.errors)")
      #expect(result.output.contains("\(server.pid)"))
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to become somebody else"))
    func `a socket of others is said to be forbidden, with its owner`() throws {
      // Clones are where others may not enter.
      let shared = try TemporaryFolder()
      unsafe _ = chmod(shared.path, 0o755)
      let program = shared.file("dns-cache-server")
      try FileManager.default.copyItem(atPath: ServerProcess.binary, toPath: program)
      func ask() throws -> Tool.Result {
        try Tool.run(
          "setpriv",
          ["--reuid=games", "--regid=games", "--clear-groups", program]
            + ["ctl", "--control", server.control, "status"])
      }
      // The folder may be entered, the socket not used.
      unsafe _ = chmod(server.folder.path, 0o755)
      unsafe _ = chown(server.control, 0, 5)
      var result = try ask()
      #expect(result.status == 69)
      #expect(
        result.errors == """
          error: permission denied on \(server.control): it is for user root and group tty; \
          use sudo, or `adduser USER tty` and log in again

          """)
      // The folder hides it.
      unsafe _ = chmod(server.folder.path, 0o700)
      result = try ask()
      #expect(result.status == 69)
      #expect(
        result.errors == """
          error: permission denied on \(server.control): \(server.folder.path) is for user root \
          and group root; use sudo

          """)
    }

    @Test func `who has the socket is named`() throws {
      let second = try Tool.run(
        ServerProcess.binary,
        [
          "run", "--config", server.folder.noConfiguration, "--listen",
          "127.0.0.1:\(try FreePort.next())", "--upstream", "\(upstream)",
          "--control", server.control, "--cache-file", server.folder.file("second"),
        ])
      #expect(second.status == 69)
      #expect(
        second.errors.contains("process \(server.pid) (dns-cache-server) of user "),
        "\(second.errors)")
      #expect(second.errors.contains("--control"))
      // One that listens and is silent.
      server.process.signal(SIGSTOP)
      defer { server.process.signal(SIGCONT) }
      let silent = try Tool.run(
        ServerProcess.binary, ["ctl", "--control", server.control, "watch"], timeout: .seconds(20))
      // Unless somebody else has it go on (`scripts/unkind`).
      guard server.isStopped else { return }
      #expect(silent.status == 69)
      #expect(silent.errors.contains("process \(server.pid)"), "\(silent.errors)")
      #expect(silent.errors.contains("does not answer within 2 s"))
    }
  }
}
