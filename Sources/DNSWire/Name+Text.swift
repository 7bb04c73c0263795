extension Name: CustomStringConvertible {
  /// Reads the text form, with `\.` and `\DDD` escapes; the final dot may be left out.
  ///
  /// Every name is taken as absolute. Octets outside ASCII are taken as they are (UTF-8), not
  /// turned into IDNA.
  public init(_ text: String) throws(NameTextError) {
    try self.init(presentation: Array(text.utf8)[...])
  }

  init(presentation text: ArraySlice<UInt8>) throws(NameTextError) {
    guard let first = text.first else { throw .empty }
    if text.count == 1, first == Octet.dot { self = .root; return }
    if text.count == 1, first == Octet.at { throw .noOrigin }
    var wire: [UInt8] = [0]
    var labelStart = 0
    var rest = text
    while let octet = rest.popFirst() {
      if octet == Octet.dot {
        guard wire.count - labelStart > 1 else { throw .emptyLabel }
        labelStart = wire.count
        wire.append(0)
      } else {
        guard let value = octet == Octet.backslash ? rest.popEscaped() : octet else {
          throw .badEscape
        }
        guard wire[labelStart] < WireName.longestLabel else { throw .labelTooLong }
        wire[labelStart] += 1
        wire.append(value)
      }
    }
    // Without a final dot the last label is still open, and the root is missing.
    if labelStart != wire.count - 1 { wire.append(0) }
    guard wire.count <= WireName.longest else { throw .nameTooLong }
    self.init(validated: wire)
  }

  /// Reads a name of a zone file: relative to an origin unless it ends in a dot, `@` being the origin itself.
  ///
  /// Without an origin such a name is no name.
  init(presentation text: ArraySlice<UInt8>, origin: Name?) throws(NameTextError) {
    let isOrigin = text.count == 1 && text.first == Octet.at
    // An escaped dot is no end.
    let escapes = text.dropLast().reversed().prefix { $0 == Octet.backslash }.count
    if text.last == Octet.dot, escapes.isMultiple(of: 2) {
      try self.init(presentation: text)
      return
    }
    guard let origin else { throw .noOrigin }
    if isOrigin {
      self = origin
      return
    }
    let relative = try Name(presentation: text)
    let wire = relative.wire.dropLast() + origin.wire
    guard wire.count <= WireName.longest else { throw .nameTooLong }
    self.init(validated: Array(wire))
  }

  /// The text form, always with the final dot.
  ///
  /// What a zone file would read differently is escaped: dot, backslash, `"`, `;`, `(`, `)`, `@`
  /// and `$` by a backslash, space and unprintable octets as `\DDD`.
  public var description: String {
    guard !isRoot else { return "." }
    var text: [UInt8] = []
    text.reserveCapacity(wire.count)
    for label in labels {
      for octet in label { text.append(octet, escapingName: true) }
      text.append(Octet.dot)
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Why text is not a domain name (RFC 1035 §5.1).
public enum NameTextError: Error, Hashable, Sendable {
  /// There is no text at all; the root is written `.`.
  case empty
  /// Two dots stand together, or the first octet of a longer name is a dot.
  case emptyLabel
  /// A label has more than 63 octets.
  case labelTooLong
  /// The name has more than 255 octets.
  case nameTooLong
  /// A backslash is last, or the three digits after it are not a number up to 255.
  case badEscape
  /// A lone `@` stands for the origin of a zone file, and there is none.
  case noOrigin
}
