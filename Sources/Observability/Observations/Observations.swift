import DNSWire
import Memory

/// What one event loop has seen of its queries: who asks what how often, what fails, how long it takes.
///
/// All of it has a fixed size. What is noted for each batch of queries takes constant time and allocates
/// nothing.
public struct Observations: ~Copyable {
  /// Names asked for, with their types.
  public private(set) var names = HeavyHitters(
    capacity: Observations.watched, keySize: WireName.longest)
  /// Addresses that ask.
  public private(set) var clients = HeavyHitters(
    capacity: Observations.watched, keySize: Observations.addressOctets)
  /// Questions that were answered with SERVFAIL, with their types and reasons.
  public private(set) var failures = HeavyHitters(
    capacity: Observations.failuresWatched, keySize: WireName.longest)

  /// How long answers from the cache took, from when their batch was read until it was sent.
  public private(set) var hits = LatencyHistogram()
  /// How long those waited that had to be asked upstream.
  public private(set) var misses = LatencyHistogram()
  /// How long replies over UDP took, for each upstream.
  public private(set) var roundTrips: FixedArray<LatencyHistogram?>
  /// The last hour.
  public private(set) var history = History()

  /// Queries that came, whether counted by themselves or by others.
  public private(set) var queries: UInt64 = 0
  /// Queries that are counted for all.
  public private(set) var samples: UInt64 = 0

  private let seed: HashSeed
  private var sampler: Sampler

  /// Names and clients that are watched: each count is wrong by a thousandth of the total at most.
  public static let watched = 1_024
  /// Failing questions that are watched.
  public static let failuresWatched = 512
  private static let addressOctets = 16

  /// Makes one that has seen nothing.
  ///
  /// - Parameters:
  ///   - upstreams: how many there may be.
  ///   - seed: makes hashes of addresses unforeseeable.
  public init(upstreams: Int, seed: HashSeed) {
    roundTrips = FixedArray(count: upstreams) { nil }
    self.seed = seed
    sampler = Sampler(seed: UInt64(seed.hash(high: 0, low: 0)))
  }

  // MARK: Who asks what

  /// Which query of a batch is to be counted, and for how many; see ``Sampler``.
  public mutating func sample(of count: Int, at time: UInt64) -> Sampler.Sample? {
    queries &+= UInt64(truncatingIfNeeded: count)
    guard let sample = sampler.sample(of: count, at: time) else { return nil }
    samples &+= 1
    return sample
  }

  /// Counts a name that is asked for, or several times of it.
  ///
  /// - Parameters:
  ///   - name: in wire form and lower case.
  ///   - hash: the name's, as ``NameKey`` has it.
  public mutating func noteName(
    _ name: Span<UInt8>, hash: UInt32, _ type: RecordType, weight: Int
  ) {
    names.note(name, tag: UInt32(type.rawValue), hash: hash, weight: UInt64(weight))
  }

  /// Counts a query of a client, or several.
  public mutating func noteClient(_ client: IPAddress, weight: Int) {
    var address = InlineArray<16, UInt8>(repeating: 0)
    var octets = address.mutableSpan
    octets.store64(client.high, 0)
    octets.store64(client.low, 8)
    clients.note(
      address.span, tag: client.isIPv4 ? 4 : 6,
      hash: seed.hash(high: client.high, low: client.low), weight: UInt64(weight))
  }

  /// Counts a question that failed.
  ///
  /// - Parameter reason: the caller's number for why, below 65,536.
  public mutating func noteFailure(
    _ name: Span<UInt8>, hash: UInt32, _ type: RecordType, reason: UInt16
  ) {
    failures.note(name, tag: UInt32(reason) << 16 | UInt32(type.rawValue), hash: hash)
  }

  // MARK: How long it takes

  /// Notes hits that were answered together.
  @inline(__always)
  public mutating func noteHits(_ count: UInt64, microseconds: UInt64) {
    hits.note(microseconds, times: count)
  }

  /// Notes an answer that had to wait.
  public mutating func noteMiss(microseconds: UInt64) { misses.note(microseconds) }

  /// Notes an upstream's reply.
  public mutating func noteRoundTrip(upstream: Int, microseconds: UInt64) {
    guard upstream >= 0 && upstream < roundTrips.count else { return }
    roundTrips[upstream]?.note(microseconds)
  }

  /// Begins to note an upstream's times, which has a number that was perhaps another's.
  public mutating func beginUpstream(_ upstream: Int) {
    guard upstream >= 0 && upstream < roundTrips.count else { return }
    roundTrips[upstream] = LatencyHistogram()
  }

  // MARK: The last hour

  /// Ends an interval of the history; see ``History/record(time:_:hits:misses:octets:limit:)``.
  public mutating func record(
    time: Int64, _ totals: History.Totals, octets: UInt64, limit: UInt64
  ) {
    history.record(
      time: time, totals, hits: hits, misses: misses, octets: octets, limit: limit)
  }

  // MARK: Reading

  /// The names that were asked for most.
  public func topNames(
    _ limit: Int, _ body: (Span<UInt8>, RecordType, HeavyHitters.Estimate) -> Void
  ) {
    names.visitTop(limit) { key, tag, estimate in
      body(key, RecordType(rawValue: UInt16(truncatingIfNeeded: tag)), estimate)
    }
  }

  /// The clients that asked most.
  public func topClients(_ limit: Int, _ body: (IPAddress, HeavyHitters.Estimate) -> Void) {
    clients.visitTop(limit) { key, tag, estimate in
      let (high, low) = (key.load64(0), key.load64(8))
      body(
        tag == 4
          ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : IPAddress(v6High: high, low: low),
        estimate)
    }
  }

  /// The questions that failed most, with the caller's numbers for why.
  public func topFailures(
    _ limit: Int, _ body: (Span<UInt8>, RecordType, UInt16, HeavyHitters.Estimate) -> Void
  ) {
    failures.visitTop(limit) { key, tag, estimate in
      body(
        key, RecordType(rawValue: UInt16(truncatingIfNeeded: tag)),
        UInt16(truncatingIfNeeded: tag >> 16), estimate)
    }
  }
}
