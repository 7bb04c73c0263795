import DNSWire
import Memory

/// Which upstreams' AD is believed (RFC 4035 §3.2.3).
///
/// Over plain UDP anyone on the way to an upstream can set AD, too.
public enum ADTrust: String, CaseIterable, Sendable {
  /// That of upstreams on this host.
  case auto
  /// That of all upstreams.
  case on
  /// Nobody's.
  case off

  /// Whether the AD of a server is believed.
  public func includes(_ server: Endpoint?) -> Bool {
    switch self {
    case .on: return true
    case .off: return false
    case .auto:
      guard let address = server?.address else { return false }
      return address.isIPv4
        ? LocalAddress.scope(v4: UInt32(truncatingIfNeeded: address.low)) == .loopback
        : address.high == 0 && address.low == 1
    }
  }
}

extension Cache {
  // Mutating though it changes nothing, or each call would get a copy of the cache's half a kilobyte.
  /// Whether the AD of the server with a number is believed.
  public mutating func believesAD(of source: UInt8) -> Bool {
    limits.adTrust.includes(sources[source])
  }

  /// Forgets of the next names that their data is authentic where the server that said so is not believed.
  ///
  /// - Returns: how many RRsets that were, and whether the cursor has reached the end.
  public mutating func forgetUnbelievedAD(
    _ cursor: Cursor, names count: Int
  ) -> (changed: Int, finished: Bool) {
    var changed = 0
    let finished = advance(cursor, names: count) { cache, node in
      var set = cache.arena.link(node, NodeField.firstSet)
      while !set.isNone {
        var flags = RRsetFlags(rawValue: cache.arena.load8(set, SetField.flags))
        if flags.contains(.authentic),
          !cache.believesAD(of: cache.arena.load8(set, SetField.source))
        {
          flags.remove(.authentic)
          cache.arena.store8(flags.rawValue, set, SetField.flags)
          changed += 1
        }
        set = cache.arena.link(set, SetField.next)
      }
    }
    return (changed, finished)
  }
}
