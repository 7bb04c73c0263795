import Testing

@testable import Observability

@Suite("What ctl watch shows")
struct WatchTests {
  private static func poll(
    _ seconds: Double, queries: Int64 = 0, hits: Int64 = 0, sent: Int64 = 0, lost: Int64 = 0
  ) -> WatchPoll {
    WatchPoll(
      status: ["version": "0.1.0", "pid": 7, "uptime_seconds": 61],
      stats: [
        "queries": ["udp": .number(queries), "tcp": 0, "failures": 0],
        "cache": [
          "hits": .number(hits), "stale": 0, "evictions": 0, "bytes": 2_048, "limit_bytes": 4_096,
          "names": 3, "records": 4,
        ], "inflight": ["now": 1, "limit": 8_192], "tcp": ["connections": 2],
      ],
      upstreams: [
        [
          "address": "192.0.2.1:53", "state": "up", "rtt_ms": 12, "inflight": 1,
          "queries": .number(sent), "timeouts": .number(lost),
        ]
      ], time: UInt64(seconds * 1_000_000))
  }

  private static let history: StructuredValue = [
    "interval_seconds": 10,
    "samples": [
      [
        "queries": 50, "hit_p50_us": 120, "hit_p99_us": 900, "miss_p50_us": nil,
        "miss_p99_us": nil,
      ]
    ],
  ]

  private func screen(
    _ columns: Int, _ rows: Int, since earlier: WatchPoll? = Self.poll(10)
  ) -> [String] {
    let now = Self.poll(12, queries: 2_000, hits: 1_500, sent: 40, lost: 10)
    return WatchScreen(Display(columns: columns, rows: rows, now: 0))
      .lines(WatchFigures(now, since: earlier, history: Self.history))
  }

  @Test func `rates are those since an earlier moment`() {
    let screen = screen(80, 24)
    #expect(
      screen[0] == "dns-cache-server 0.1.0" + String(repeating: " ", count: 43) + "pid 7, up 1m 1s")
    #expect(screen.contains("queries    1,000/s   hits 75.0%   stale 0.0%   failures 0.0%"))
    #expect(screen.contains("latency    hits p50 120 us, p99 900 us   misses p50 -, p99 -"))
    #expect(screen.contains { $0.contains(/192\.0\.2\.1:53 +up +12 ms +20 +25\.0% +1$/) })
  }

  @Test func `without an earlier moment there are no rates`() {
    #expect(
      screen(80, 24, since: nil).contains("queries    -/s   hits -   stale -   failures -"))
  }

  @Test func `lines fit into the screen, and what is wrong stands below the heading`() {
    for (columns, rows) in [(80, 24), (40, 24), (20, 5), (1, 1)] {
      let screen = screen(columns, rows)
      #expect(screen.count <= rows && screen.allSatisfy { $0.count <= columns })
    }
    let small = WatchScreen(Display(columns: 20, rows: 4, now: 0))
    #expect(
      small.fitted(["heading", "", "a line that was laid out for more", "b"], notice: "gone")
        == ["heading", "gone", "", "a line that was lai~"])
  }

  @Test func `rates are made of half a second at least, whoever else watches`() {
    var memory = WatchMemory()
    func earlier(_ seconds: Double) -> Double? {
      memory.earlier(than: Self.poll(seconds)).map { Double($0.time) / 1_000_000 }
    }
    #expect(earlier(100) == nil)
    #expect(earlier(101) == 100)
    #expect(earlier(101.1) == 100)
    #expect(earlier(101.9) == 101)
    #expect(earlier(102) == 101)
    // Nobody has watched for a while: what has happened since is no rate of now.
    #expect(earlier(120) == nil)
    #expect(earlier(121) == 120)
  }
}
