import DNSWire
import Glibc

extension Endpoint: CustomStringConvertible {
  /// Reads a numeric address: "192.0.2.1", "192.0.2.1:53", "::1", "[::1]", "[fe80::1%eth0]:53".
  ///
  /// A name is never looked up; nil for anything that isn't an address, a port over 65,535, or an
  /// interface that this machine doesn't have.
  public init?(_ text: String, defaultPort: UInt16) {
    let octets = text.utf8
    // The C function would take it for the end.
    guard !octets.contains(0) else { return nil }
    var host = text[...]
    var port = defaultPort
    if octets.first == UInt8(ascii: "[") {
      guard let end = octets.lastIndex(of: UInt8(ascii: "]")) else { return nil }
      host = text[octets.index(after: octets.startIndex)..<end]
      let rest = text[octets.index(after: end)...]
      guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
      if !rest.isEmpty {
        guard rest.utf8.first == UInt8(ascii: ":"), let number = Self.port(rest.dropFirst())
        else { return nil }
        port = number
      }
    } else if let colon = octets.firstIndex(of: UInt8(ascii: ":")),
      octets.lastIndex(of: UInt8(ascii: ":")) == colon
    {
      // One colon: IPv4 with a port. More of them: IPv6 without.
      guard let number = Self.port(text[octets.index(after: colon)...]) else { return nil }
      host = text[..<colon]
      port = number
    }
    let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
    var scope: UInt32 = 0
    if parts.count == 2 {
      // SAFETY: if_nametoindex reads a terminated string.
      scope = unsafe UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
      guard scope != 0, !address.isIPv4 else { return nil }
    }
    self.init(address, port: port, scope: scope)
  }

  private static func port(_ text: Substring) -> UInt16? {
    // UInt16(_:) alone would take a sign.
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return UInt16(text)
  }

  /// The address without the port, as in "192.0.2.1" or "fe80::1%eth0".
  public var host: String {
    guard scope != 0 else { return address.description }
    // SAFETY: if_indextoname writes a terminated string of at most IF_NAMESIZE octets.
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) {
      guard let name = $0.baseAddress, unsafe if_indextoname(scope, name) != nil else {
        return "\(address)%\(scope)"
      }
      return unsafe "\(address)%\(String(cString: name))"
    }
  }

  /// The address and the port, as in "192.0.2.1:53" or "[2001:db8::1]:53".
  public var description: String {
    isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)"
  }
}
