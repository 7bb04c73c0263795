import Configuration
import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import System

// The addresses of servers, as sockets, the resolver and the cache have them and as people read them.

extension Endpoint {
  /// Names a server by its socket's address.
  init(_ address: SocketAddress) {
    self.init(IPAddress(address), port: address.port, scope: address.scope)
  }

  /// The address and the port, as in "192.0.2.1:53".
  var text: String { "\(SocketAddress(self))" }
}

extension SocketAddress {
  /// Where a server is to be reached.
  init(_ endpoint: Endpoint) {
    self.init(endpoint.address, port: endpoint.port, scope: endpoint.scope)
  }
}
