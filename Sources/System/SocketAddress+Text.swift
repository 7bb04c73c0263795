import Glibc

extension SocketAddress: CustomStringConvertible {
  /// Reads a numeric address: "192.0.2.1", "192.0.2.1:53", "::1", "[::1]", "[fe80::1%eth0]:53".
  ///
  /// A name is never looked up; nil for anything that isn't an address, a port over 65,535, or an
  /// interface that this machine doesn't have.
  public init?(_ text: String, defaultPort: UInt16) {
    let octets = text.utf8
    // The C functions would take it for the end.
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
    if host.utf8.contains(UInt8(ascii: ":")) {
      self.init(ipv6Text: host, port: port)
    } else {
      self.init(ipv4Text: host, port: port)
    }
  }

  private static func port(_ text: Substring) -> UInt16? {
    // UInt16(_:) alone would take a sign.
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return UInt16(text)
  }

  private init?(ipv4Text text: Substring, port: UInt16) {
    var address = in_addr()
    // SAFETY: inet_pton reads a terminated string and writes one in_addr.
    guard unsafe inet_pton(AF_INET, String(text), &address) == 1 else { return nil }
    self.init(ipv4: UInt32(bigEndian: address.s_addr), port: port)
  }

  private init?(ipv6Text text: Substring, port: UInt16) {
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    var scope: UInt32 = 0
    if parts.count == 2 {
      // SAFETY: if_nametoindex reads a terminated string.
      scope = unsafe UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
      guard scope != 0 else { return nil }
    }
    var words: (UInt64, UInt64) = (0, 0)
    // SAFETY: inet_pton reads a terminated string and writes 16 octets, the size of `words`.
    guard unsafe inet_pton(AF_INET6, String(parts[0]), &words) == 1 else { return nil }
    self.init(
      ipv6: UInt64(bigEndian: words.0), UInt64(bigEndian: words.1), scope: scope, port: port)
  }

  /// The address without the port, as in "192.0.2.1" or "fe80::1%eth0".
  public var host: String {
    // SAFETY: inet_ntop writes a terminated string of at most INET6_ADDRSTRLEN octets, and
    // if_indextoname one of at most IF_NAMESIZE; both reserve that much.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      guard let start = text.baseAddress else { return "" }
      if isIPv4 {
        var address = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
        unsafe inet_ntop(AF_INET, &address, start, socklen_t(text.count))
        return unsafe String(cString: start)
      }
      var words = (high.bigEndian, low.bigEndian)
      unsafe inet_ntop(AF_INET6, &words, start, socklen_t(text.count))
      let address = unsafe String(cString: start)
      guard scope != 0 else { return address }
      guard unsafe if_indextoname(scope, start) != nil else { return "\(address)%\(scope)" }
      return unsafe "\(address)%\(String(cString: start))"
    }
  }

  /// The address and the port, as in "192.0.2.1:53" or "[2001:db8::1]:53".
  public var description: String {
    isIPv4 ? "\(host):\(port)" : "[\(host)]:\(port)"
  }
}
