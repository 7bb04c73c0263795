/// A domain name of its own, for people, tests and tools; packets are read without making one.
///
/// Letters keep the case they came in and compare without it (RFC 4343 §3). A value is always
/// valid: labels of 1 to 63 octets, at most 255 octets in all, the root last (RFC 1035 §2.3.4).
public struct Name: Sendable {
  /// The root, a name without labels.
  public static let root = Name(validated: [0])

  /// The uncompressed wire form, the root's zero octet included (RFC 1035 §3.1).
  public let wire: [UInt8]

  init(validated wire: [UInt8]) { self.wire = wire }

  /// Takes octets that are exactly one uncompressed name.
  ///
  /// Throws `truncated`, `badLabel` (a pointer, too), `nameTooLong` or `trailingOctets`.
  public init(wire: Span<UInt8>) throws(WireError) {
    guard try WireName.endOfPlain(wire, at: 0) == wire.count else { throw .trailingOctets }
    self.wire = Array(copying: wire)
  }

  /// Takes octets that are exactly one uncompressed name.
  ///
  /// Throws `truncated`, `badLabel` (a pointer, too), `nameTooLong` or `trailingOctets`.
  public init(wire: [UInt8]) throws(WireError) {
    try self.init(wire: wire.span)
  }

  /// Joins labels, the leftmost first, and adds the root.
  ///
  /// Throws `badLabel` for an empty label or one of more than 63 octets, `nameTooLong` past 255.
  public init(labels: some Sequence<some Collection<UInt8>>) throws(WireError) {
    var wire: [UInt8] = []
    for label in labels {
      guard (1...WireName.longestLabel).contains(label.count) else { throw .badLabel }
      wire.append(UInt8(label.count))
      wire.append(contentsOf: label)
    }
    wire.append(0)
    guard wire.count <= WireName.longest else { throw .nameTooLong }
    self.wire = wire
  }

  /// The labels without the root, the leftmost first.
  public var labels: [ArraySlice<UInt8>] {
    labelStarts.map { wire[($0 + 1)..<($0 + 1 + Int(wire[$0]))] }
  }

  /// How many labels the name has, the root not counted, as in RRSIG (RFC 4034 §3.1.3).
  public var labelCount: Int { labelStarts.count }

  /// The name without its leftmost label, or nil for the root.
  public var parent: Name? {
    isRoot ? nil : Name(validated: Array(wire[(1 + Int(wire[0]))...]))
  }

  /// Whether this is the root.
  public var isRoot: Bool { wire.count == 1 }

  /// Whether the leftmost label is a lone asterisk (RFC 4592 §2.1.1).
  public var isWildcard: Bool { wire.starts(with: [1, 0x2A]) }

  /// Whether this name equals `ancestor` or lies below it.
  public func isSubdomain(of ancestor: Name) -> Bool {
    let start = wire.count - ancestor.wire.count
    guard start >= 0, start == wire.count - 1 || labelStarts.contains(start) else { return false }
    return wire[start...].elementsEqual(ancestor.wire) { $0.asciiLowercased == $1.asciiLowercased }
  }

  /// The same name with small letters only, its form for signing (RFC 4034 §6.2).
  public var lowercased: Name { Name(validated: wire.map(\.asciiLowercased)) }

  /// Where the length octet of each label stands, the root's left out.
  var labelStarts: [Int] {
    var starts: [Int] = []
    var position = 0
    while wire[position] != 0 {
      starts.append(position)
      position += 1 + Int(wire[position])
    }
    return starts
  }
}

// A length octet is at most 63 and the letters begin at 65, so that folding the whole wire form
// changes letters only.
extension Name: Hashable {
  /// Compares without regard to letter case (RFC 4343 §3).
  public static func == (left: Name, right: Name) -> Bool {
    left.wire.elementsEqual(right.wire) { $0.asciiLowercased == $1.asciiLowercased }
  }

  /// Hashes without regard to letter case.
  public func hash(into hasher: inout Hasher) {
    for octet in wire { hasher.combine(octet.asciiLowercased) }
  }
}

extension Name: Comparable {
  /// Orders as DNSSEC does: label by label from the right, as lower-cased octets (RFC 4034 §6.1).
  public static func < (left: Name, right: Name) -> Bool {
    for (leftLabel, rightLabel) in zip(left.labels.reversed(), right.labels.reversed()) {
      let leftFolded = leftLabel.map(\.asciiLowercased)
      let rightFolded = rightLabel.map(\.asciiLowercased)
      if leftFolded != rightFolded { return leftFolded.lexicographicallyPrecedes(rightFolded) }
    }
    return left.labelCount < right.labelCount
  }
}
