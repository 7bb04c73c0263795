import DNSWire
import System

extension IPAddress {
  /// The address of a socket, IPv4 in IPv6 as IPv4.
  @inlinable
  @inline(__always)
  public init(_ address: SocketAddress) {
    if address.isIPv4 {
      self.init(v4: UInt32(truncatingIfNeeded: address.low))
    } else {
      self.init(v6High: address.high, low: address.low)
    }
  }
}
