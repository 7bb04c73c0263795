/// What a server has of itself at a moment, as far as it is watched.
package struct WatchPoll {
  package let status: StructuredValue
  package let stats: StructuredValue
  package let upstreams: StructuredValue
  /// When, in microseconds on a clock that never goes back.
  package let time: UInt64

  package init(
    status: StructuredValue, stats: StructuredValue, upstreams: StructuredValue, time: UInt64
  ) {
    self.status = status
    self.stats = stats
    self.upstreams = upstreams
    self.time = time
  }
}

/// The polls that rates are counted from.
///
/// All who watch share them: each sees what happened in about the last second.
package struct WatchMemory {
  private var last: WatchPoll?
  private var previous: WatchPoll?

  /// Microseconds that a rate is made of at least.
  private static let least: UInt64 = 500_000
  /// Microseconds after which what has happened since is no rate of now.
  private static let most: UInt64 = 5_000_000

  package init() {}

  /// The poll that a rate is counted from, if there is one; the new one is kept for those that come.
  package mutating func earlier(than poll: WatchPoll) -> WatchPoll? {
    if last.map({ poll.time &- $0.time >= WatchMemory.least }) ?? true {
      previous = last
      last = poll
    }
    guard let previous, poll.time &- previous.time <= WatchMemory.most else { return nil }
    return previous
  }
}

/// What `ctl watch` shows: what happened between two polls, and how things stand.
package struct WatchFigures {
  /// Figures by the second; nothing after the first poll.
  struct Rates {
    let queries: Double
    let evictions: Double
    /// Parts of all queries; nothing when there were none.
    let hits: Double?
    let stale: Double?
    let failures: Double?
  }

  /// An upstream's row.
  struct Upstream {
    let address: String
    let state: String
    /// Milliseconds.
    let roundTrip: Int64?
    let inFlight: Int64
    /// Packets a second; nothing after the first poll.
    let queries: Double?
    /// Parts of the packets sent.
    let timeouts: Double?
  }

  let version: String
  let pid: Int64
  /// Seconds since its start.
  let uptime: Int64
  let rates: Rates?
  /// Times of the last ten seconds in microseconds, p50 and p99 of hits and misses.
  let hitTimes: (median: Int64?, tail: Int64?)
  let missTimes: (median: Int64?, tail: Int64?)
  /// Queries a second, an element for each ten seconds, the oldest first.
  let past: [Double]
  let cacheOctets: Int64
  let limitOctets: Int64
  let names: Int64
  let records: Int64
  let inFlight: Int64
  let inFlightLimit: Int64
  let streams: Int64
  let upstreams: [Upstream]

  /// Makes the figures of a poll.
  ///
  /// - Parameters:
  ///   - earlier: what rates are counted from.
  ///   - history: the last samples of the last hour.
  package init(_ poll: WatchPoll, since earlier: WatchPoll?, history: StructuredValue) {
    let stats = poll.stats
    func now(_ path: String) -> Int64 { stats.number(path) ?? 0 }
    version = poll.status["version"]?.string ?? "?"
    pid = poll.status.number("pid") ?? 0
    uptime = poll.status.number("uptime_seconds") ?? 0
    let seconds = earlier.map { Double(poll.time - $0.time) / 1_000_000 } ?? 0
    func change(_ path: String) -> Double {
      Double(max(0, now(path) - (earlier?.stats.number(path) ?? 0)))
    }
    if seconds > 0 {
      let queries = change("queries.udp") + change("queries.tcp")
      func share(_ path: String) -> Double? {
        queries > 0 ? min(1, change(path) / queries) : nil
      }
      rates = Rates(
        queries: queries / seconds, evictions: change("cache.evictions") / seconds,
        hits: share("cache.hits"), stale: share("cache.stale"), failures: share("queries.failures"))
    } else {
      rates = nil
    }
    let samples = history["samples"]?.elements ?? []
    let interval = Double(max(1, history.number("interval_seconds") ?? 1))
    past = samples.map { Double($0.number("queries") ?? 0) / interval }
    hitTimes = (samples.last?.number("hit_p50_us"), samples.last?.number("hit_p99_us"))
    missTimes = (samples.last?.number("miss_p50_us"), samples.last?.number("miss_p99_us"))
    cacheOctets = now("cache.bytes")
    limitOctets = now("cache.limit_bytes")
    names = now("cache.names")
    records = now("cache.records")
    inFlight = now("inflight.now")
    inFlightLimit = now("inflight.limit")
    streams = now("tcp.connections")
    upstreams = poll.upstreams.elements.map { row in
      let address = row["address"]?.string ?? "?"
      let before = earlier?.upstreams.elements.first { $0["address"]?.string == address }
      func change(_ name: String) -> Double {
        Double(max(0, (row.number(name) ?? 0) - (before?.number(name) ?? 0)))
      }
      let sent = change("queries")
      return Upstream(
        address: address, state: row["state"]?.string ?? "?", roundTrip: row.number("rtt_ms"),
        inFlight: row.number("inflight") ?? 0, queries: seconds > 0 ? sent / seconds : nil,
        timeouts: seconds > 0 && sent > 0 ? min(1, change("timeouts") / sent) : nil)
    }
  }

  /// The same facts for a line of a file.
  ///
  /// - Parameter now: seconds since 1970.
  package func report(now: Int64) -> StructuredValue {
    func number(_ value: Int64?) -> StructuredValue { value.map { .number($0) } ?? .null }
    func rounded(_ value: Double?) -> StructuredValue {
      value.map { .number(Int64($0.rounded())) } ?? .null
    }
    func perMille(_ value: Double?) -> StructuredValue { rounded(value.map { $0 * 1_000 }) }
    return .object([
      ("time", .number(now)), ("queries_per_second", rounded(rates?.queries)),
      ("hits_per_mille", perMille(rates?.hits)), ("stale_per_mille", perMille(rates?.stale)),
      ("failures_per_mille", perMille(rates?.failures)),
      ("hit_p50_us", number(hitTimes.median)), ("hit_p99_us", number(hitTimes.tail)),
      ("miss_p50_us", number(missTimes.median)), ("miss_p99_us", number(missTimes.tail)),
      ("cache_bytes", .number(cacheOctets)), ("limit_bytes", .number(limitOctets)),
      ("inflight", .number(inFlight)),
      ("upstreams_up", .count(upstreams.count { $0.state == "up" })),
      ("upstreams", .count(upstreams.count)),
    ])
  }
}

extension WatchFigures {
  /// Samples of the history that are asked for: what fits across a screen.
  package static let samples = 200

  /// The facts as `name=value`.
  package static func line(_ report: StructuredValue) -> String {
    report.members.map { "\($0.name)=\($0.value.text.dropLast())" }.joined(separator: " ") + "\n"
  }
}
