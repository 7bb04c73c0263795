import Testing

@testable import Observability

@Suite("What ctl prints for a person")
struct DisplayTests {
  private let display = Display(columns: 80, isUnicode: true, now: 1_796_046_968)

  /// As a server says it.
  private static let status: StructuredValue = [
    "health": "1 of 2 upstreams answer; silent: 192.0.2.2:53", "resolves": true,
    "version": "0.1.0", "pid": 18018, "uptime_seconds": 90061,
    "listening": [
      "192.168.1.1:53",
      "[2001:db8:1234:5678:9abc:def0:1234:5678]:53", "[::1]:53",
    ],
    "upstreams": [
      "192.0.2.1:53",
      "192.0.2.2:53",
    ],
    "cache": [
      "names": 12345, "records": 23456, "bytes": 12897485,
      "limit_bytes": 268435456,
    ], "inflight": 1,
    "snapshot": [
      "file": "/var/lib/dns-cache-server/cache.snapshot", "saves": 3, "failures": 1,
      "last_saved_unix": 1796046788, "last_bytes": 5242880, "loaded_records": 12000,
      "damaged_places": 0, "is_loading": false, "is_saving": true,
    ],
    "mood": [
      "good": true,
      "bad": nil,
    ],
  ]
  private static let upstreams: StructuredValue = [
    [
      "address": "192.0.2.1:53", "state": "up", "rtt_ms": 12, "variance_ms": 3, "timeout_ms": 160,
      "inflight": 0, "queries": 206, "replies": 205, "timeouts": 1, "errors": 1, "refusals": 0,
      "tcp": 0, "tcp_connections": 0, "downs": 0, "edns": "1232", "cookies": "no",
      "letter_case": "random", "last_failure": nil, "last_failure_ms": nil,
      "next_probe_ms": nil,
    ],
    [
      "address": "192.0.2.2:53", "state": "down", "rtt_ms": nil,
      "variance_ms": nil, "timeout_ms": 400, "inflight": 2, "queries": 10, "replies": 0,
      "timeouts": 7, "errors": 0, "refusals": 3, "tcp": 4, "tcp_connections": 1, "downs": 2,
      "edns": "off", "cookies": "unknown", "letter_case": "lower", "ad": "ignored",
      "last_failure": "unreachable", "last_failure_ms": 5222, "next_probe_ms": 246,
      "colour": "red",
    ],
  ]
  private static let stats: StructuredValue = [
    "queries": ["udp": 80006, "tcp": 0, "limited": 7], "cache": ["hits": 79800, "misses": 206],
  ]

  private static let table = FigureTable<Void>([
    figure("queries.udp", 80006), figure("queries.limited", 7),
    figure("cache.bytes", 23628, .bytes),
    figure("cache.limit_bytes", 268_435_456, .bytes), figure("cache.hits", 79800),
    figure("cache.misses", 206), figure("latency.hit_p50_us", 111, .microseconds),
    figure("latency.hit_longest_us", 5920, .microseconds),
    figure("latency.miss_p50_us", nil, .microseconds), figure("loop.slices", 13),
    figure("loop.longest_us.sweep", 2000, .microseconds),
    figure("snapshot.file", "/run/cache.snapshot", .text),
    figure("snapshot.last_saved_unix", 1_796_046_788, .moment),
    figure("snapshot.is_saving", false, .flag),
  ])

  private static func figure(
    _ path: String, _ value: StructuredValue, _ unit: FigureUnit = .count
  ) -> Figure<Void> {
    Figure(path, unit, "") { _ in value }
  }

  private func text(_ scope: StatsText.Scope) -> String {
    let filter = if case .matching(let word) = scope { word } else { nil as String? }
    let rows = Self.table.rows(of: (), matching: filter)
    return StatsText(rows, scope, share: "99.7%", display).text
  }

  @Test func `the status says first whether upstreams answer, and fits in 80 columns`() {
    let text = StatusText(
      status: Self.status, stats: Self.stats,
      upstreams: Self.upstreams, display
    ).text
    #expect(
      text == """
        health      1 of 2 upstreams answer; silent: 192.0.2.2:53
        server      dns-cache-server 0.1.0, pid 18018, up 1d 1h
        upstreams   192.0.2.1:53 up (12 ms), 192.0.2.2:53 down
        listening   192.168.1.1:53, [2001:db8:1234:5678:9abc:def0:1234:5678]:53,
                    [::1]:53
        queries     80,006, 99.7% from the cache, 0.3% asked upstream, no failures
        cache       12 MiB of 256 MiB, 12,345 names, 23,456 records
        in flight   1 question
        snapshot    saved 3 min ago, 5.0 MiB, being saved,
                    12,000 records loaded at the start, 1 failed save,
                    /var/lib/dns-cache-server/cache.snapshot
        mood        good  yes; bad   -

        """)
  }

  @Test func `each upstream has a paragraph`() {
    #expect(
      UpstreamsText(Self.upstreams, display).text == """
        192.0.2.1:53 up, answers in 12 ms (± 3)
            206 queries, 205 replies, 1 timeout (0.5%), 1 error, 0 in flight
            asked again after 160 ms, EDNS 1232, cookies no, random letter case

        192.0.2.2:53 down, not timed yet, failed 5 s ago: unreachable,
            probed again in 246 ms, 2 times down
            10 queries, no replies, 7 timeouts (70.0%), no errors,
            3 refusals by the network, 2 in flight, 4 over TCP, 1 connection open
            asked again after 400 ms, no EDNS, cookies unknown, lower letter case,
            AD ignored, colour red

        """)
    #expect(UpstreamsText(.list([]), display).text == "no upstreams\n")
  }

  @Test func `what an upstream doesn't bear is said with when it is tried again`() {
    let row: StructuredValue = [
      [
        "address": "192.0.2.1:53", "state": "up", "rtt_ms": 12, "variance_ms": 3,
        "timeout_ms": 160, "inflight": 0, "queries": 206, "replies": 205, "timeouts": 1,
        "errors": 1, "refusals": 0, "tcp": 190, "tcp_connections": 1, "downs": 0, "edns": "off",
        "cookies": "no", "letter_case": "lower", "ad": "ignored", "transport": "tcp",
        "without": "edns cookies letter-case large-replies udp", "without_ms": 540000,
        "last_failure": nil, "last_failure_ms": nil,
        "next_probe_ms": nil,
      ],
      [
        "address": "192.0.2.2:53", "state": "up", "rtt_ms": 12,
        "variance_ms": 0, "timeout_ms": 160, "inflight": 0, "queries": 2, "replies": 2,
        "timeouts": 0, "errors": 0, "refusals": 0, "tcp": 0, "tcp_connections": 0, "downs": 0,
        "edns": "1232", "cookies": "no", "letter_case": "random", "order": 2, "transport": "udp",
        "without": nil, "without_ms": nil,
      ],
    ]
    let text = UpstreamsText(row, display).text
    #expect(
      text == """
        192.0.2.1:53 up, answers in 12 ms (± 3)
            206 queries, 205 replies, 1 timeout (0.5%), 1 error, 0 in flight,
            190 over TCP, 1 connection open
            asked over TCP, again after 160 ms, no EDNS, cookies no, lower letter case,
            AD ignored
            does not bear EDNS, cookies, letter case, large replies, UDP,
            tried again in 9 min

        192.0.2.2:53 up, answers in 12 ms
            2 queries, 2 replies, no timeouts, no errors, 0 in flight
            asked over UDP, again after 160 ms, EDNS 1232, cookies no,
            random letter case, order 2

        """)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test func `figures have their units, groups stand apart, and the loop is left out`() {
    #expect(
      text(.usual) == """
        queries.udp                  80,006
        queries.limited                   7

        cache.bytes                  23 KiB
        cache.limit_bytes           256 MiB
        cache.hits                   79,800
        cache.misses                    206
        cache.hit_ratio               99.7%

        latency.hit_p50_us           111 µs
        latency.hit_longest_us       5.9 ms
        latency.miss_p50_us               -

        snapshot.file             /run/cache.snapshot
        snapshot.last_saved_unix  3 min ago
        snapshot.is_saving               no

        """)
    let all = text(.all)
    #expect(all.contains("loop.slices") && all.contains(/loop\.longest_us\.sweep +2\.0 ms\n/))
  }

  @Test func `where figures are named, those are shown, with the share of hits if it is meant`() {
    func names(_ word: String) -> [String] {
      text(.matching(word)).split(separator: "\n")
        .compactMap { $0.split(separator: " ").first.map(String.init) }
    }
    #expect(
      names("cache") == [
        "cache.bytes", "cache.limit_bytes", "cache.hits", "cache.misses", "cache.hit_ratio",
      ])
    #expect(names("limit") == ["queries.limited", "cache.limit_bytes"])
    #expect(names("cache.hits") == ["cache.hits"])
    #expect(names("loop") == ["loop.slices", "loop.longest_us.sweep"])
  }

  @Test func `long lines are broken between words, below their beginning`() {
    var narrow = display
    narrow.columns = 20
    #expect(
      narrow.wrapped("short\n\n  a line that is longer than twenty\n") == """
        short

          a line that is
            longer than
            twenty

        """)
  }
}
