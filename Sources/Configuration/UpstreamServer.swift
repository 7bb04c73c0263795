import DNSExchange
import DNSResolver
import DNSWire
import System

/// An upstream as it is configured: its address, and what it is asked with.
///
/// `192.0.2.1`, `dns://192.0.2.1:53?cookies=off&edns=off&letter-case=off`, or `tcp://192.0.2.1`.
package struct UpstreamServer: Hashable, Sendable {
  package var address: Endpoint
  package var transport = ServerAddress.Transport.udp
  package var rules = ServerRules()

  /// What can be switched off in a `dns://` URL.
  private static let options:
    [(name: String, rule: WritableKeyPath<ServerRules, Bool> & Sendable)] = [
      ("cookies", \.usesCookies), ("edns", \.usesEDNS), ("letter-case", \.usesLetterCase),
    ]

  package init(_ address: Endpoint) { self.address = address }

  /// Reads an address or a URL.
  init(_ text: String) throws(ValueError) {
    let scheme = ["dns://", "tcp://"].first { text.hasPrefix($0) } ?? ""
    let parts = text.dropFirst(scheme.count).split(
      separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 1 || !scheme.isEmpty || text.contains("://") else {
      throw ValueError(description: "options want dns:// in front, as dns://192.0.2.1?cookies=off")
    }
    guard let address = Endpoint(String(parts.first ?? ""), defaultPort: Settings.port) else {
      if let hint = ForeignWords.hint(address: text) { throw ValueError(description: hint) }
      throw ValueError(
        description: "not an address; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53")
    }
    self.address = address
    transport = scheme == "tcp://" ? .tcp : .udp
    guard parts.count == 2 else { return }
    guard transport == .udp else {
      throw ValueError(description: "tcp:// has no options; write them behind dns://")
    }
    for option in parts[1].split(separator: "&", omittingEmptySubsequences: false) {
      try apply(option)
    }
  }

  private mutating func apply(_ option: Substring) throws(ValueError) {
    let words = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(words.first ?? "")
    guard let known = Self.options.first(where: { $0.name == name }) else {
      let names = Self.options.map(\.name)
      throw ValueError(
        description:
          "no option \"\(name)\"\(NearestWord.hint(for: name, among: names)); those are \(names.joined(separator: ", "))"
      )
    }
    guard words.count == 2, words[1] == "off" || words[1] == "auto" else {
      throw ValueError(description: "\(name) is auto or off, as in \(name)=off")
    }
    rules[keyPath: known.rule] = words[1] == "auto"
  }
}

extension UpstreamServer: CustomStringConvertible {
  /// The upstream as a person would write it, with the port.
  package var description: String {
    if transport == .tcp { return "tcp://\(address)" }
    let off = Self.options.filter { !rules[keyPath: $0.rule] }.map { "\($0.name)=off" }
    return off.isEmpty ? "\(address)" : "dns://\(address)?\(off.joined(separator: "&"))"
  }
}
