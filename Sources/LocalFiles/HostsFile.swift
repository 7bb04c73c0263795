import DNSWire

/// Reads the lines of a hosts file (hosts(5)).
public struct HostsFile: Sendable {
  private let names: HostNames

  /// - Parameter domain: what names without a dot are in as well.
  public init(domain: Name?) { names = HostNames(domain: domain) }

  /// What a line says: A or AAAA for each of its names, and PTR from the address to the first.
  public func read(_ line: [UInt8], number: Int) -> [LocalFileEvent] {
    let text = line.prefix { $0 != UInt8(ascii: "#") }
    let words = text.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    guard let first = words.first else { return [] }
    guard let address = IPAddress(String(decoding: first, as: UTF8.self)) else {
      // An address of one link, such as fe80::1%eth0, means nothing to others.
      if first.contains(UInt8(ascii: "%")) { return [.ignored] }
      return [mistake("\(shown(first)) is no address; a line is ADDRESS NAME [NAME …]", number)]
    }
    guard words.count > 1 else { return [mistake("no name behind the address", number)] }
    // Loopback addresses are this host's own business: for others 127.0.1.1 is not the server. `localhost` is answered
    // as RFC 6761 has it. The ip6- names are those of every Debian file.
    if LocalAddress.isLoopback(address) || words[1].starts(with: "ip6-".utf8) { return [.ignored] }
    var events: [LocalFileEvent] = []
    var hosts: [Name] = []
    for word in words.dropFirst() {
      if let name = HostName.name(word) {
        hosts.append(name)
      } else {
        events.append(
          mistake(
            "\(shown(word)) is no name of a host: labels of 1 to 63 letters, digits and hyphens",
            number))
      }
    }
    let isUnspecified = address.octets.allSatisfy { $0 == 0 }
    let records = names.records(hosts, address, line: number, isReversed: !isUnspecified)
    return records.map { .record($0) } + events
  }

  private func mistake(_ text: String, _ number: Int) -> LocalFileEvent {
    .mistake(LineMistake(line: number, text: text))
  }
}

/// A word for a message: short, and without what a terminal would act on.
func shown(_ word: ArraySlice<UInt8>) -> String {
  let text = String(decoding: word.prefix(60), as: UTF8.self)
  return text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }.joined()
}

extension LocalAddress {
  static func isLoopback(_ address: IPAddress) -> Bool {
    let scope =
      address.isIPv4
      ? scope(v4: UInt32(truncatingIfNeeded: address.low))
      : scope(v6High: address.high, low: address.low)
    return scope == .loopback
  }
}
