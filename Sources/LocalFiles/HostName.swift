import DNSWire

/// Names of hosts as files of hosts and leases have them.
enum HostName {
  /// The name that a word of a hosts file is, in wire form, absolute and lower-cased; nothing when no host can have it
  /// (RFC 952, RFC 1123 §2.1, and the underscore, which is in use).
  static func wire(_ word: ArraySlice<UInt8>) -> [UInt8]? {
    var wire: [UInt8] = [0]
    wire.reserveCapacity(word.count + 2)
    var label = 0
    for octet in word {
      if octet == UInt8(ascii: ".") {
        guard wire[label] > 0 else { return nil }
        label = wire.count
        wire.append(0)
      } else {
        guard let octet = lowercased(octet), wire[label] < WireName.longestLabel else { return nil }
        wire[label] += 1
        wire.append(octet)
      }
    }
    // Without a final dot the last label is still open, and the root is missing.
    if wire[label] > 0 { wire.append(0) }
    return wire.count > 1 && wire.count <= WireName.longest ? wire : nil
  }

  /// An octet that a name of a host may have, as a small letter if it is one.
  private static func lowercased(_ octet: UInt8) -> UInt8? {
    switch octet {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): octet | 0x20
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"):
      octet
    default: nil
    }
  }

  private static func isLetterOrDigit(_ octet: UInt8) -> Bool {
    let small = octet | 0x20
    return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(octet)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(small)
  }

  /// A label of letters, digits and hyphens made of what a client calls itself; nothing when nothing is left.
  ///
  /// Of a name with dots the first label counts: in which domain a host is, is not its business.
  static func label(cleaning text: ArraySlice<UInt8>) -> [UInt8]? {
    var label: [UInt8] = []
    for octet in text.prefix(while: { $0 != UInt8(ascii: ".") }) {
      if isLetterOrDigit(octet) {
        label.append((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(octet) ? octet | 0x20 : octet)
      } else if octet != UInt8(ascii: "'"), !label.isEmpty, label.last != UInt8(ascii: "-") {
        label.append(UInt8(ascii: "-"))
      }
    }
    label = Array(label.prefix(63))
    while label.last == UInt8(ascii: "-") { label.removeLast() }
    return label.isEmpty ? nil : label
  }

  /// Names that mean something to programs, so that no client may call itself by them: they would send it what is meant
  /// for others (WPAD; ISATAP, RFC 5214 §8.3.2).
  static let reserved: Set<String> = ["wpad", "isatap", "localhost"]
}
