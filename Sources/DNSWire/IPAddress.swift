/// An IPv4 or IPv6 address.
///
/// Trivially copyable, in numeric order: an IPv4 address is the low 32 bits of `low`. An
/// IPv4-mapped IPv6 address is not equal to the IPv4 address it contains; see `unmapped`.
public struct IPAddress: Hashable, Sendable, BitwiseCopyable {
  /// The first 64 bits of an IPv6 address, else 0.
  public let high: UInt64
  /// The last 64 bits of an IPv6 address, or an IPv4 address.
  public let low: UInt64
  /// Whether this is an IPv4 address.
  public let isIPv4: Bool

  /// Makes an IPv4 address from its number, 192.0.2.1 being 0xC0000201.
  @inlinable
  public init(v4: UInt32) {
    self.high = 0
    self.low = UInt64(v4)
    self.isIPv4 = true
  }

  /// Makes an IPv6 address from its two halves.
  @inlinable
  public init(v6High high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
    self.isIPv4 = false
  }

  /// Takes 4 octets of an A record, or 16 of AAAA; nil for any other count.
  public init?(octets: some Collection<UInt8>) {
    switch octets.count {
    case 4:
      self.init(v4: UInt32(truncatingIfNeeded: octets.reduce(0) { $0 << 8 | UInt64($1) }))
    case 16:
      self.init(
        v6High: octets.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
        low: octets.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) })
    default:
      return nil
    }
  }

  /// The 4 or 16 octets, as in A and AAAA records.
  public var octets: [UInt8] {
    var octets = [UInt8](repeating: 0, count: isIPv4 ? 4 : 16)
    for index in octets.indices {
      // The most significant first.
      let fromEnd = octets.count - 1 - index
      octets[index] = UInt8(truncatingIfNeeded: (fromEnd < 8 ? low : high) >> (fromEnd % 8 * 8))
    }
    return octets
  }

  /// Length in bits, 32 or 128.
  @inlinable
  public var bitWidth: Int { isIPv4 ? 32 : 128 }

  /// Whether this is 0.0.0.0 or ::, which stands for every address of the machine.
  @inlinable
  public var isUnspecified: Bool { high == 0 && low == 0 }

  /// Whether this is in 127.0.0.0/8 or ::1: nobody else can come by it.
  @inlinable
  public var isLoopback: Bool { isIPv4 ? low &>> 24 == 127 : high == 0 && low == 1 }

  /// Whether this is in fe80::/10, where the interface is part of the address (RFC 4007 §6).
  @inlinable
  public var isLinkLocalIPv6: Bool { !isIPv4 && high &>> 54 == 0x3fa }

  /// Whether this is in 224.0.0.0/4 or ff00::/8, which can't be the source of a datagram.
  @inlinable
  public var isMulticast: Bool { isIPv4 ? low &>> 28 == 0xe : high &>> 56 == 0xff }

  /// Whether this is an IPv6 address of the form ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2).
  @inlinable
  public var isIPv4Mapped: Bool { !isIPv4 && high == 0 && low &>> 32 == 0xFFFF }

  /// The IPv4 address inside an IPv4-mapped one, as a socket for both families reports it.
  @inlinable
  public var unmapped: IPAddress {
    isIPv4Mapped ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : self
  }

  /// The name whose PTR record names this address (RFC 1035 §3.5, RFC 3596 §2.5).
  public var reverseName: Name {
    var wire: [UInt8] = []
    wire.reserveCapacity(isIPv4 ? 30 : 74)
    for octet in octets.reversed() {
      if isIPv4 {
        wire.append(octet < 10 ? 1 : octet < 100 ? 2 : 3)
        if octet >= 100 { wire.append(Octet.zero + octet / 100) }
        if octet >= 10 { wire.append(Octet.zero + octet / 10 % 10) }
        wire.append(Octet.zero + octet % 10)
      } else {
        wire.append(contentsOf: [1, (octet & 0xF).hexDigit, 1, (octet >> 4).hexDigit])
      }
    }
    let suffix = isIPv4 ? "\u{7}in-addr\u{4}arpa\0" : "\u{3}ip6\u{4}arpa\0"
    wire.append(contentsOf: suffix.utf8)
    return Name(validated: wire)
  }
}

extension FixedWidthInteger {
  /// The octets, the most significant first.
  var octets: [UInt8] {
    stride(from: Self.bitWidth - 8, through: 0, by: -8)
      .map { UInt8(truncatingIfNeeded: self >> Self($0)) }
  }
}
