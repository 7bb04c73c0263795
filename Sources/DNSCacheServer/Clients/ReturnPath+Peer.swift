import Configuration
import DNSService
import DNSWire
import EventLoop
import System

// Addresses of sockets, and what the protocol's modules know of them.

extension SocketAddress {
  /// An address with a port and, when it is a link-local one, its interface.
  init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
    if address.isIPv4 {
      self.init(ipv4: UInt32(truncatingIfNeeded: address.low), port: port)
    } else {
      self.init(ipv6: address.high, address.low, scope: scope, port: port)
    }
  }
}

extension ReturnPath {
  /// The way back to where a datagram came from.
  init(_ peer: Peer, source: UInt32, arrived: UInt64) {
    self.init(
      source: source, port: peer.address.port, scope: peer.address.scope,
      local: IPAddress(peer.local), interface: peer.interface, arrived: arrived)
  }
}

extension Peer {
  /// Where an answer over UDP goes that had to wait.
  init(_ delivery: Service.Delivery) {
    let path = delivery.path
    self.init(
      address: SocketAddress(delivery.address, port: path.port, scope: path.scope),
      local: SocketAddress(path.local, port: 0), interface: path.interface)
  }
}
