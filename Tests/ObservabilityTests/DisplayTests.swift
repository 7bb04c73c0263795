import Testing

@testable import Observability

@Suite("What ctl prints for a person")
struct DisplayTests {
  private let display = Display(columns: 80, isUnicode: true, now: 1_796_046_968)

  private func report(_ json: String) throws -> StructuredValue {
    try #require(StructuredValue(json: Array(json.utf8)))
  }

  /// As a server says it.
  private static let status = """
    {"health":"1 of 2 upstreams answer; silent: 192.0.2.2:53","resolves":true,"version":"0.1.0","pid":18018,"uptime_seconds":90061,\
    "listening":["192.168.1.1:53","[2001:db8:1234:5678:9abc:def0:1234:5678]:53","[::1]:53"],\
    "upstreams":["192.0.2.1:53","192.0.2.2:53"],\
    "cache":{"names":12345,"records":23456,"bytes":12897485,"limit_bytes":268435456},\
    "inflight":1,"snapshot":{"file":"/var/lib/dns-cache-server/cache.snapshot","saves":3,\
    "failures":1,"last_saved_unix":1796046788,"last_bytes":5242880,"loaded_records":12000,\
    "damaged_places":0,"is_loading":false,"is_saving":true},"mood":{"good":true,"bad":null}}
    """
  private static let upstreams = """
    [{"address":"192.0.2.1:53","state":"up","rtt_ms":12,"variance_ms":3,"timeout_ms":160,"inflight":0,\
    "queries":206,"replies":205,"timeouts":1,"errors":1,"refusals":0,"tcp":0,"tcp_connections":0,\
    "downs":0,"edns":"1232","cookies":"no","letter_case":"random","last_failure":null,\
    "last_failure_ms":null,"next_probe_ms":null},\
    {"address":"192.0.2.2:53","state":"down","rtt_ms":null,"variance_ms":null,"timeout_ms":400,\
    "inflight":2,"queries":10,"replies":0,"timeouts":7,"errors":0,"refusals":3,"tcp":4,\
    "tcp_connections":1,"downs":2,"edns":"off","cookies":"unknown","letter_case":"lower","ad":"ignored",\
    "last_failure":"unreachable","last_failure_ms":5222,"next_probe_ms":246,"colour":"red"}]
    """
  private static let stats = """
    {"queries":{"udp":80006,"tcp":0,"limited":7},"cache":{"bytes":23628,"limit_bytes":268435456,\
    "hits":79800,"misses":206},"latency":{"hit_p50_us":111,"hit_longest_us":5920,"miss_p50_us":null},\
    "loop":{"slices":13,"longest_us":{"sweep":2000}},\
    "snapshot":{"file":"/run/cache.snapshot","last_saved_unix":1796046788,"is_saving":false}}
    """

  @Test func `the status says first whether upstreams answer, and fits in 80 columns`() throws {
    let text = StatusText(
      status: try report(Self.status), stats: try report(Self.stats),
      upstreams: try report(Self.upstreams), display
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

  @Test func `each upstream has a paragraph`() throws {
    #expect(
      UpstreamsText(try report(Self.upstreams), display).text == """
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

  @Test func `what an upstream doesn't bear is said with when it is tried again`() throws {
    let row = """
      [{"address":"192.0.2.1:53","state":"up","rtt_ms":12,"variance_ms":3,"timeout_ms":160,"inflight":0,\
      "queries":206,"replies":205,"timeouts":1,"errors":1,"refusals":0,"tcp":190,"tcp_connections":1,\
      "downs":0,"edns":"off","cookies":"no","letter_case":"lower","ad":"ignored","transport":"tcp",\
      "without":"edns cookies letter-case large-replies udp","without_ms":540000,"last_failure":null,\
      "last_failure_ms":null,"next_probe_ms":null},\
      {"address":"192.0.2.2:53","state":"up","rtt_ms":12,"variance_ms":0,"timeout_ms":160,"inflight":0,\
      "queries":2,"replies":2,"timeouts":0,"errors":0,"refusals":0,"tcp":0,"tcp_connections":0,\
      "downs":0,"edns":"1232","cookies":"no","letter_case":"random","order":2,"transport":"udp",\
      "without":null,"without_ms":null}]
      """
    let text = UpstreamsText(try report(row), display).text
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

  @Test func `figures have their units, groups stand apart, and the loop is left out`() throws {
    let stats = try report(Self.stats)
    #expect(
      StatsText(stats, filter: nil, isWhole: false, display).text == """
        queries.udp                  80,006
        queries.tcp                       0
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
    let all = try #require(StatsText(stats, filter: nil, isWhole: true, display).text)
    #expect(all.contains("loop.slices") && all.contains(/loop\.longest_us\.sweep +2\.0 ms\n/))
  }

  @Test func `a filter is a group, or else a part of names`() throws {
    let stats = try report(Self.stats)
    func names(_ filter: String) -> [String]? {
      StatsText(stats, filter: filter, isWhole: false, display).text?.split(separator: "\n")
        .compactMap { $0.split(separator: " ").first.map(String.init) }
    }
    #expect(
      names("cache") == [
        "cache.bytes", "cache.limit_bytes", "cache.hits", "cache.misses", "cache.hit_ratio",
      ])
    #expect(names("limit") == ["queries.limited", "cache.limit_bytes"])
    #expect(names("cache.hits") == ["cache.hits"])
    #expect(names("loop") == ["loop.slices", "loop.longest_us.sweep"])
    #expect(names("nothing") == nil)
    #expect(
      StatsText.filtered(stats, by: "limit").json
        == #"{"queries":{"limited":7},"cache":{"limit_bytes":268435456}}"#)
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
