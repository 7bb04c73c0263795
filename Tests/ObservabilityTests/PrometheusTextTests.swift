import Testing

@testable import Observability

@Suite("Prometheus' text format")
struct PrometheusTextTests {
  @Test func `a family has its help, its type and its samples`() {
    let queries = PrometheusText.Family("dns_queries_total", .counter, "Queries that came.")
    let size = PrometheusText.Family("dns_cache_bytes", .gauge, "Memory.")
    var text = PrometheusText(capacity: 0)
    text.begin(queries)
    text.sample(3, PrometheusText.Labels([("transport", "udp")]))
    text.sample(0, PrometheusText.Labels([("transport", "tcp")]))
    text.begin(size)
    text.sample(1_234_567_890)
    text.sample(UInt64.max)
    #expect(
      string(text) == """
        # HELP dns_queries_total Queries that came.
        # TYPE dns_queries_total counter
        dns_queries_total{transport="udp"} 3
        dns_queries_total{transport="tcp"} 0
        # HELP dns_cache_bytes Memory.
        # TYPE dns_cache_bytes gauge
        dns_cache_bytes 1234567890
        dns_cache_bytes 18446744073709551615

        """)
  }

  @Test func `backslashes, quotes and line ends are escaped`() {
    var text = PrometheusText(capacity: 0)
    text.begin(PrometheusText.Family("up", .gauge, "a \"b\" \\ c\nd"))
    text.sample(1, PrometheusText.Labels([("name", "a\"b\\c\nd"), ("other", "é")]))
    #expect(
      string(text) == """
        # HELP up a "b" \\\\ c\\nd
        # TYPE up gauge
        up{name="a\\"b\\\\c\\nd",other="é"} 1

        """)
  }

  @Test func `a histogram has cumulative buckets in seconds, its sum and its count`() {
    var histogram = LatencyHistogram()
    for time in [0, 15, 16, 3_000_000, 1 << 40] as [UInt64] { histogram.note(time) }
    var text = PrometheusText(capacity: 0)
    text.begin(PrometheusText.Family("hit_seconds", .histogram, "How long."))
    text.histogram(histogram, PrometheusText.Labels([("upstream", "192.0.2.1:53")]))
    let lines = string(text).split(separator: "\n").map(String.init)
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

  @Test func `buckets without labels have their bound alone`() {
    var text = PrometheusText(capacity: 0)
    text.begin(PrometheusText.Family("hit_seconds", .histogram, "How long."))
    text.histogram(LatencyHistogram())
    let lines = string(text).split(separator: "\n")
    #expect(lines[2] == #"hit_seconds_bucket{le="1e-06"} 0"#)
    #expect(
      lines.suffix(3) == [
        #"hit_seconds_bucket{le="+Inf"} 0"#, "hit_seconds_sum 0", "hit_seconds_count 0",
      ])
  }

  @Test(arguments: [
    (0, "0"), (1, "0.000001"), (10, "0.00001"), (999_999, "0.999999"), (1_000_000, "1"),
    (1_500_000, "1.5"), (UInt64.max, "18446744073709.551615"),
  ])
  func `times are written in seconds, exactly`(microseconds: UInt64, written: String) {
    var text = PrometheusText(capacity: 0)
    text.begin(PrometheusText.Family("longest_seconds", .gauge, "A time."))
    text.sample(microseconds: microseconds)
    #expect(string(text).hasSuffix("\nlongest_seconds \(written)\n"))
  }

  private func string(_ text: PrometheusText) -> String {
    String(decoding: text.octets, as: UTF8.self)
  }
}
