import DNSWire

/// Reads the lines of a hosts file (hosts(5)).
public struct HostsFile: Sendable {
  private let names: HostNames

  /// - Parameter domain: what names without a dot are in as well.
  public init(domain: Name?) { names = HostNames(domain: domain) }

  /// What a line says: A or AAAA for each of its names, and PTR from the address to the first.
  public func read(_ line: [UInt8], number: Int) -> [LocalFileEvent] {
    var rest = line[...]
    guard let first = HostsFile.nextWord(&rest) else { return [] }
    guard let address = IPAddress(text: first) else {
      // An address of one link, such as fe80::1%eth0, means nothing to others.
      if first.contains(UInt8(ascii: "%")) { return [.ignored] }
      return [mistake("\(shown(first)) is no address; a line is ADDRESS NAME [NAME …]", number)]
    }
    var next = HostsFile.nextWord(&rest)
    guard let name = next else { return [mistake("no name behind the address", number)] }
    // Loopback addresses are this host's own business: for others 127.0.1.1 is not the server. `localhost` is answered
    // as RFC 6761 has it. The ip6- names are those of every Debian file.
    if LocalAddress.isLoopback(address) || name.starts(with: "ip6-".utf8) { return [.ignored] }
    var hosts: [[UInt8]] = []
    var mistakes: [LocalFileEvent] = []
    while let word = next {
      next = HostsFile.nextWord(&rest)
      if let name = HostName.wire(word) {
        hosts.append(name)
      } else {
        mistakes.append(
          mistake(
            "\(shown(word)) is no name of a host: labels of 1 to 63 letters, digits and hyphens",
            number))
      }
    }
    let isUnspecified = address.octets.allSatisfy { $0 == 0 }
    return names.records(hosts, address, line: number, isReversed: !isUnspecified) + mistakes
  }

  /// Takes the next word off a line, which ends at a comment.
  private static func nextWord(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var start = rest.startIndex
    while start < rest.endIndex, isBlank(rest[start]) { start += 1 }
    var end = start
    while end < rest.endIndex, !isBlank(rest[end]), rest[end] != UInt8(ascii: "#") { end += 1 }
    defer { rest = rest[end...] }
    return start < end ? rest[start..<end] : nil
  }

  private static func isBlank(_ octet: UInt8) -> Bool {
    octet == UInt8(ascii: " ") || octet == UInt8(ascii: "\t")
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
