/// How long a server took for a reply over UDP.
public struct RoundTrip: Sendable, BitwiseCopyable {
  /// Which server.
  public let server: ServerID
  /// From the query's sending to the reply, by ``Exchanges/stopwatch``.
  public let microseconds: UInt32
}

extension Exchanges {
  /// The round trip that the packet taken in last has ended, once; nothing when it answered no query.
  public mutating func takeRoundTrip() -> RoundTrip? {
    defer { timed = nil }
    return timed
  }
}
