import EventLoop

/// The name servers that the system uses, read from `/etc/resolv.conf` (resolv.conf(5)).
enum ResolvConf {
  static let path = "/etc/resolv.conf"
  /// Octets that are read at most.
  private static let limit = 1 << 20

  /// The addresses behind `nameserver`, in order.
  static func nameServers(in text: String) -> [Substring] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
      guard words.count >= 2, words[0] == "nameserver" else { return nil }
      return words[1]
    }
  }

  /// The system's name servers but ourselves: a server of our own address would ask itself.
  static func upstreams(besides own: OwnEndpoints) throws(Mistake) -> [SocketAddress] {
    guard let text = try? FileReader.text(of: path, limit: limit) else {
      throw Mistake(
        origin: .usual,
        message: "no upstream: \(path) can't be read; name one with --upstream ADDRESS")
    }
    var found: [SocketAddress] = []
    for server in nameServers(in: text) {
      guard let address = SocketAddress(String(server), defaultPort: Settings.port),
        own.listener(at: address) == nil, !address.isUnspecified, !found.contains(address)
      else { continue }
      found.append(address)
    }
    guard !found.isEmpty else {
      throw Mistake(
        origin: .usual,
        message:
          "no upstream: \(path) names no server but this one; name one with --upstream ADDRESS")
    }
    return Array(found.prefix(Settings.mostUpstreams))
  }
}
