import Foundation
import Testing

extension EndToEnd {
  @Suite("The snapshot and a disk that is slow, or a file that must not be lost")
  struct DurabilityTests {
    static let script: ScriptedUpstream.Script = { query in
      [.reply(.reply(to: query.message, answers: [.a(query.name, "192.0.2.1")]))]
    }

    let upstream: ScriptedUpstream
    let folder: TemporaryFolder

    init() throws {
      upstream = try ScriptedUpstream(Self.script)
      folder = try TemporaryFolder()
    }

    @Test func `a hit does not wait for the disk`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder,
        launch: .slowDisk(seconds: 2, in: folder))
      _ = try server.ask("www.example.net")
      server.process.signal(SIGUSR1)
      let stopwatch = Stopwatch()
      var slowest = Duration.zero
      repeat {
        let hit = Stopwatch(server)
        #expect(try server.ask("www.example.net")?.answers.count == 1)
        slowest = max(slowest, hit.elapsed)
      } while server.logLines(containing: "cache saved").isEmpty && stopwatch.elapsed < .seconds(30)
      #expect(slowest < .seconds(1), "\(slowest)")
      #expect(server.logLines(containing: "cache saved").count == 1, "\(server.log)")
      #expect(try server.stat("loop.longest_slice_us") < 2_000_000)
      // At the end there is nobody left to hold up: it waits.
      #expect(server.terminate() == .exited(0))
      #expect(FileManager.default.fileExists(atPath: server.cacheFile))
    }

    @Test func `where the kernel can't sync beside the loop, a save waits and is good`() throws {
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder, launch: .withoutAIO(in: folder))
      for index in 0..<50 { _ = try server.ask(DNSName("name\(index).example.net")) }
      for _ in 0..<2 {
        let result = try server.ctl("cache", "save")
        #expect(result.status == 0, "\(result.errors)")
      }
      #expect(try server.stat("snapshot.saves") == 2)
      #expect(server.terminate() == .exited(0))
      try server.start()
      #expect(try eventually { try server.stat("cache.names") == 50 })
      #expect(server.complaints.filter { $0.contains("snapshot") }.isEmpty, "\(server.log)")
    }

    @Test func `a folder that can't be synced does not undo the save`() throws {
      let cache = folder.file("cache")
      try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: false)
      let launch = try ServerProcess.Launch.unprivileged(in: folder)
      if geteuid() == 0 { unsafe _ = chown(cache, 65_534, 65_534) }
      // Files can be made and renamed in it; but it can't be opened, and so not be synced.
      #expect(unsafe chmod(cache, 0o300) == 0)
      defer { _ = unsafe chmod(cache, 0o700) }
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder, cacheFile: "\(cache)/cache.snapshot",
        launch: launch)
      _ = try server.ask("www.example.net")
      let result = try server.ctl("cache", "save")
      #expect(result.status == 0, "\(result.errors)")
      #expect(server.logLines(containing: "the cache is not saved").isEmpty, "\(server.log)")
      #expect(server.logLines(containing: "the cache is saved, but").count == 1, "\(server.log)")
      #expect(try server.stat("snapshot.saves") == 1)
      #expect(try server.stat("snapshot.failures") == 0)
    }

    @Test func `a snapshot that can't be opened is set aside, not overwritten`() throws {
      let launch = try ServerProcess.Launch.unprivileged(in: folder)
      let old = folder.file("cache.snapshot")
      try Data([1, 2, 3]).write(to: URL(filePath: old))
      // Whoever runs the server may rename it, but not read it.
      #expect(unsafe chmod(old, 0) == 0)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder, launch: launch)
      let complaints = server.logLines(containing: "can't be read")
      #expect(complaints.count == 1, "\(server.log)")
      _ = try server.ask("www.example.net")
      #expect(server.terminate() == .exited(0))
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      let aside = try #require(names.first { $0.hasSuffix(".damaged") })
      #expect(complaints.first?.contains(aside) == true)
      #expect(unsafe chmod(folder.file(aside), 0o600) == 0)
      #expect(FileManager.default.contents(atPath: folder.file(aside)) == Data([1, 2, 3]))
      #expect((FileManager.default.contents(atPath: old)?.count ?? 0) > 3)
    }

    @Test func `what is not a file is never replaced by a snapshot`() throws {
      // Stands for /dev/null, which root could replace.
      let pipe = folder.file("pipe")
      #expect(unsafe mkfifo(pipe, 0o600) == 0)
      let server = try ServerProcess(
        upstreams: [upstream.endpoint], folder: folder, cacheFile: pipe)
      #expect(server.logLines(containing: "not a regular file").count == 1, "\(server.log)")
      let result = try server.ctl("cache", "save")
      #expect(result.status != 0)
      #expect(result.errors.contains(pipe))
      #expect(server.terminate() == .exited(0))
      var status = stat()
      #expect(unsafe lstat(pipe, &status) == 0)
      #expect(status.st_mode & S_IFMT == S_IFIFO)
    }
  }
}
