import DNSService
import DNSWire
import EventLoop

extension ReturnPath {
  /// The way back to where a datagram came from.
  init(_ peer: Peer, source: UInt32, arrived: UInt64) {
    self.init(
      source: source, port: peer.address.port, scope: peer.address.scope,
      local: peer.local.address, interface: peer.interface, arrived: arrived)
  }
}

extension Peer {
  /// Where an answer over UDP goes that had to wait.
  init(_ delivery: Service.Delivery) {
    let path = delivery.path
    self.init(
      address: Endpoint(delivery.address, port: path.port, scope: path.scope),
      local: Endpoint(path.local, port: 0), interface: path.interface)
  }
}
