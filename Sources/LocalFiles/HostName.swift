import DNSWire

/// Names of hosts as files of hosts and leases have them.
enum HostName {
  /// The name that a word of a hosts file is, made absolute; nothing when no host can have it (RFC 952, RFC 1123 §2.1,
  /// and the underscore, which is in use).
  static func name(_ word: ArraySlice<UInt8>) -> Name? {
    let text = word.last == UInt8(ascii: ".") ? word.dropLast() : word
    let labels = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard !text.isEmpty,
      labels.allSatisfy({ label in
        (1...63).contains(label.count) && label.allSatisfy(isOfHostName)
      })
    else { return nil }
    return try? Name(labels: labels)
  }

  private static func isOfHostName(_ octet: UInt8) -> Bool {
    isLetterOrDigit(octet) || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
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
