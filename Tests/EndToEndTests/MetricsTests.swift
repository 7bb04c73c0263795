import Foundation
import Testing

extension EndToEnd {
  @Suite("What Prometheus is told")
  struct MetricsTests {
    let nsd: NSD
    let silent: ScriptedUpstream
    let server: ServerProcess

    init() throws {
      nsd = try NSD()
      silent = try ScriptedUpstream(SilentUpstreamTests.silent)
      server = try ServerProcess(
        upstreams: [nsd.endpoint, silent.endpoint],
        flags: ["--http", "127.0.0.1:\(try FreePort.next())"])
      for name in ["www.example.net", "www.example.net", "missing.example.net"] {
        _ = try server.ask(DNSName(name))
      }
      _ = try server.dig("web.example.net", "+tcp")
    }

    private func metrics() throws -> String {
      let page = try ControlPage("/metrics", of: server)
      #expect(page.status == 200)
      #expect(page.contentType == "text/plain; version=0.0.4; charset=utf-8")
      return page.body
    }

    /// The value of a sample, named with its labels.
    private func value(_ sample: String, in text: String) throws -> Double {
      let line = try #require(
        text.split(separator: "\n").first { $0.hasPrefix("dns_cache_server_\(sample) ") },
        "\(sample)")
      return try #require(Double(line.split(separator: " ").last ?? ""))
    }

    @Test func `promtool finds nothing to complain about`() throws {
      let folder = try TemporaryFolder()
      try metrics().write(toFile: folder.file("metrics"), atomically: true, encoding: .utf8)
      let promtool = try Tool.path("promtool")
      let result = try Tool.run(
        "/bin/sh", ["-c", "'\(promtool)' check metrics <'\(folder.file("metrics"))'"])
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      #expect(result.output.isEmpty && result.errors.isEmpty, "\(result.output)\(result.errors)")
    }

    @Test func `every number of the statistics is among them, with help that names it`() throws {
      let text = try metrics()
      var paths: [String] = []
      func visit(_ value: Any, _ path: String) {
        if let members = value as? [String: Any] {
          for (name, value) in members { visit(value, path.isEmpty ? name : "\(path).\(name)") }
        } else if value is NSNumber {
          paths.append(path)
        }
      }
      visit(try server.ctlJSON("stats"), "")
      #expect(paths.count > 100)
      // "… (cache.hits, cache.misses)."
      var helped: Set<Substring> = []
      for line in text.split(separator: "\n") where line.hasPrefix("# HELP") {
        guard let list = line.split(separator: "(").last?.split(separator: ")").first else {
          continue
        }
        for path in list.split(separator: ",") { helped.insert(path.trimmingPrefix(" ")) }
      }
      for path in paths where !path.hasPrefix("loop.") && !path.hasPrefix("latency.") {
        #expect(helped.contains(path[...]), "\(path) has no metric")
      }
      // Times are histograms.
      for name in [
        "hit", "miss", "upstream_reply", "loop_slice", "loop_slice_processor", "loop_replies",
      ] {
        #expect(text.contains("# TYPE dns_cache_server_\(name)_seconds histogram\n"), "\(name)")
      }
    }

    @Test func `the numbers are those of the statistics`() throws {
      let text = try metrics()
      #expect(try value("cache_hits_total", in: text) == 1)
      #expect(try value("cache_misses_total", in: text) == 3)
      #expect(try value("queries_total{transport=\"tcp\"}", in: text) == 1)
      #expect(try value("hit_seconds_count", in: text) == 1)
      #expect(try value("hit_seconds_bucket{le=\"+Inf\"}", in: text) == 1)
      #expect(try value("hit_seconds_bucket{le=\"67.108864\"}", in: text) == 1)
      let hitTime = try value("hit_seconds_sum", in: text)
      #expect(hitTime > 0 && hitTime < 1)
      #expect(try value("miss_seconds_count", in: text) == 3)
      let missTime = try value("miss_seconds_sum", in: text)
      #expect(missTime > 0 && missTime < 15)
      #expect(try value("cache_limit_bytes", in: text) == Double(256 << 20))
      #expect(try value("resident_memory_bytes", in: text) > 1e6)
      #expect(try value("in_flight_questions", in: text) >= 0)
      let started = try value("start_time_seconds", in: text)
      #expect(abs(started - Date().timeIntervalSince1970) < 60)

      let good = "{upstream=\"\(nsd.endpoint)\"}"
      #expect(try value("upstream_up\(good)", in: text) == 1)
      let replies = try value("upstream_reply_seconds_count\(good)", in: text)
      #expect(try replies == value("upstream_replies_total\(good)", in: text))
      #expect(replies >= 1)
      let replyTime = try value("upstream_reply_seconds_sum\(good)", in: text)
      #expect(replyTime > 0 && replyTime < 5)
      #expect(
        try value("upstream_reply_seconds_count{upstream=\"\(silent.endpoint)\"}", in: text) == 0)
    }

    /// By processor time: by the clock, the machine's other work counts, too.
    @Test(.enabled(if: ServerProcess.isRelease, "only the release binary has a speed"))
    func `a scrape holds the loop for less than a millisecond, with all upstreams there may be`()
      throws
    {
      let server = try ServerProcess(
        upstreams: (1...32).map { Endpoint("127.0.1.\($0)", silent.endpoint.port) })
      for _ in 0..<50 {
        #expect(try ControlPage("/metrics", of: server).body.contains("127.0.1.32:"))
      }
      let stats = try server.ctlJSON("stats") as? [String: Any]
      let loop = stats?["loop"] as? [String: Any]
      let times = try #require(loop?["slice_cpu_us"] as? [String: NSNumber])
      let short = (4...10).reduce(0) { $0 + (times["below_\(1 << $1)"]?.intValue ?? 0) }
      #expect(short >= 48)
      // One may be interrupted by the kernel's own work.
      #expect(times.values.reduce(0) { $0 + $1.intValue } - short <= 2, "\(times)")
    }

    /// By processor time, as above.
    @Test(.enabled(if: ServerProcess.isRelease, "only the release binary has a speed"))
    func `the first request for figures holds the loop for less than a millisecond, too`() throws {
      let server = try ServerProcess(upstreams: [silent.endpoint])
      _ = try server.ctlJSON("stats")
      #expect(try server.stat("loop.longest_cpu_us.control") < 1_000)
    }

    @Test func `only GET is let through`() throws {
      #expect(try ControlPage("/metrics", of: server, method: "POST").status == 405)
    }
  }
}
