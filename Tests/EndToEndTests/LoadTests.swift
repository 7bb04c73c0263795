import Foundation
import Testing

extension EndToEnd {
  @Suite("Many names", .serialized)
  struct LoadTests {
    /// As many as `LOAD_NAMES` says, a million in CI; few for a debug build, which is slower.
    static let names =
      ServerProcess.isRelease
      ? Int(ProcessInfo.processInfo.environment["LOAD_NAMES"] ?? "") ?? 200_000 : 50_000
    /// MiB of a cache that some of them find no place in: 64 for a million.
    static let limit = names * 64 / 1_000_000
    /// Resident memory beside the cache: the program, its buffers, sockets and tables.
    static let documentedBase = 48 << 20

    private let folder: TemporaryFolder

    init() throws {
      folder = try TemporaryFolder()
    }

    /// NSD with a zone of all names `nN.many.example`, each with an address of its own.
    private func upstream() throws -> NSD {
      let zone = folder.file("many.example.zone")
      let program = """
        BEGIN {
          print "$ORIGIN many.example.\\n$TTL 86400"
          print "@ SOA ns hostmaster 1 7200 3600 1209600 300\\n@ NS ns\\nns A 192.0.2.53"
          for (i = 1; i <= \(Self.names); i++)
            printf "n%d A 10.%d.%d.%d\\n", i, i / 65536, i / 256 % 256, i % 256
        }
        """
      let result = try Tool.run(
        "bash", ["-c", "awk \"$PROGRAM\" >\"$ZONE\""],
        environment: ["PROGRAM": program, "ZONE": zone], timeout: .seconds(60))
      try #require(result.status == 0, "\(result.errors)")
      return try NSD(zone: ("many.example", zone))
    }

    /// The file of questions for all those names.
    private func queries() throws -> String {
      let path = folder.file("queries")
      try Dnsperf.writeQueries(Self.names, zone: "many.example", to: path)
      return path
    }

    @Test func `of 10,000 names asked again and again no query is lost`() throws {
      let nsd = try NSD()
      let server = try ServerProcess(upstreams: [nsd.endpoint])
      let path = folder.file("queries")
      try Dnsperf.writeQueries(10_000, zone: "wild.example.net", to: path)
      let cold = try Dnsperf.run(server.endpoint, queries: path)
      #expect(cold.sent == 10_000)
      #expect(cold.lost == 0, "\(cold.output)")
      #expect(cold.codes == ["NOERROR": 10_000], "\(cold.output)")
      let misses = try server.stat("cache.misses")
      let warm = try Dnsperf.run(server.endpoint, queries: path, passes: 20)
      #expect(warm.sent == 200_000)
      #expect(warm.lost == 0, "\(warm.output)")
      #expect(warm.codes == ["NOERROR": 200_000], "\(warm.output)")
      #expect(try server.stat("cache.misses") == misses)
      #expect(try server.stat("cache.hits") >= 200_000)
    }

    @Test func `many names stay within the limit and the documented base`() throws {
      let nsd = try upstream()
      let limit = Self.limit << 20
      let server = try ServerProcess(
        upstreams: [nsd.endpoint], flags: ["--cache-size", "\(Self.limit)MiB"])
      #expect(try server.stat("cache.limit_bytes") == limit)
      // A name that is used all the time stays.
      #expect(try server.ask("www.example.net")?.answers.count == 1)
      let load = try ChildProcess(
        Tool.path("dnsperf"),
        [
          "-s", "127.0.0.1", "-p", "\(server.endpoint.port)", "-d", try queries(), "-n", "1",
          "-q", "200", "-c", "4", "-T", "1", "-t", "6", "-l", "240",
        ], output: folder.file("dnsperf"))
      let deadline = Deadline(after: .seconds(250))
      var peak = 0
      while load.isRunning, !deadline.hasPassed {
        #expect(try server.ask("www.example.net")?.answers.count == 1)
        peak = max(peak, server.residentMemory)
        usleep(10_000)
      }
      let report = Tool.text(of: folder.file("dnsperf"))
      #expect(load.ending == .exited(0))
      #expect(report.contains("NOERROR \(Self.names) (100.00%)"), "\(report)")
      #expect(try server.stat("cache.bytes") <= limit)
      #expect(peak <= limit + Self.documentedBase, "\(peak >> 20) MiB resident")
      #expect(server.peakResidentMemory <= limit + Self.documentedBase)
      if ServerProcess.isRelease {
        #expect(try server.stat("cache.evictions") > 0)
        #expect(try server.stat("cache.names") > Self.names / 5)
      }
      // The name in use was asked for upstream once, and no more.
      #expect(try server.stat("cache.misses") == Self.names + 1)
    }

    @Test func `many names are saved, and found again after a restart`() throws {
      let nsd = try upstream()
      let queries = try queries()
      let server = try ServerProcess(upstreams: [nsd.endpoint], flags: ["--cache-size", "1GiB"])
      let load = try Dnsperf.run(server.endpoint, queries: queries, timeout: .seconds(240))
      try #require(load.codes == ["NOERROR": Self.names], "\(load.output)")
      let names = try server.stat("cache.names")
      #expect(names >= Self.names)
      nsd.stop()

      // Hits don't wait for a save.
      let save = try ChildProcess(
        ServerProcess.binary, ["ctl", "--control", server.control, "cache", "save"],
        errors: folder.file("save-errors"))
      var slowest = Duration.zero
      while save.isRunning {
        let stopwatch = Stopwatch(server)
        #expect(try server.ask("n1.many.example")?.answers.count == 1)
        slowest = max(slowest, stopwatch.elapsed)
      }
      #expect(save.ending == .exited(0), "\(Tool.text(of: folder.file("save-errors")))")
      #expect(slowest < .seconds(1), "slowest hit during the save: \(slowest)")
      if ServerProcess.isRelease {
        #expect(try server.areSlices(shorterThan: 16_384))
      }

      let stop = Stopwatch(server)
      #expect(server.terminate(atMost: .seconds(60)) == .exited(0))
      #expect(stop.elapsed < .seconds(30))

      // Stopped again before everything is loaded: nothing is lost by it.
      try server.start()
      #expect(server.terminate(atMost: .seconds(60)) == .exited(0))

      let start = Stopwatch(server)
      try server.start()
      #expect(start.elapsed < .seconds(3), "the first answer took \(start.elapsed)")
      #expect(
        try eventually(within: .seconds(60), every: .milliseconds(50)) {
          try server.stat("cache.names") >= names
        })
      #expect(try server.stat("cache.names") == names)
      #expect(server.complaints.filter { $0.contains("snapshot") }.isEmpty)
      let again = try Dnsperf.run(server.endpoint, queries: queries, timeout: .seconds(240))
      #expect(again.codes == ["NOERROR": Self.names], "\(again.output)")
      #expect(again.lost == 0)
      #expect(
        try server.ctl("cache", "names", "10.0.1.2").output.contains("n258.many.example"))
    }
  }
}
