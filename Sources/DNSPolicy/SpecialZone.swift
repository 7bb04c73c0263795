import DNSWire

/// A zone whose names are not for the public DNS, and what is answered in its place (RFC 6761).
public struct SpecialZone: Sendable {
  /// The zone's name.
  public let name: Name
  /// What is answered.
  public let kind: Kind
  /// What it is called among settings, if not by its own name: the name of a group.
  public let group: String?
  /// Whether it is answered here unless told otherwise.
  public let isDefault: Bool

  /// What is answered for the names of a zone.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// Nothing exists, the zone included (RFC 6761 §6.2, §6.4; RFC 7686; RFC 6762 §22.1).
    case absent
    /// Every name has the loopback addresses (RFC 6761 §6.3).
    case loopback
    /// The zone exists and is empty (RFC 6303 §3).
    case empty
    /// The same, but for the name of the loopback address.
    case loopbackReverse
    /// Every name exists and has no data (RFC 9462 §6.4).
    case noData
  }

  /// Whether no local data changes it: these names mean the same everywhere, and clients rely on that (RFC 6761 §6.3,
  /// §6.4; RFC 7686).
  public let isFinal: Bool

  private init(
    _ name: Name, _ kind: Kind, group: String? = nil, isDefault: Bool = true, isFinal: Bool = false
  ) {
    self.name = name
    self.isFinal = isFinal
    self.kind = kind
    self.group = group
    self.isDefault = isDefault
  }

  /// Whether the public DNS has a delegation for the zone, and so something to say of its DS.
  var isDelegated: Bool { kind == .empty || kind == .loopbackReverse }

  /// The name of the group of the private and other local reverse zones.
  public static let reverseGroup = "private-reverse"

  /// Every zone that this server knows to be special.
  ///
  /// `local` is for multicast DNS (RFC 6762), which has it answered like `invalid`; but many networks
  /// have a name server of their own for it, so it goes upstream unless asked for.
  public static var registry: [SpecialZone] {
    let zones: [(String, Kind, isDefault: Bool, isFinal: Bool)] = [
      ("localhost", .loopback, true, true), ("invalid", .absent, true, true),
      ("test", .absent, true, false), ("onion", .absent, true, true),
      ("local", .absent, false, false), ("home.arpa", .empty, true, false),
      ("resolver.arpa", .noData, true, false),
    ]
    return zones.compactMap { text, kind, isDefault, isFinal in
      (try? Name(text)).map { SpecialZone($0, kind, isDefault: isDefault, isFinal: isFinal) }
    } + reverseZones
  }

  /// The locally served reverse zones of RFC 6303 §4 and RFC 7793, as in IANA's registry of them.
  private static var reverseZones: [SpecialZone] {
    let networks = [
      // Private, shared by carriers (RFC 6598), "this network", loopback, link-local, documentation, broadcast.
      "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "0.0.0.0/8", "127.0.0.0/8",
      "169.254.0.0/16",
      "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "255.255.255.255/32",
      // Unspecified, loopback, unique local, link-local, documentation.
      "::/128", "::1/128", "fd00::/8", "fe80::/10", "2001:db8::/32",
    ]
    return networks.flatMap { text in
      let isLoopback = text.hasPrefix("127.") || text.hasPrefix("::1/")
      let zones = IPNetwork(text)?.reverseZones ?? []
      return zones.map {
        SpecialZone($0, isLoopback ? .loopbackReverse : .empty, group: reverseGroup)
      }
    }
  }
}
