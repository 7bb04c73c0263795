import DNSWire
import System

/// Where a datagram came from and which of this machine's addresses it was sent to.
///
/// A plain value: it can be kept, and a reply sent with it later leaves from the address that was
/// asked.
public struct Peer: Equatable, Hashable, Sendable, BitwiseCopyable {
  /// The sender.
  public let address: Endpoint
  /// The address and port that the datagram was sent to.
  public let local: Endpoint
  /// The index of the interface that it came in on; 0 when the socket wasn't asked to tell.
  public let interface: UInt32

  /// Makes a peer; with an unspecified `local` the kernel picks the source of replies.
  @inlinable
  public init(address: Endpoint, local: Endpoint, interface: UInt32 = 0) {
    self.address = address
    self.local = local
    self.interface = interface
  }
}
