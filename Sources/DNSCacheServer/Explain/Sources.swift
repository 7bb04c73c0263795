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

extension Worker {
  /// Has what comes from an upstream kept with its address.
  mutating func setSource(of upstream: Int, to address: SocketAddress) {
    resolver.setSource(
      cache.number(of: Source(address)), of: upstream)
  }

  /// The address of the server that has a number in the cache, if it is known.
  func sourceReport(_ number: UInt8) -> Report {
    cache.source(number).map { .text($0.text) } ?? .none
  }
}
