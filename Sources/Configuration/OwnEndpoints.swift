import DNSWire
import System

/// The addresses of this server, so that it is not made its own upstream.
package struct OwnEndpoints {
  private let listening: [Endpoint]
  private let named: [Endpoint]
  private let host: HostAddresses

  /// - Parameter settings: where it is to listen; addresses that this host gets later count as well.
  package init(_ settings: Settings, on host: HostAddresses) {
    listening = settings.listening(on: host).addresses
    named = settings.listen
    self.host = host
  }

  /// The listener that gets what is sent to an address, if there is one.
  package func listener(at address: Endpoint) -> Endpoint? {
    first(of: listening, at: address)
  }

  /// The same, but only one that was named by its address: where an interface has it, an upstream that was named
  /// is asked and the address is not listened on.
  func namedListener(at address: Endpoint) -> Endpoint? { first(of: named, at: address) }

  private func first(of listeners: [Endpoint], at address: Endpoint) -> Endpoint? {
    listeners.first { listener in
      listener == address
        || listener.address.isUnspecified && listener.isIPv4 == address.isIPv4
          && listener.port == address.port && isOwn(address)
    }
  }

  private func isOwn(_ address: Endpoint) -> Bool {
    // RFC 1122 §3.2.1.3 (g): all of 127.0.0.0/8 is this host.
    address.isIPv4 && address.address.isLoopback || host.isOnInterface(address)
  }
}
