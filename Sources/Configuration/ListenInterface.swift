import DNSWire
import System

/// An interface whose addresses to listen on, with a port: `eth0`, `eth0:5353`.
package struct ListenInterface: Hashable, Sendable, CustomStringConvertible {
  package let name: String
  let port: UInt16

  /// Longest name of an interface (IFNAMSIZ less the zero at its end, netdevice(7)).
  private static let longestName = 15

  /// Reads the name of an interface, which need not exist yet.
  ///
  /// Nil for texts that look like an address or a host's name: `192.168.1`, `localhost`, `dns.example`. An interface
  /// begins with a letter, and has a digit in each part behind a dot, as `eth0.10`.
  init?(_ text: String, defaultPort: UInt16) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, (1...ListenInterface.longestName).contains(name.utf8.count),
      name.utf8.allSatisfy(ListenInterface.isPlain), name != "localhost"
    else { return nil }
    let words = name.split(separator: ".", omittingEmptySubsequences: false)
    guard words.first?.utf8.contains(where: ListenInterface.isLetter) == true,
      words.dropFirst().allSatisfy({ $0.utf8.contains(where: ListenInterface.isDigit) })
    else { return nil }
    self.name = String(name)
    guard parts.count == 2 else {
      port = defaultPort
      return
    }
    // UInt16(_:) alone would take a sign.
    guard parts[1].utf8.first.map({ (UInt8(ascii: "1")...UInt8(ascii: "9")).contains($0) }) == true,
      let port = UInt16(parts[1])
    else { return nil }
    self.port = port
  }

  private static func isLetter(_ octet: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(octet | 0x20)
  }

  private static func isDigit(_ octet: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet)
  }

  private static func isPlain(_ octet: UInt8) -> Bool {
    isLetter(octet) || isDigit(octet)
      || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(octet)
  }

  package var description: String { port == Settings.port ? name : "\(name):\(port)" }

  /// The addresses that the interface has, with the port.
  package func addresses(on host: HostAddresses) -> [Endpoint] {
    host.all.filter { $0.interface == name }.map { $0.address.withPort(port) }
  }
}

extension Settings {
  /// Most addresses of interfaces to listen on.
  package static let mostFollowed = 64

  /// Most addresses to listen on with these settings.
  package var mostListeners: Int {
    listen.count + (listenInterfaces.isEmpty ? 0 : Settings.mostFollowed)
  }

  /// The addresses to listen on now: the named ones, then those of the named interfaces.
  ///
  /// - Returns: the addresses, and whether interfaces have more than ``mostFollowed``.
  package func listening(on host: HostAddresses) -> (addresses: [Endpoint], isCut: Bool) {
    var addresses = listen
    for address in listenInterfaces.flatMap({ $0.addresses(on: host) })
    where !addresses.contains(where: { $0 == address || $0.includes(address) }) {
      guard addresses.count - listen.count < Settings.mostFollowed else { return (addresses, true) }
      addresses.append(address)
    }
    return (addresses, false)
  }
}

extension Endpoint {
  /// Whether this is a wildcard address that takes in the other one.
  fileprivate func includes(_ other: Endpoint) -> Bool {
    address.isUnspecified && port == other.port && isIPv4 == other.isIPv4
  }
}
