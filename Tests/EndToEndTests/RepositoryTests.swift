import Foundation
import Testing

extension EndToEnd {
  @Suite("The commands of the repository")
  struct RepositoryTests {
    let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    @Test(
      arguments: [
        ("echo 'libxml2.so.2: cannot open shared object file' >&2; exit 127", "libxml2.so.2"),
        ("echo 'Swift version 5.9'", "too old"), ("echo hello", "hello"),
      ])
    func `setup says in a sentence that swift can't run`(script: String, words: String) throws {
      let swift = folder.file("swift")
      try "#!/bin/sh\n\(script)\n".write(toFile: swift, atomically: false, encoding: .utf8)
      #expect(unsafe chmod(swift, 0o755) == 0)
      let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
      let result = try Tool.run(
        "\(PackageTests.repository)/scripts/setup", ["build"],
        environment: ["PATH": "\(folder.path):\(path)"])
      #expect(result.status == 1)
      let lines = result.errors.split(separator: "\n")
      #expect(lines.count == 1, "\(result.errors)")
      #expect(lines.first?.hasPrefix("setup: ") == true)
      #expect(result.errors.contains(words) && result.errors.contains("swift.org"))
    }

    @Test(.enabled(if: PackageTests.mayOverlay, "needs a mount namespace"))
    func `setup disables the services of what it installs for tests`() throws {
      // Nothing is installed: the tools of packages are others here, and so is /usr/sbin.
      let tools = [
        "dpkg-query": """
        case "$*" in
          --listfiles*keepalived*bird2*) printf '/lib/systemd/system/%s.service\\n' keepalived bird ;;
          *keepalived | *bird2) exit 1 ;;
          *) printf installed ;;
        esac
        """,
        "apt-get": "exit 0", "systemctl": "echo \"$@\" >>\(folder.file("disabled"))",
        "swift": "echo 'Swift version 99.0'",
      ]
      for (name, script) in tools {
        let file = folder.file(name)
        try "#!/bin/sh\n\(script)\n".write(toFile: file, atomically: false, encoding: .utf8)
        #expect(unsafe chmod(file, 0o755) == 0)
      }
      let result = try Tool.run(
        "unshare",
        [
          "--mount", "sh", "-c",
          """
          mount -t tmpfs tmpfs /usr/sbin && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system \
            && PATH=\(folder.path):/usr/bin:/bin exec \(PackageTests.repository)/scripts/setup test
          """,
        ])
      #expect(result.status == 0, "\(result.errors)")
      let disabled = Tool.text(of: folder.file("disabled"))
      #expect(disabled == "disable --quiet keepalived.service bird.service\n")
    }

    /// What an installed package has in `/etc` would have a say in the test.
    @Test func `each server that a test starts is given its configuration file`() throws {
      let tests = URL(filePath: "\(PackageTests.repository)/Tests/EndToEndTests")
      let files = try #require(
        FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil))
      var starts = 0
      for case let file as URL in files
      where file.pathExtension == "swift" && !file.path.hasSuffix("RepositoryTests.swift") {
        let text = Tool.text(of: file.path)
        let start = #/"\$SERVER" run |binary, "run", |\[\s*"run", /#
        for match in text.matches(of: start) {
          starts += 1
          let rest = text[match.range.upperBound...]
          #expect(
            rest.hasPrefix(#""--config""#) || rest.hasPrefix("--config")
              || rest.hasPrefix(#""--help""#), "\(file.lastPathComponent): \(rest.prefix(60))")
        }
      }
      #expect(starts > 10)
    }
  }
}
