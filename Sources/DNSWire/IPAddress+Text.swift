extension IPAddress: LosslessStringConvertible {
  /// Reads a dotted quad or any text form of an IPv6 address (RFC 4291 §2.2), without a zone.
  ///
  /// Strict: no leading zeros in a quad, which some programs read as octal, and no spaces.
  public init?(_ text: String) {
    self.init(text: Array(text.utf8)[...])
  }

  /// Reads the octets of such a text.
  public init?(text octets: ArraySlice<UInt8>) {
    if let address = IPAddress.quad(octets) {
      self.init(v4: address)
      return
    }
    // At most one "::". Three colons would leave one at an end of a half, which groups(_:) refuses.
    guard
      let gap = octets.indices.dropLast().first(where: { octets[$0...].starts(with: "::".utf8) })
    else {
      guard let groups = IPAddress.groups(octets, quadAllowed: true), groups.count == 8 else {
        return nil
      }
      self.init(groups: groups)
      return
    }
    let (before, after) = (octets[..<gap], octets[(gap + 2)...])
    guard let left = before.isEmpty ? [] : IPAddress.groups(before, quadAllowed: false),
      let right = after.isEmpty ? [] : IPAddress.groups(after, quadAllowed: true),
      // RFC 4291 §2.2: "::" stands for one or more groups.
      left.count + right.count <= 7
    else { return nil }
    let zeros = [UInt16](repeating: 0, count: 8 - left.count - right.count)
    self.init(groups: left + zeros + right)
  }

  private init(groups: [UInt16]) {
    self.init(
      v6High: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
      low: groups[4...].reduce(0) { $0 << 16 | UInt64($1) })
  }

  private static func quad(_ text: ArraySlice<UInt8>) -> UInt32? {
    var address: UInt32 = 0
    var dots = 0
    // The part that is being read; nothing before its first digit.
    var part: UInt32?
    for octet in text {
      if octet == Octet.dot, let number = part {
        address = address << 8 | number
        dots += 1
        part = nil
      } else {
        guard let digit = octet.digitValue, part != 0 else { return nil }
        let number = (part ?? 0) * 10 + UInt32(digit)
        guard number <= 255 else { return nil }
        part = number
      }
    }
    guard dots == 3, let part else { return nil }
    return address << 8 | part
  }

  /// Reads groups of one to four hexadecimal digits, the last two perhaps as a dotted quad.
  private static func groups(_ text: ArraySlice<UInt8>, quadAllowed: Bool) -> [UInt16]? {
    let parts = text.split(separator: Octet.colon, omittingEmptySubsequences: false)
    var groups: [UInt16] = []
    for (index, part) in parts.enumerated() {
      if quadAllowed, index == parts.count - 1, let address = quad(part) {
        groups.append(UInt16(truncatingIfNeeded: address >> 16))
        groups.append(UInt16(truncatingIfNeeded: address))
        continue
      }
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for digit in part {
        guard let value = digit.hexValue else { return nil }
        group = group << 4 | UInt16(value)
      }
      groups.append(group)
    }
    return groups
  }

  /// The canonical text form (RFC 5952 §4), an IPv4-mapped address with its quad (§5).
  public var description: String {
    if isIPv4 { return IPAddress.quadText(UInt32(truncatingIfNeeded: low)) }
    if isIPv4Mapped { return "::ffff:" + IPAddress.quadText(UInt32(truncatingIfNeeded: low)) }
    let groups =
      stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: high >> $0) }
      + stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: low >> $0) }
    // RFC 5952 §4.2: the longest run of zeros, the first among equals, never one group alone.
    var longest = 0..<0
    var start = 0
    for index in groups.indices {
      if groups[index] != 0 { start = index + 1 }
      if index + 1 - start > longest.count { longest = start..<(index + 1) }
    }
    func text(_ groups: some Sequence<UInt16>) -> String {
      groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
    if longest.count < 2 { return text(groups) }
    return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
  }

  private static func quadText(_ address: UInt32) -> String {
    address.octets.map { String($0) }.joined(separator: ".")
  }
}
