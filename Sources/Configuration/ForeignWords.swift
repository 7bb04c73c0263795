import DNSWire

/// Words of other DNS servers' configurations, and what to write here instead.
enum ForeignWords {
  /// Top-level words of unbound's file, which look like keys of YAML.
  private static let unboundKeys: Set<String> = [
    "server", "forward-zone", "stub-zone", "auth-zone", "local-zone", "local-data", "forward-addr",
    "remote-control", "interface", "access-control",
  ]

  /// dnsmasq's words for names of the LAN, with ours.
  private static let localWords = [
    "address": "`local.zones` and `local.records`", "host-record": "`local.records`",
    "cname": "`local.records`", "ptr-record": "`local.records`", "srv-host": "`local.records`",
    "addn-hosts": "`local.hosts`", "expand-hosts": "`local.domain`", "domain": "`local.domain`",
    "dhcp-leasefile": "`local.leases`", "local-ttl": "`local.ttl`",
  ]

  /// A hint for a key of another server's configuration.
  static func hint(key: String) -> String? {
    if key == "local-zone" || key == "local-data" {
      return
        "this is unbound's; here it is `local.zones` and `local.records`, see docs/lan-names.md"
    }
    guard unboundKeys.contains(key) else { return nil }
    return
      "this is unbound's; here the servers to ask are `upstream: [9.9.9.9]`, those of one domain `routes`, and `listen` and `allow` what interface and access-control are there"
  }

  /// A hint for a file that YAML reads as one long text.
  static func hint(text: String) -> String? {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard let first = words.first else { return nil }
    if first == "nameserver" {
      return "this is resolv.conf's form; here it is `upstream: [9.9.9.9]`"
    }
    let key = first.prefix { $0 != "=" }
    if first.contains("="), let other = localWords[String(key)] {
      return "this is dnsmasq's form; here it is \(other), see docs/lan-names.md"
    }
    if first.contains("=/"), let route = hint(route: String(first.drop { $0 != "/" })) {
      return route
    }
    if first.contains("=") {
      return "this is dnsmasq's form; here `server=9.9.9.9` is `upstream: [9.9.9.9]`"
    }
    if words.prefix(4).contains("{") {
      return "this is BIND's or CoreDNS's form; here the servers to ask are `upstream: [9.9.9.9]`"
    }
    return nil
  }

  /// A hint for dnsmasq's form of a route, `/corp.example/10.0.0.53`.
  static func hint(route text: String) -> String? {
    let parts = text.split(separator: "/")
    guard text.hasPrefix("/"), let server = parts.last, parts.count > 1 else { return nil }
    let domains = parts.dropLast().joined(separator: ",")
    return "this is dnsmasq's form of a route; here it is `routes: [\"\(domains)=\(server)\"]`"
  }

  /// A hint for a text that is no address: a URL, another program's way to write the port, a name.
  static func hint(address text: String) -> String? {
    if let scheme = text.firstRange(of: "://") {
      let name = text[..<scheme.lowerBound].lowercased()
      guard ["tls", "https", "quic", "h3", "sdns", "http", "udp"].contains(name) else { return nil }
      return name == "udp"
        ? "that is what an address alone means; leave udp:// out"
        : "encrypted DNS (\(name)://) is not spoken yet; write the server's address alone, to ask it unencrypted"
    }
    for mark in ["@", "#"] {
      let parts = text.split(separator: mark, maxSplits: 1)
      if parts.count == 2, UInt16(parts[1]) != nil {
        return
          "the port stands behind a colon here: \(parts[0].contains(":") ? "[\(parts[0])]" : parts[0]):\(parts[1])"
      }
    }
    let hasLetter = text.contains { $0.isLetter }
    if hasLetter, text.contains("."), !text.contains(":"), (try? Name(text)) != nil {
      return
        "a name, and nobody is there to be asked for its address; write the address, as 192.0.2.1"
    }
    return nil
  }

  /// A hint for a line that YAML can't read.
  static func hint(line: String) -> String? {
    if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
      return "a tab; indent with spaces"
    }
    if line.contains("[::") || line.contains("[[") || line.contains("[ [") {
      return "an IPv6 address in a list wants quotes: [\"[::1]:53\"]"
    }
    return nil
  }
}
