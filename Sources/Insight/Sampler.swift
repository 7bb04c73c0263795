/// Which queries stand for all: one of each batch, and while many batches come, one of several.
///
/// At the rates of a home and an office every query is counted that came alone, which is nearly all of
/// them. Under load the work stays bounded: ``burst`` samples at once, one each ``interval`` after that.
public struct Sampler: Sendable {
  /// A query that is counted, and for how many.
  public struct Sample: Equatable, Sendable {
    /// Its place in the batch.
    public let index: Int
    /// Queries since the last sample, this one among them.
    public let weight: Int
  }

  /// Queries not counted since the last sample.
  private var skipped = 0
  /// When the samples taken so far would have come at an even pace, in microseconds.
  private var paced: UInt64 = 0
  /// Advances by a fraction of the range that no simple rhythm of arrivals keeps step with.
  private var turn: UInt32 = 0

  /// Microseconds between samples, on average.
  static let interval: UInt64 = 500
  /// Samples that may come closer together.
  static let burst: UInt64 = 4_000

  /// Takes a batch in.
  ///
  /// - Parameters:
  ///   - count: its queries, at least one.
  ///   - time: microseconds.
  /// - Returns: the query to count, each place chosen about equally often; nothing if the next sample is
  ///   to stand for this batch, too.
  mutating func sample(of count: Int, at time: UInt64) -> Sample? {
    skipped += count
    let earliest = time - min(time, Sampler.burst * Sampler.interval)
    if paced > time { return nil }
    paced = max(paced, earliest) + Sampler.interval
    defer { skipped = 0 }
    // 2³² divided by the golden ratio; the upper half of the product is below the count.
    turn &+= 0x9E37_79B9
    return Sample(
      index: Int(truncatingIfNeeded: (UInt64(turn) &* UInt64(count)) >> 32), weight: skipped)
  }
}
