/// Where a server or a client is, or a socket of ours: an address with a port.
public struct Endpoint: Hashable, Sendable, BitwiseCopyable {
  /// The address; one that carries IPv4 in IPv6 (::ffff:192.0.2.1) stays IPv6.
  public let address: IPAddress
  /// The port, in the host's order.
  public let port: UInt16
  /// The interface of a link-local IPv6 address (RFC 4007 §6), else 0.
  public let scope: UInt32

  /// Names a place.
  @inlinable
  public init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
    self.address = address
    self.port = port
    self.scope = scope
  }

  /// Whether it is an IPv4 address.
  @inlinable
  public var isIPv4: Bool { address.isIPv4 }

  /// The same address with another port.
  @inlinable
  public func withPort(_ port: UInt16) -> Endpoint { Endpoint(address, port: port, scope: scope) }

  /// Whether both are the same address, whatever the ports.
  @inlinable
  public func isSameHost(as other: Endpoint) -> Bool {
    address == other.address && scope == other.scope
  }
}
