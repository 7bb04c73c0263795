import Testing

@testable import Observability

@Suite("A table of figures")
struct FigureTableTests {
  /// What a server might have.
  private struct Source: Sendable {
    var hits: UInt64 = 3
    var isOn = true
    var saved: Int?
    var times: [UInt64] = [5, 900]
  }

  private static let table = FigureTable<Source>([
    .counter("cache.hits", "Hits") { $0.hits },
    .gauge("cache.bytes", "Memory", .bytes) { _ in 4_096 },
    Figure("cache.part.longest_us", .microseconds, "Longest", metric: .init("part_seconds", .gauge))
    {
      _ in .count(1_500_000 as Int)
    },
    Figure("snapshot.last_bytes", .bytes, "Size", metric: .init("last_bytes", .gauge)) {
      .count($0.saved)
    },
    Figure("snapshot.file", .text, "File") { _ in .text("a b") },
    .gauge("http.connections", "Connections") { $0.isOn ? 2 : nil },
    Figure(histogram: "hit_seconds", "How long hits took") { source, take in
      var histogram = LatencyHistogram()
      for time in source.times { histogram.note(time) }
      take(histogram)
    },
  ])

  private func metrics(_ source: Source) -> String {
    var text = PrometheusText(capacity: 100)
    Self.table.write([(source, .none)], to: &text)
    return String(decoding: text.octets, as: UTF8.self)
  }

  @Test func `each row with a path is in the statistics, and each with a metric in the metrics`() {
    let source = Source(saved: 7)
    let shown = Self.table.rows(of: source).map(\.path)
    #expect(shown == Self.table.figures.compactMap(\.path))
    let text = metrics(source)
    for metric in Self.table.figures.compactMap(\.metric) {
      #expect(text.contains("# TYPE dns_cache_server_\(metric.name) \(metric.kind)\n"))
    }
  }

  @Test
  func
    `statistics are objects in each other, what is unknown is null, a group that isn't there, too`()
  {
    #expect(
      Self.table.values(of: Source(isOn: false)).json == """
        {"cache":{"hits":3,"bytes":4096,"part":{"longest_us":1500000}},\
        "snapshot":{"last_bytes":null,"file":"a b"},"http":null}
        """)
    #expect(Self.table.value("cache.hits", of: Source()).json == "3")
    #expect(Self.table.value("cache.misses", of: Source()).json == "null")
  }

  @Test func `a filter is a group, or else a part of paths`() {
    func paths(_ filter: String) -> [String] {
      Self.table.rows(of: Source(), matching: filter).map(\.path)
    }
    #expect(paths("snapshot") == ["snapshot.last_bytes", "snapshot.file"])
    #expect(paths("bytes") == ["cache.bytes", "snapshot.last_bytes"])
    #expect(paths("nothing") == [])
    #expect(
      Self.table.values(of: Source(), matching: "bytes").json
        == #"{"cache":{"bytes":4096},"snapshot":{"last_bytes":null}}"#)
  }

  @Test func `Prometheus is told numbers in base units, with the place among the statistics`() {
    let text = metrics(Source(isOn: false))
    #expect(text.contains("# HELP dns_cache_server_cache_hits_total Hits (cache.hits).\n"))
    #expect(text.contains("\ndns_cache_server_cache_hits_total 3\n"))
    #expect(text.contains("\ndns_cache_server_part_seconds 1.5\n"))
    #expect(text.contains("\ndns_cache_server_hit_seconds_count 2\n"))
    // What isn't there, or not known, has no sample, and no head either.
    #expect(!text.contains("last_bytes") && !text.contains("connections"))
  }

  @Test func `samples of several sources stand together, told apart by their labels`() {
    var text = PrometheusText(capacity: 100)
    let sources = [1, 2].map { number in
      (Source(hits: UInt64(number)), PrometheusText.Labels([("upstream", "\(number)")]))
    }
    Self.table.write(sources, to: &text)
    let whole = String(decoding: text.octets, as: UTF8.self)
    #expect(
      whole.contains(
        """
        # TYPE dns_cache_server_cache_hits_total counter
        dns_cache_server_cache_hits_total{upstream="1"} 1
        dns_cache_server_cache_hits_total{upstream="2"} 2

        """))
    #expect(whole.contains(#"hit_seconds_bucket{upstream="2",le="+Inf"} 2"#))
  }
}
