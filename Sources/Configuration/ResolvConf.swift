import DNSWire
import System

/// The name servers that the system uses, read from `/etc/resolv.conf` (resolv.conf(5)).
package enum ResolvConf {
  package static let path = "/etc/resolv.conf"
  /// Where systemd-resolved writes the servers that it asks itself (systemd-resolved.service(8)).
  package static let resolvedPath = "/run/systemd/resolve/resolv.conf"
  /// Where it listens.
  private static let resolvedStubs = ["127.0.0.53:53", "127.0.0.54:53"]
  /// Longest file that is read, in bytes.
  private static let limit = 1 << 20
  /// How many name servers a message repeats, and how many characters of each.
  private static let shownServers = 3
  private static let shownLength = 60

  /// The addresses behind `nameserver`, in order.
  static func nameServers(in text: String) -> [Substring] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
      guard words.count >= 2, words[0] == "nameserver" else { return nil }
      return words[1]
    }
  }

  /// The system's name servers without this one, which would ask itself.
  ///
  /// If systemd-resolved asks this server, its own list takes its place.
  package static func upstreams(besides own: OwnEndpoints) throws(ConfigurationError)
    -> [Endpoint]
  {
    let text: String
    do throws(SystemError) {
      text = try FileReader.text(of: path, limit: limit)
    } catch let failure {
      throw error("\(path) can't be read: \(failure)")
    }
    let upstreams = upstreams(
      in: text, resolved: try? FileReader.text(of: resolvedPath, limit: limit), besides: own)
    guard upstreams.isEmpty else { return upstreams }
    let servers = nameServers(in: text)
    guard !servers.isEmpty else { throw error("\(path) has no line `nameserver ADDRESS`") }
    let shown = servers.prefix(shownServers).map { server in
      String(
        String.UnicodeScalarView(server.unicodeScalars.prefix(shownLength).filter { $0.value > 32 })
      )
    }.joined(separator: ", ")
    throw error(
      "\(path) names no server but this one: \(shown)\(servers.count > shownServers ? ", …" : "")")
  }

  /// The servers of a text that may be asked.
  ///
  /// - Parameter resolved: systemd-resolved's own list, if there is one.
  static func upstreams(
    in text: String, resolved: String?, besides own: OwnEndpoints
  ) -> [Endpoint] {
    let named = addresses(in: text)
    let behind = resolved.map(addresses) ?? []
    let asksUs = behind.contains { own.listener(at: $0) != nil }
    var found: [Endpoint] = []
    for address in named.flatMap({ asksUs && resolvedStubs.contains("\($0)") ? behind : [$0] }) {
      guard own.listener(at: address) == nil, !address.address.isUnspecified,
        !found.contains(address)
      else { continue }
      found.append(address)
      if found.count == Settings.mostUpstreams { break }
    }
    return found
  }

  private static func addresses(in text: String) -> [Endpoint] {
    nameServers(in: text).compactMap { Endpoint(String($0), defaultPort: Settings.port) }
  }

  private static func error(_ reason: String) -> ConfigurationError {
    ConfigurationError(
      origin: .nowhere, message: "no upstream: \(reason); name one with --upstream ADDRESS")
  }
}
