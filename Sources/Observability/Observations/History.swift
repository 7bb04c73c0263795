import Memory

/// The last hour, a sample for every ten seconds: a ring of fixed size.
public struct History: ~Copyable {
  /// Seconds that a sample stands for.
  public static let interval = 10
  /// Samples that are kept: an hour's.
  public static let capacity = 360

  /// What happened in an interval, and how things stood at its end.
  public struct Sample: Equatable, Sendable, BitwiseCopyable {
    /// Seconds since 1970 at its end.
    public var time: Int64 = 0
    /// Queries that came.
    public var queries: UInt64 = 0
    /// Those that the cache answered at once.
    public var hits: UInt64 = 0
    /// Those that had to wait for upstream.
    public var misses: UInt64 = 0
    /// Misses that were answered with stale data.
    public var stale: UInt64 = 0
    /// Queries answered with SERVFAIL.
    public var failures: UInt64 = 0
    /// Times in microseconds; nothing when there was no such query.
    public var hitMedian: UInt64?
    /// See ``hitMedian``.
    public var hitTail: UInt64?
    /// See ``hitMedian``.
    public var missMedian: UInt64?
    /// See ``hitMedian``.
    public var missTail: UInt64?
    /// Bytes that the cache holds.
    public var cacheOctets: UInt64 = 0
    /// Bytes that it may hold.
    public var limitOctets: UInt64 = 0

    /// Makes an empty sample.
    public init() {}
  }

  /// Counters that only grow, as they stand at a moment.
  public struct Totals: Sendable, BitwiseCopyable {
    /// See ``Sample/queries``.
    public var queries: UInt64 = 0
    /// See ``Sample/hits``.
    public var hits: UInt64 = 0
    /// See ``Sample/misses``.
    public var misses: UInt64 = 0
    /// See ``Sample/stale``.
    public var stale: UInt64 = 0
    /// See ``Sample/failures``.
    public var failures: UInt64 = 0

    /// Makes totals of nothing.
    public init() {}
  }

  /// Samples that there are.
  public private(set) var count = 0

  private var samples = FixedArray<Sample>(repeating: Sample(), count: History.capacity)
  /// Where the next sample goes.
  private var end = 0
  private var last = Totals()
  private var lastHits = LatencyHistogram()
  private var lastMisses = LatencyHistogram()

  /// Makes an empty history; the first sample counts from zero.
  public init() {}

  /// Ends an interval.
  ///
  /// - Parameters:
  ///   - time: seconds since 1970.
  ///   - totals: the counters as they stand now.
  ///   - hits: how long hits took, of all so far.
  ///   - misses: how long misses took, of all so far.
  ///   - octets: what the cache holds.
  ///   - limit: what it may hold.
  public mutating func record(
    time: Int64, _ totals: Totals, hits: borrowing LatencyHistogram,
    misses: borrowing LatencyHistogram, octets: UInt64, limit: UInt64
  ) {
    var sample = Sample()
    sample.time = time
    sample.queries = totals.queries &- last.queries
    sample.hits = totals.hits &- last.hits
    sample.misses = totals.misses &- last.misses
    sample.stale = totals.stale &- last.stale
    sample.failures = totals.failures &- last.failures
    sample.hitMedian = hits.quantile(History.median, since: lastHits)
    sample.hitTail = hits.quantile(History.tail, since: lastHits)
    sample.missMedian = misses.quantile(History.median, since: lastMisses)
    sample.missTail = misses.quantile(History.tail, since: lastMisses)
    sample.cacheOctets = octets
    sample.limitOctets = limit
    samples[end] = sample
    end = (end + 1) % History.capacity
    count = min(count + 1, History.capacity)
    last = totals
    lastHits.copy(hits)
    lastMisses.copy(misses)
  }

  private static let median = 0.5
  private static let tail = 0.99

  /// Visits the last samples, the oldest first.
  ///
  /// - Parameter limit: how many at most.
  public func visit(last limit: Int = History.capacity, _ body: (Sample) -> Void) {
    let shown = min(max(limit, 0), count)
    for age in stride(from: shown, to: 0, by: -1) {
      body(samples[(end - age + History.capacity) % History.capacity])
    }
  }
}
