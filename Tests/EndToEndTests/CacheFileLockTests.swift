import Foundation
import Testing

extension EndToEnd {
  @Suite("Two servers, one snapshot")
  struct CacheFileLockTests {
    let folder: TemporaryFolder
    let nsd: NSD
    let first: ServerProcess

    init() throws {
      folder = try TemporaryFolder()
      nsd = try NSD()
      first = try ServerProcess(upstreams: [nsd.endpoint], folder: folder)
    }

    private func second(_ flags: [String] = []) throws -> ServerProcess {
      try ServerProcess(
        upstreams: [nsd.endpoint], flags: flags, cacheFile: folder.file("cache.snapshot"))
    }

    @Test func `the second goes on without saving, says so, and saves when it is alone`() throws {
      #expect(try first.ask("www.example.net")?.answers.count == 1)
      #expect(try first.ctl("cache", "save").status == 0)
      let whole = try Data(contentsOf: URL(filePath: first.cacheFile))
      let second = try second()
      let said = second.logLines(containing: "the cache is not saved")
      #expect(said.count == 1 && said[0].contains("process \(first.pid)"), "\(second.log)")
      // What is there is read all the same.
      #expect(try eventually { try second.stat("cache.names") > 0 })
      let refused = try second.ctl("cache", "save")
      #expect(refused.status != 0 && refused.errors.contains("process \(first.pid)"))
      #expect(try second.ctl("status").output.contains("another server"))
      second.process.signal(SIGUSR1)
      #expect(try second.ask("web.example.net")?.answers.count == 1)
      #expect(try Data(contentsOf: URL(filePath: first.cacheFile)) == whole)
      #expect(try first.ctl("cache", "save").status == 0)

      #expect(first.terminate() == .exited(0))
      #expect(try second.ctl("cache", "save").status == 0)
      #expect(second.logLines(containing: "is saved from now on").count == 1)
      #expect(second.logLines(containing: "the cache is not saved").count == 1)
    }

    @Test func `a reload to a file that another server has is refused, and leaving one frees it`()
      throws
    {
      let path = folder.file("server.yaml")
      func write(_ file: String) throws {
        try "cache: {file: \"\(folder.file(file))\"}\n".write(
          toFile: path, atomically: false, encoding: .utf8)
      }
      try write("mine")
      var launch = ServerProcess.Launch()
      launch.hasFileFlags = false
      let other = try TemporaryFolder()
      let server = try ServerProcess(
        upstreams: [nsd.endpoint],
        flags: ["--config", path, "--control", other.file("control.sock")], folder: other,
        launch: launch)
      try write("cache.snapshot")
      let refused = try server.ctl("reload")
      #expect(refused.status == 69 && refused.errors.contains("process \(first.pid)"), "\(refused)")
      #expect(try server.ctl("cache", "save").output.contains("saved_bytes"))
      try write("yours")
      #expect(try server.ctl("reload").output == "changed: cache.file\n")
      #expect(try eventually { try server.ctl("cache", "save").status == 0 })
      // The one that was left is anybody's.
      let third = try ServerProcess(
        upstreams: [nsd.endpoint], cacheFile: folder.file("mine"))
      #expect(third.logLines(containing: "the cache is not saved").isEmpty, "\(third.log)")
      #expect(try third.ctl("cache", "save").status == 0)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to change from"))
    func `a lock that another user has is no reason for silence`() throws {
      let other = try TemporaryFolder()
      unsafe _ = chmod(other.path, 0o777)
      let file = other.file("cache.snapshot")
      #expect(FileManager.default.createFile(atPath: file + ".lock", contents: nil))
      unsafe _ = chmod(file + ".lock", 0o600)
      let server = try ServerProcess(
        upstreams: [nsd.endpoint],
        flags: ["--user", UserTests.user, "--control", other.file("control.sock")],
        folder: other, cacheFile: file)
      let said = server.logLines(containing: "the snapshot can't be locked")
      #expect(said.count == 1 && said[0].contains("Permission denied"), "\(server.log)")
      #expect(try server.ctl("cache", "save").status == 0)
    }

    @Test func `a control socket that is taken names who has it, and what else is to be named`()
      throws
    {
      let result = try Tool.run(
        ServerProcess.binary,
        [
          "run", "--config", folder.noConfiguration, "--listen", "127.0.0.1:0", "--upstream",
          "127.0.0.1:53530", "--cache-file", folder.file("other"), "--control", first.control,
        ])
      #expect(result.status == 69)
      let errors = result.errors
      #expect(
        errors.contains("process \(first.pid)") && errors.contains("--cache-file"), "\(errors)")
    }
  }
}
