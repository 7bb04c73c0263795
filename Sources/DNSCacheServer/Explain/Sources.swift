import DNSCache
import DNSWire
import EventLoop

// The addresses of servers, as the cache keeps them and as people read them.

extension Source {
  /// Names a server by its address.
  init(_ address: SocketAddress) { self.init(IPAddress(address), port: address.port) }

  /// The address and the port, as in "192.0.2.1:53".
  var text: String { "\(SocketAddress(address, port: port))" }
}
