/// Where a server is: an address with a port.
public struct Endpoint: Hashable, Sendable, BitwiseCopyable {
  /// The address.
  public let address: IPAddress
  /// The port.
  public let port: UInt16
  /// The interface of a link-local IPv6 address (RFC 4007 §6), else 0.
  public let scope: UInt32

  /// Names a server.
  public init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
    self.address = address
    self.port = port
    self.scope = scope
  }
}
