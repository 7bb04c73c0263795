/// The kind of an EDNS option (RFC 6891 §6.1.2).
public struct EDNSOptionCode: CodePoint {
  /// The number in the OPTION-CODE field.
  public let rawValue: UInt16

  /// Wraps a number.
  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The registry's mnemonics, with `OPT20` for the rest.
  public static let mnemonics = Mnemonics<UInt16>(
    prefix: "OPT",
    [
      1: "LLQ", 2: "UL", 3: "NSID", 5: "DAU", 6: "DHU", 7: "N3U", 8: "ECS", 9: "EXPIRE",
      10: "COOKIE",
      11: "KEEPALIVE", 12: "PADDING", 13: "CHAIN", 14: "KEYTAG", 15: "EDE", 16: "CLIENT-TAG",
      17: "SERVER-TAG", 18: "REPORT-CHANNEL", 19: "ZONEVERSION",
    ])
}

extension EDNSOptionCode {
  /// Long-lived query (RFC 8764).
  @inlinable public static var longLivedQuery: EDNSOptionCode { EDNSOptionCode(1) }
  /// Update lease (RFC 9664).
  @inlinable public static var updateLease: EDNSOptionCode { EDNSOptionCode(2) }
  /// Name server identifier (RFC 5001).
  @inlinable public static var nameServerIdentifier: EDNSOptionCode { EDNSOptionCode(3) }
  /// DNSSEC algorithms understood (RFC 6975).
  @inlinable public static var dnssecAlgorithms: EDNSOptionCode { EDNSOptionCode(5) }
  /// DS hash algorithms understood (RFC 6975).
  @inlinable public static var digestAlgorithms: EDNSOptionCode { EDNSOptionCode(6) }
  /// NSEC3 hash algorithms understood (RFC 6975).
  @inlinable public static var hashAlgorithms: EDNSOptionCode { EDNSOptionCode(7) }
  /// Client subnet (RFC 7871).
  @inlinable public static var clientSubnet: EDNSOptionCode { EDNSOptionCode(8) }
  /// Time to a zone's expiry (RFC 7314).
  @inlinable public static var expire: EDNSOptionCode { EDNSOptionCode(9) }
  /// DNS cookie (RFC 7873).
  @inlinable public static var cookie: EDNSOptionCode { EDNSOptionCode(10) }
  /// Idle timeout of a stream, in units of 100 ms (RFC 7828).
  @inlinable public static var tcpKeepalive: EDNSOptionCode { EDNSOptionCode(11) }
  /// Padding (RFC 7830).
  @inlinable public static var padding: EDNSOptionCode { EDNSOptionCode(12) }
  /// Chain of DNSSEC records (RFC 7901).
  @inlinable public static var chain: EDNSOptionCode { EDNSOptionCode(13) }
  /// Trust anchors in use (RFC 8145).
  @inlinable public static var keyTag: EDNSOptionCode { EDNSOptionCode(14) }
  /// Extended error (RFC 8914).
  @inlinable public static var extendedError: EDNSOptionCode { EDNSOptionCode(15) }
  /// Client tag.
  @inlinable public static var clientTag: EDNSOptionCode { EDNSOptionCode(16) }
  /// Server tag.
  @inlinable public static var serverTag: EDNSOptionCode { EDNSOptionCode(17) }
  /// Where to report errors (RFC 9567).
  @inlinable public static var reportChannel: EDNSOptionCode { EDNSOptionCode(18) }
  /// Version of the zone (RFC 9660).
  @inlinable public static var zoneVersion: EDNSOptionCode { EDNSOptionCode(19) }
}
