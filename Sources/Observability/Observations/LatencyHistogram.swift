import Memory

/// How often something took how long, in microseconds, in buckets of fixed bounds on a logarithmic scale.
///
/// Up to ``finest`` each microsecond has a bucket of its own, above that each power of two is cut into
/// eight: a quantile is at most an eighth too high, whatever its size. Noting a time takes a few
/// instructions and no memory.
public struct LatencyHistogram: ~Copyable {
  /// How many were noted.
  public private(set) var count: UInt64 = 0
  /// The sum of all, in microseconds.
  public private(set) var sum: UInt64 = 0
  /// The longest of all, in microseconds.
  public private(set) var longest: UInt64 = 0

  private var buckets = FixedArray<UInt64>(repeating: 0, count: LatencyHistogram.bucketCount)

  /// The power of two of buckets that a power of two of microseconds is cut into.
  private static let cut = 3
  /// Microseconds below which each has a bucket of its own.
  public static let finest: UInt64 = 1 << UInt64(cut)
  /// The power of two of microseconds from which on all is one bucket: 67 s, longer than anything that is
  /// waited for.
  public static let last = 26
  private static let bucketCount = (last - cut + 1) << cut + 1

  /// Makes an empty one.
  public init() {}

  /// Notes a time, perhaps several times at once.
  @inline(__always)
  public mutating func note(_ microseconds: UInt64, times: UInt64 = 1) {
    buckets[LatencyHistogram.bucket(of: microseconds)] &+= times
    count &+= times
    sum &+= microseconds &* times
    if times > 0 && microseconds > longest { longest = microseconds }
  }

  @inline(__always)
  private static func bucket(of microseconds: UInt64) -> Int {
    guard microseconds >= finest else { return Int(microseconds) }
    let magnitude = UInt64.bitWidth - 1 - microseconds.leadingZeroBitCount
    guard magnitude < last else { return bucketCount - 1 }
    let part = Int(truncatingIfNeeded: microseconds >> UInt64(magnitude - cut)) & (1 << cut - 1)
    return (magnitude - cut + 1) << cut + part
  }

  /// The least number of microseconds that belongs to a bucket.
  private static func start(of bucket: Int) -> UInt64 {
    guard bucket >= 1 << cut else { return UInt64(bucket) }
    let magnitude = bucket >> cut + cut - 1
    return UInt64(1 << cut + bucket & (1 << cut - 1)) << UInt64(magnitude - cut)
  }

  // MARK: Reading

  /// The time in microseconds that this share of all was not longer than; nothing when there were none.
  ///
  /// It is the upper bound of a bucket: at most an eighth too high.
  public func quantile(_ share: Double) -> UInt64? {
    quantile(share, of: count, longest: longest) { buckets[$0] }
  }

  /// The same for what was noted since another histogram was a copy of this one.
  public func quantile(_ share: Double, since earlier: borrowing LatencyHistogram) -> UInt64? {
    quantile(share, of: count &- earlier.count, longest: longest) {
      buckets[$0] &- earlier.buckets[$0]
    }
  }

  private func quantile(
    _ share: Double, of total: UInt64, longest: UInt64, _ value: (Int) -> UInt64
  ) -> UInt64? {
    guard total > 0 else { return nil }
    let wanted = share * Double(total)
    var seen: UInt64 = 0
    for bucket in 0..<LatencyHistogram.bucketCount - 1 {
      seen += value(bucket)
      if seen > 0, Double(seen) >= wanted {
        return min(LatencyHistogram.start(of: bucket + 1) - 1, longest)
      }
    }
    return longest
  }

  /// How many took less than a power of two of microseconds; all of them from ``last`` on.
  public func countBelow(magnitude: Int) -> UInt64 {
    var seen: UInt64 = 0
    for bucket in 0..<LatencyHistogram.bucketCount - 1
    where LatencyHistogram.start(of: bucket) < 1 << UInt64(min(magnitude, LatencyHistogram.last)) {
      seen += buckets[bucket]
    }
    return magnitude > LatencyHistogram.last ? count : seen
  }

  /// Visits the powers of two of microseconds up to ``last``, each with how many took less.
  public func visitCounts(_ body: (_ magnitude: Int, _ below: UInt64) -> Void) {
    var seen: UInt64 = 0
    var bucket = 0
    for magnitude in 0...LatencyHistogram.last {
      while bucket < LatencyHistogram.bucketCount - 1,
        LatencyHistogram.start(of: bucket) < 1 << UInt64(magnitude)
      {
        seen += buckets[bucket]
        bucket += 1
      }
      body(magnitude, seen)
    }
  }

  // MARK: Changing

  /// Becomes a copy of another.
  public mutating func copy(_ other: borrowing LatencyHistogram) {
    count = other.count
    sum = other.sum
    longest = other.longest
    for bucket in 0..<LatencyHistogram.bucketCount { buckets[bucket] = other.buckets[bucket] }
  }

  /// Forgets all.
  public mutating func removeAll() {
    count = 0
    sum = 0
    longest = 0
    for bucket in 0..<LatencyHistogram.bucketCount { buckets[bucket] = 0 }
  }
}
