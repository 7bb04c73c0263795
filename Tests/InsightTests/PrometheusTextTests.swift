import Testing

@testable import Insight

@Suite("Prometheus' text format")
struct PrometheusTextTests {
  @Test func `a family has its help, its type and its samples`() {
    var text = PrometheusText(prefix: "dns_")
    text.family("queries_total", .counter, "Queries that came.")
    text.sample(UInt64(3), [("transport", "udp")])
    text.sample(UInt64(0), [("transport", "tcp")])
    text.family("cache_bytes", .gauge, "Memory.")
    text.sample(0.25)
    text.sample(UInt64.max)
    #expect(
      text.text == """
        # HELP dns_queries_total Queries that came.
        # TYPE dns_queries_total counter
        dns_queries_total{transport="udp"} 3
        dns_queries_total{transport="tcp"} 0
        # HELP dns_cache_bytes Memory.
        # TYPE dns_cache_bytes gauge
        dns_cache_bytes 0.25
        dns_cache_bytes 18446744073709551615

        """)
  }

  @Test func `backslashes, quotes and line ends are escaped`() {
    var text = PrometheusText(prefix: "")
    text.family("up", .gauge, "a \"b\" \\ c\nd")
    text.sample(UInt64(1), [("name", "a\"b\\c\nd"), ("other", "é")])
    #expect(
      text.text == """
        # HELP up a "b" \\\\ c\\nd
        # TYPE up gauge
        up{name="a\\"b\\\\c\\nd",other="é"} 1

        """)
  }

  @Test func `a histogram has cumulative buckets in seconds, its sum and its count`() {
    var histogram = LatencyHistogram()
    for time in [0, 15, 16, 3_000_000, 1 << 40] as [UInt64] { histogram.note(time) }
    var text = PrometheusText(prefix: "")
    text.family("hit_seconds", .histogram, "How long.")
    text.histogram(histogram, [("upstream", "192.0.2.1:53")])
    let lines = text.text.split(separator: "\n").map(String.init)
    #expect(lines[1] == "# TYPE hit_seconds histogram")
    #expect(lines[2] == #"hit_seconds_bucket{upstream="192.0.2.1:53",le="1e-06"} 1"#)
    #expect(lines.contains(#"hit_seconds_bucket{upstream="192.0.2.1:53",le="1.6e-05"} 2"#))
    #expect(lines.contains(#"hit_seconds_bucket{upstream="192.0.2.1:53",le="3.2e-05"} 3"#))
    #expect(lines.contains(#"hit_seconds_bucket{upstream="192.0.2.1:53",le="4.194304"} 4"#))
    #expect(lines.contains(#"hit_seconds_bucket{upstream="192.0.2.1:53",le="67.108864"} 4"#))
    #expect(
      lines.suffix(3) == [
        #"hit_seconds_bucket{upstream="192.0.2.1:53",le="+Inf"} 5"#,
        #"hit_seconds_sum{upstream="192.0.2.1:53"} 1099514.627807"#,
        #"hit_seconds_count{upstream="192.0.2.1:53"} 5"#,
      ])
    // One more than the powers of two, for all that is longer; cumulative, so never less.
    let counts = lines.filter { $0.contains("_bucket") }.compactMap {
      Int($0.split(separator: " ")[1])
    }
    #expect(counts.count == LatencyHistogram.last + 2)
    #expect(counts == counts.sorted())
  }

  @Test(arguments: [
    (0.0, "0"), (1.5, "1.5"), (1e-6, "1e-06"), (-2, "-2"), (.infinity, "+Inf"),
    (-.infinity, "-Inf"), (.nan, "NaN"),
  ])
  func `numbers are written as Prometheus reads them`(number: Double, written: String) {
    var text = PrometheusText(prefix: "")
    text.family("value", .gauge, "A number.")
    text.sample(number)
    #expect(text.text.hasSuffix("value \(written)\n"))
  }
}
