import DNSWire
import Memory

/// The servers that the cache's data came from, by number: an octet of each RRset names one.
///
/// Numbers outlive settings: data stays when its server is asked no more.
struct SourceTable: ~Copyable {
  /// Servers at most; number 0 stands for one that isn't known.
  static let limit = 254

  private var sources = FixedArray(
    repeating: Endpoint(IPAddress(v4: 0), port: 0), count: SourceTable.limit)
  private(set) var count = 0

  /// The number of a server, given out if it has none; nothing when all are given out.
  mutating func number(of source: Endpoint) -> UInt8? {
    for index in 0..<count where sources[index] == source { return UInt8(index + 1) }
    guard count < SourceTable.limit else { return nil }
    sources[count] = source
    count += 1
    return UInt8(count)
  }

  /// The server with a number.
  subscript(_ number: UInt8) -> Endpoint? {
    number > 0 && Int(number) <= count ? sources[Int(number) - 1] : nil
  }
}

extension Cache {
  /// The number of a server, for ``Origin/source``.
  ///
  /// At most 254 servers have one; for more, it is 0, and a counter tells.
  public mutating func number(of source: Endpoint) -> UInt8 {
    if let number = sources.number(of: source) { return number }
    counters.sourcesLimit += 1
    return 0
  }

  /// The server that data with a number came from, if that is known.
  public func source(_ number: UInt8) -> Endpoint? { sources[number] }

  /// Servers that data came from, or may come from.
  public var sourceCount: Int { sources.count }
}
