import Foundation
import Testing

extension EndToEnd {
  @Suite("The configuration file: read, checked, and overruled by flags")
  struct ConfigurationTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    private func write(_ text: String) throws -> String {
      let path = folder.file("server.yaml")
      try text.write(toFile: path, atomically: false, encoding: .utf8)
      return path
    }

    @Test func `check says all that is wrong with a file, or that nothing is`() throws {
      let path = try write(
        "listn: [127.0.0.1]\ncache:\n  size: 64\nupstream: [9.9.9.9]\nlog: {level: inof}\n")
      let wrong = try Tool.run(ServerProcess.binary, ["check", path])
      #expect(wrong.status == 64)
      let lines = wrong.errors.split(separator: "\n").map(String.init)
      let expected = [
        "\(path):1:1: listn: no setting", "\(path):3:9: cache.size: 64: not a size",
        "\(path):5:14: log.level: inof: not one of",
      ]
      #expect(lines.count == expected.count, "\(wrong.errors)")
      for (line, start) in zip(lines, expected) { #expect(line.hasPrefix(start), "\(line)") }
      #expect(wrong.errors.contains("did you mean listen?"))

      let right = try Tool.run(
        ServerProcess.binary, ["check", try write("cache: {size: 64MiB}\nupstream: 9.9.9.9\n")])
      #expect(right.status == 0 && right.output.contains("nothing is wrong"))
      #expect(try Tool.run(ServerProcess.binary, ["check", folder.file("none")]).status == 64)
    }

    @Test func `check finds nothing wrong with the examples`() throws {
      let examples = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "examples").path
      for name in ["home", "laptop", "office"] {
        let result = try Tool.run(ServerProcess.binary, ["check", "\(examples)/\(name).yaml"])
        #expect(result.status == 0, "\(result.errors)")
      }
    }

    @Test func `a server starts from a file, and a flag wins over it`() throws {
      let path = try write("cache: {size: 3MiB, max-ttl: 1h}\nclient: {in-flight: 77}\n")
      let server = try ServerProcess(
        upstreams: [.loopback(try FreePort.next())],
        flags: ["--config", path, "--cache-size", "2MiB"])
      #expect(try server.stat("cache.limit_bytes") == 2 << 20)
      #expect(try server.ctl("status").status == 0)
    }

    @Test func `a start with a broken file says what is wrong, with file and line`() throws {
      let path = try write("cache:\n  siez: 3MiB\n")
      let result = try Tool.run(
        ServerProcess.binary, ["run", "--config", path, "--upstream", "192.0.2.1"])
      #expect(result.status == 64)
      #expect(
        result.errors
          == "error: \(path):2:3: siez: no setting of cache has this name; did you mean size?\n")
    }

    @Test func `schema prints JSON for editors, and the reference page`() throws {
      let schema = try Tool.run(ServerProcess.binary, ["schema"])
      #expect(schema.status == 0)
      #expect(throws: Never.self) {
        try JSONSerialization.jsonObject(with: Data(schema.output.utf8))
      }
      let page = try Tool.run(ServerProcess.binary, ["schema", "--reference"])
      #expect(page.output.contains("| `cache.size` | `--cache-size` |"))
    }

    private func check(_ text: String) throws -> Tool.Result {
      try Tool.run(ServerProcess.binary, ["check", try write(text)])
    }

    @Test func `check finds what a start on this machine would refuse`() throws {
      let file = folder.file("file")
      try "".write(toFile: file, atomically: false, encoding: .utf8)
      for (text, words) in [
        ("user: nobody-has-this-name\n", "no such user"), ("user: root\n", "that is root"),
        ("control: \(file)/control.sock\n", "is not a folder"),
        ("cache: {file: \(folder.path)}\n", "is a folder"),
        ("control: /\(String(repeating: "x", count: 120))\n", "107 octets"),
        ("http-host: \"*.lan\"\n", "no patterns"),
      ] {
        let result = try check(text)
        #expect(result.status == 64 && result.errors.contains(words), "\(text)\(result.errors)")
      }
    }

    @Test func `check warns of what is perhaps not meant, and finds nothing wrong`() throws {
      for (text, words) in [
        ("allow: [0.0.0.0/0]\n", "open resolver"), ("allow: [\"2000::/3\"]\n", "open resolver"),
        ("upstream: 192.0.2.1", "last line has no end"), ("", "it is empty"), ("\n", "it is empty"),
      ] {
        let result = try check(text)
        #expect(result.status == 0 && result.output.contains("nothing is wrong"))
        #expect(result.errors.hasPrefix("warning: ") && result.errors.contains(words))
      }
      for text in ["allow: [10.0.0.0/8, \"fc00::/7\"]\n", "# nothing\n"] {
        #expect(try check(text).errors.isEmpty, "\(text)")
      }
    }

    @Test func `pipes and devices are files, too, and without a name it is the usual file`() throws
    {
      #expect(try Tool.run(ServerProcess.binary, ["check", "/dev/null"]).status == 0)
      let pipe = try Tool.run(
        "bash",
        ["-c", "\"$0\" check <(sleep 0.1; echo 'upstream: nonsense')", ServerProcess.binary])
      #expect(pipe.status == 64 && pipe.errors.contains(":1:11: upstream: nonsense"), "\(pipe)")
      let usual = try Tool.run(ServerProcess.binary, ["check"])
      #expect((usual.output + usual.errors).contains("/etc/dns-cache-server.yaml"))
      let server = try ServerProcess(
        upstreams: [.loopback(53_530)], flags: ["--config", "/dev/null"])
      #expect(try server.ctl("reload").output == "nothing has changed\n")
    }
  }
}
