import DNSWire
import Memory

/// What kept a client from being served as it asked.
public enum ClientLimit: UInt8, Sendable, BitwiseCopyable {
  /// ``ClientLimits/queries``.
  case rate
  /// ``ClientLimits/misses``.
  case misses
  /// ``ClientLimits/inFlight``, or its share of the places in flight.
  case inFlight
  /// ``ClientLimits/amplification``.
  case amplification
  /// It is outside of the networks that are served.
  case notAllowed
}

/// Which clients came to a limit lately, for the log: a few of them, the others are only counted.
struct LimitedClients: ~Copyable {
  /// A client, and how often it came to a limit.
  struct Entry: BitwiseCopyable {
    var client: IPAddress
    var limit: ClientLimit
    var count: UInt64
  }

  /// Clients that are remembered until they are taken.
  private static let capacity = 16

  private var entries = FixedArray(
    repeating: Entry(client: IPAddress(v4: 0), limit: .rate, count: 0), count: capacity)
  private(set) var count = 0

  /// Notes that a client has come to a limit.
  mutating func note(_ client: IPAddress, _ limit: ClientLimit) {
    for index in 0..<count where entries[index].client == client && entries[index].limit == limit {
      entries[index].count &+= 1
      return
    }
    guard count < entries.count else { return }
    entries[count] = Entry(client: client, limit: limit, count: 1)
    count += 1
  }

  /// Takes one that was noted.
  mutating func take() -> Entry? {
    guard count > 0 else { return nil }
    count -= 1
    return entries[count]
  }
}

extension Service {
  /// Takes a client that came to a limit since this was last asked, and how often it did.
  public mutating func takeLimited() -> (client: IPAddress, limit: ClientLimit, count: UInt64)? {
    limited.take().map { ($0.client, $0.limit, $0.count) }
  }
}
