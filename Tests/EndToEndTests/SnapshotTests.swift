import Foundation
import Testing

extension EndToEnd {
  @Suite("The cache on disk")
  struct SnapshotTests {
    let nsd: NSD
    let server: ServerProcess

    init() throws {
      nsd = try NSD()
      server = try ServerProcess(upstreams: [nsd.endpoint])
    }

    /// Fills the cache with names below the wildcard.
    private func fill(_ count: Int, _ server: ServerProcess) throws {
      let queries = server.folder.file("queries")
      try Dnsperf.writeQueries(count, zone: "wild.example.net", to: queries)
      let run = try Dnsperf.run(server.endpoint, queries: queries)
      try #require(run.codes == ["NOERROR": count], "\(run.output)")
    }

    /// Waits until a start has read so many names.
    private func isLoaded(_ names: Int, _ server: ServerProcess) throws -> Bool {
      try eventually(within: .seconds(20), every: .milliseconds(20)) {
        try server.stat("cache.names") >= names
      }
    }

    private func snapshot(_ server: ServerProcess) throws -> [UInt8] {
      Array(try Data(contentsOf: URL(filePath: server.cacheFile)))
    }

    /// The files beside the snapshot whose names begin with its name, but for its lock.
    private func filesBeside(_ server: ServerProcess) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: server.folder.path)
        .filter { $0.hasPrefix("cache.snapshot.") && $0 != "cache.snapshot.lock" }.sorted()
    }

    @Test(arguments: ["SIGTERM", "SIGINT", "ctl stop"])
    func `a stop and a start later the answers come from the disk`(stop: String) throws {
      let before = try server.dig("one.example.net")
      #expect(try server.dig("missing.example.net").status == "NXDOMAIN")
      #expect(try server.dig("www.example.net", "MX").authorities.count == 1)
      switch stop {
      case "SIGTERM": #expect(server.terminate(SIGTERM) == .exited(0))
      case "SIGINT": #expect(server.terminate(SIGINT) == .exited(0))
      default:
        #expect(try server.ctl("stop").status == 0)
        #expect(server.process.wait() == .exited(0))
      }
      #expect(FileManager.default.fileExists(atPath: server.cacheFile))
      #expect(try filesBeside(server).isEmpty)
      nsd.stop()

      try server.start()
      // Four names of the chain, and the two that were asked for and have not what was asked.
      #expect(try isLoaded(4, server))
      var chain = before
      #expect(
        try eventually {
          chain = try server.dig("one.example.net")
          return chain.status == "NOERROR"
        })
      #expect(chain.answers.map(\.data) == before.answers.map(\.data))
      for (old, new) in zip(before.answers, chain.answers) {
        #expect(new.ttl <= old.ttl && new.ttl > old.ttl - 120)
      }
      let missing = try server.dig("missing.example.net")
      #expect(missing.status == "NXDOMAIN")
      #expect(missing.authorities.map(\.type) == ["SOA"])
      let noData = try server.dig("www.example.net", "MX")
      #expect(noData.status == "NOERROR")
      #expect(noData.authorities.map(\.type) == ["SOA"])
      #expect(try server.ctl("cache", "names", "192.0.2.80").output.contains("www.example.net"))
      #expect(server.complaints.filter { $0.contains("snapshot") }.isEmpty)
    }

    @Test func `ranks come back as they were`() throws {
      // The name servers' addresses are known as Additional data alone.
      _ = try server.dig("example.net", "NS")
      #expect(server.terminate() == .exited(0))
      try server.start()
      #expect(try isLoaded(3, server))
      nsd.stop()
      let address = try server.ctl("cache", "show", "ns1.example.net", "A").output
      #expect(address.lowercased().contains("additional"))
      #expect(try server.dig("ns1.example.net").status == "SERVFAIL")
      #expect(try server.dig("example.net", "NS").additionals.count == 3)
    }

    @Test func `a signal and a command save while serving`() throws {
      let path = server.cacheFile
      _ = try server.dig("www.example.net")
      server.process.signal(SIGUSR1)
      #expect(eventually { FileManager.default.fileExists(atPath: path) })
      let first = try snapshot(server)
      _ = try server.dig("web.example.net")
      let result = try server.ctl("cache", "save")
      #expect(result.status == 0, "\(result.errors)")
      #expect(try eventually { try snapshot(server).count > first.count })
      #expect(try eventually { try filesBeside(server).isEmpty })
      #expect(try server.dig("www.example.net").status == "NOERROR")
      // For nobody else's eyes: it tells which names were asked for.
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue ?? 0o777
      #expect(mode & 0o007 == 0)
    }

    @Test func `the interval saves without being asked`() throws {
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--cache-save-interval", "1s"])
      _ = try server.dig("www.example.net")
      // The next one may have begun before.
      let saves = try server.stat("snapshot.saves")
      #expect(
        try eventually(every: .milliseconds(50)) { try server.stat("snapshot.saves") >= saves + 2 })
      server.kill9()
      nsd.stop()
      try server.start()
      #expect(try eventually { try server.dig("www.example.net").status == "NOERROR" })
    }

    @Test func `an expired record is not saved, nor loaded, where nothing is to be stale`() throws {
      let server = try ServerProcess(upstreams: [nsd.endpoint], flags: ["--serve-stale", "0"])
      _ = try server.dig("brief.example.net")
      _ = try server.dig("www.example.net")
      #expect(server.terminate() == .exited(0))
      nsd.stop()
      // Its two seconds pass while nothing runs.
      let deadline = Deadline(after: .seconds(3))
      _ = eventually(within: .seconds(5), every: .milliseconds(100)) { deadline.hasPassed }
      try server.start()
      #expect(try eventually { try server.dig("www.example.net").status == "NOERROR" })
      #expect(try server.dig("brief.example.net").answers.isEmpty)
      #expect(try !server.ctl("cache", "names", "192.0.2.2").output.contains("brief"))
    }

    @Test func `kill -9 at any moment of a save leaves the last whole snapshot`() throws {
      let count = 20_000
      try fill(count, server)
      #expect(try server.ctl("cache", "save").status == 0)
      #expect(eventually { FileManager.default.fileExists(atPath: server.cacheFile) })
      #expect(try eventually { try filesBeside(server).isEmpty })
      for round in 0..<8 {
        server.process.signal(SIGUSR1)
        // No condition to wait for: the moment is to be any.
        usleep(.random(in: 0...40_000))
        server.kill9()
        try server.start()
        #expect(try isLoaded(count, server), "round \(round)")
        #expect(server.complaints.filter { $0.contains("snapshot") }.isEmpty, "\(server.log)")
      }
      // What the killed saves left is cleared away, or overwritten each time.
      #expect(try filesBeside(server).count <= 1)
    }

    @Test func `a folder that can't be written is one line in the log, and nothing else`() throws {
      // A file where a folder should be: not even root can write there.
      let folder = try TemporaryFolder()
      try "".write(toFile: folder.file("file"), atomically: false, encoding: .utf8)
      let path = folder.file("file") + "/cache.snapshot"
      let server = try ServerProcess(upstreams: [nsd.endpoint], cacheFile: path)
      #expect(try server.dig("www.example.net").status == "NOERROR")
      let before = server.complaints.count
      server.process.signal(SIGUSR1)
      #expect(eventually { server.complaints.count > before })
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(server.complaints.count == before + 1, "\(server.complaints)")
      #expect(server.complaints.last?.contains(path) == true)
      let result = try server.ctl("cache", "save")
      #expect(result.status != 0)
      #expect(result.errors.contains(path))
      #expect(result.errors.split(separator: "\n").count == 1)
      #expect(try server.dig("web.example.net").status == "NOERROR")
      #expect(server.terminate() == .exited(0))
    }

    @Test(.enabled(if: geteuid() == 0, "needs a small file system of its own: run as root"))
    func `a full disk is one line in the log, and the last snapshot stays`() throws {
      let folder = try TemporaryFolder()
      let mount = try Tool.run(
        "mount", ["-t", "tmpfs", "-o", "size=256k", "none", folder.path])
      try #require(mount.status == 0, "\(mount.errors)")
      defer { _ = try? Tool.run("umount", ["--lazy", folder.path]) }
      let path = folder.file("cache.snapshot")
      let server = try ServerProcess(upstreams: [nsd.endpoint], cacheFile: path)
      _ = try server.dig("www.example.net")
      #expect(try server.ctl("cache", "save").status == 0)
      #expect(eventually { FileManager.default.fileExists(atPath: path) })
      let whole = try Data(contentsOf: URL(filePath: path))

      try fill(20_000, server)
      let before = server.complaints.count
      let result = try server.ctl("cache", "save")
      #expect(result.status != 0)
      #expect(result.errors.contains(path))
      #expect(eventually { server.complaints.count > before })
      #expect(server.complaints.count == before + 1, "\(server.complaints)")
      #expect(try Data(contentsOf: URL(filePath: path)) == whole)
      // What could not be finished does not fill the disk for ever.
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
          == ["cache.snapshot", "cache.snapshot.lock"])
      #expect(try server.dig("web.example.net").status == "NOERROR")
      #expect(server.terminate() == .exited(0))
    }

    // MARK: Damage

    /// Saves 20,000 names, stops, changes the file, and starts again without an upstream.
    private func restart(_ change: (inout [UInt8]) -> Void) throws -> (names: Int, damaged: [UInt8])
    {
      try fill(20_000, server)
      let names = try server.stat("cache.names")
      #expect(server.terminate() == .exited(0))
      var bytes = try snapshot(server)
      change(&bytes)
      try Data(bytes).write(to: URL(filePath: server.cacheFile))
      try server.start()
      return (names, bytes)
    }

    /// Checks that the damaged file was set aside under another name, with one warning.
    private func expectSetAside(_ damaged: [UInt8]) throws {
      #expect(
        try eventually {
          try filesBeside(server).contains {
            FileManager.default.contents(atPath: server.folder.file($0)) == Data(damaged)
          }
        }, "\(server.log)")
      // The line is written when the tick ends in which the file was renamed.
      #expect(
        eventually { server.complaints.filter { $0.contains("snapshot") }.count == 1 },
        "\(server.log)")
      // And the server serves.
      #expect(try server.dig("www.example.net").status == "NOERROR")
    }

    @Test(arguments: [0, 1, 7, 100, 100_000])
    func `a file of garbage is set aside`(size: Int) throws {
      #expect(server.terminate() == .exited(0))
      let garbage = (0..<size).map { _ in UInt8.random(in: 0...255) }
      try Data(garbage).write(to: URL(filePath: server.cacheFile))
      try server.start()
      try expectSetAside(garbage)
      #expect(try server.stat("cache.names") <= 10)
    }

    @Test func `of a cut file the whole part is loaded`() throws {
      let (names, damaged) = try restart { $0.removeLast($0.count * 2 / 5) }
      try expectSetAside(damaged)
      #expect(try isLoaded(names / 4, server))
      #expect(try server.stat("cache.names") < names)
    }

    @Test func `a flipped bit costs its block alone`() throws {
      let (names, damaged) = try restart { $0[$0.count / 2] ^= 0x10 }
      try expectSetAside(damaged)
      #expect(try isLoaded(names / 2, server))
      #expect(try server.stat("cache.names") < names)
    }

    @Test func `flipped bits everywhere are survived`() throws {
      let (_, damaged) = try restart { bytes in
        for position in stride(from: 0, to: bytes.count, by: 997) { bytes[position] ^= 0x41 }
      }
      try expectSetAside(damaged)
    }

    @Test func `a snapshot of an unknown version is never overwritten`() throws {
      let (_, damaged) = try restart { bytes in
        bytes[SnapshotLayout.versionOffset] = 0xfe
        bytes[SnapshotLayout.versionOffset + 1] = ~0xfe
      }
      try expectSetAside(damaged)
      #expect(server.terminate() == .exited(0))
      #expect(
        try filesBeside(server).contains {
          FileManager.default.contents(atPath: server.folder.file($0)) == Data(damaged)
        })
    }

    @Test func `a folder in the place of the file is survived`() throws {
      #expect(server.terminate() == .exited(0))
      try? FileManager.default.removeItem(atPath: server.cacheFile)
      try FileManager.default.createDirectory(
        atPath: server.cacheFile, withIntermediateDirectories: false)
      try server.start()
      #expect(try server.dig("www.example.net").status == "NOERROR")
      #expect(server.complaints.contains { $0.contains(server.cacheFile) })
    }
  }

  /// Where things are in a snapshot: a mark of eight octets, the version, and its complement.
  enum SnapshotLayout {
    static let versionOffset = 8
  }
}
