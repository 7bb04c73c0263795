/// All addresses that share their first bits, such as 192.0.2.0/24.
public struct IPNetwork: Hashable, Sendable, BitwiseCopyable {
  /// The first address, every bit behind the prefix being 0.
  public let address: IPAddress
  /// How many leading bits are shared: 0 to 32, or 0 to 128.
  public let prefixLength: UInt8
  @usableFromInline let highMask: UInt64
  @usableFromInline let lowMask: UInt64

  /// Takes an address of the network and its prefix length; nil when that is out of range.
  ///
  /// Bits behind the prefix are cleared.
  public init?(_ address: IPAddress, prefixLength: Int) {
    guard (0...address.bitWidth).contains(prefixLength) else { return nil }
    // An IPv4 address fills the last 32 of 128 bits, those before being 0 in every one of them.
    let leading = 128 - address.bitWidth + prefixLength
    self.highMask = ~(UInt64.max >> min(leading, 64))
    self.lowMask = ~(UInt64.max >> max(leading - 64, 0))
    self.prefixLength = UInt8(prefixLength)
    self.address =
      address.isIPv4
      ? IPAddress(v4: UInt32(truncatingIfNeeded: address.low & lowMask))
      : IPAddress(v6High: address.high & highMask, low: address.low & lowMask)
  }

  /// Whether the address belongs to the network; an IPv4-mapped one belongs to IPv6 networks only.
  @inlinable
  public func contains(_ other: IPAddress) -> Bool {
    let difference = (address.high ^ other.high) & highMask | (address.low ^ other.low) & lowMask
    return difference == 0 && address.isIPv4 == other.isIPv4
  }
}

extension IPNetwork {
  /// Whether each address of another network belongs to this one, too.
  public func contains(_ other: IPNetwork) -> Bool {
    prefixLength <= other.prefixLength && contains(other.address)
  }

  /// Loopback, private, link-local and unique-local networks.
  ///
  /// RFC 1122 §3.2.1.3, RFC 1918, RFC 3927, RFC 4291 §2.5.3 and §2.5.6, RFC 4193.
  public static let notGlobal = [
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128",
    "fe80::/10", "fc00::/7",
  ].compactMap { IPNetwork($0) }
}

extension IPNetwork: LosslessStringConvertible {
  /// Reads `192.0.2.0/24` or `2001:db8::/32`; a lone address is a network of one.
  ///
  /// Bits behind the prefix are cleared, so that `192.0.2.1/24` is 192.0.2.0/24.
  public init?(_ text: String) {
    let parts = Array(text.utf8).split(separator: Octet.slash, omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPAddress(String(decoding: $0, as: UTF8.self)) })
    else { return nil }
    switch parts.count {
    case 1:
      self.init(address, prefixLength: address.bitWidth)
    case 2:
      guard let length = parts[1].decimal(UInt8.self) else { return nil }
      self.init(address, prefixLength: Int(length))
    default:
      return nil
    }
  }

  /// The first address, a slash and the prefix length.
  public var description: String { "\(address)/\(prefixLength)" }
}
