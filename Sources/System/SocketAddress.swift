import Glibc

/// An IPv4 or IPv6 address with a port: a plain value without heap memory.
///
/// An IPv4-mapped IPv6 address (::ffff:192.0.2.1) stays IPv6.
public struct SocketAddress: Equatable, Hashable, Sendable, BitwiseCopyable {
  /// The first eight octets of an IPv6 address, the first octet most significant; 0 for IPv4.
  public let high: UInt64
  /// The last eight octets of an IPv6 address, or the four of an IPv4 address.
  public let low: UInt64
  /// The interface of a link-local IPv6 address, else 0.
  public let scope: UInt32
  /// The port, in the host's order.
  public let port: UInt16
  /// Whether this is an IPv4 address.
  public let isIPv4: Bool

  /// Makes an IPv4 address; the first octet is the most significant one.
  @inlinable
  public init(ipv4 address: UInt32, port: UInt16) {
    self.high = 0
    self.low = UInt64(address)
    self.scope = 0
    self.port = port
    self.isIPv4 = true
  }

  /// Makes an IPv6 address; the first octet is the most significant one of `high`.
  @inlinable
  public init(ipv6 high: UInt64, _ low: UInt64, scope: UInt32 = 0, port: UInt16) {
    self.high = high
    self.low = low
    self.scope = scope
    self.port = port
    self.isIPv4 = false
  }

  /// The same address with another port.
  @inlinable
  public func withPort(_ port: UInt16) -> SocketAddress {
    isIPv4
      ? SocketAddress(ipv4: UInt32(truncatingIfNeeded: low), port: port)
      : SocketAddress(ipv6: high, low, scope: scope, port: port)
  }

  /// Whether both are the same address, whatever the ports.
  @inlinable
  public func isSameHost(as other: SocketAddress) -> Bool { self == other.withPort(port) }

  /// Whether this is 0.0.0.0 or ::, which stands for every address of the machine.
  @inlinable
  public var isUnspecified: Bool { high == 0 && low == 0 }

  /// Whether this is in 127.0.0.0/8 or ::1: nobody else can come by it.
  @inlinable
  public var isLoopback: Bool { isIPv4 ? low >> 24 == 127 : high == 0 && low == 1 }

  /// Whether this is in fe80::/10, where the interface is part of the address (RFC 4007 §6).
  @inlinable
  public var isLinkLocalIPv6: Bool { !isIPv4 && high >> 54 == 0x3fa }

  /// Whether this is in 224.0.0.0/4 or ff00::/8, which can't be the source of a datagram.
  @inlinable
  public var isMulticast: Bool { isIPv4 ? low >> 28 == 0xe : high >> 56 == 0xff }
}
