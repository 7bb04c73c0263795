/// Which queries stand for all: one of each batch, and while many batches come, one of several.
///
/// At the rates of a home and an office every query is counted that came alone, which is nearly all of
/// them. Under load the work stays bounded: ``burst`` samples at once, about one each ``interval`` after
/// that. Whatever the sizes of batches, each query has one chance in its sample's weight: a weight is drawn by
/// lot, not by what has been passed over since the last sample, for queries that come in small batches
/// would then count for those that come in large ones.
public struct Sampler: Sendable {
  /// A query that is counted, and for how many.
  public struct Sample: Equatable, Sendable {
    /// Its place in the batch.
    public let index: Int
    /// One over the chance that it had.
    public let weight: Int
  }

  /// When the samples taken so far would have come at an even pace, in microseconds.
  private var paced: UInt64 = 0
  /// A linear congruential generator (Knuth's MMIX), of which the upper half is used.
  private var state: UInt64

  /// Microseconds between samples, on average.
  static let interval: UInt64 = 500
  /// Samples that may come closer together.
  static let burst: UInt64 = 4_000

  /// Makes one whose lots follow from a seed.
  init(seed: UInt64 = 0) { state = seed }

  /// Takes a batch in.
  ///
  /// - Parameters:
  ///   - count: its queries, at least one.
  ///   - time: microseconds.
  /// - Returns: the query to count; nothing when the lot falls on none of this batch.
  mutating func sample(of count: Int, at time: UInt64) -> Sample? {
    // The further samples are ahead of their pace, the fewer batches have one: it settles where both
    // are even. What the batch holds has no part in it.
    let batches = paced > time ? 1 &+ (paced &- time) / Sampler.interval : 1
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let lot = (state >> 32) &* batches
    if lot >> 32 != 0 { return nil }
    let earliest = time &- min(time, Sampler.burst * Sampler.interval)
    paced = max(paced, earliest) &+ Sampler.interval
    return Sample(
      index: Int(truncatingIfNeeded: (lot &* UInt64(truncatingIfNeeded: count)) >> 32),
      weight: count &* Int(truncatingIfNeeded: batches))
  }
}
