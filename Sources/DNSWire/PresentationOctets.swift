// Text is handled as octets: zone files have no encoding, and escapes make octets of their own.

/// Octets with a meaning in zone files (RFC 1035 §5.1).
enum Octet {
  static let tab: UInt8 = 0x09
  static let newline: UInt8 = 0x0A
  static let carriageReturn: UInt8 = 0x0D
  static let space: UInt8 = 0x20
  static let quote: UInt8 = 0x22
  static let dollar: UInt8 = 0x24
  static let openParenthesis: UInt8 = 0x28
  static let closeParenthesis: UInt8 = 0x29
  static let comma: UInt8 = 0x2C
  static let hyphen: UInt8 = 0x2D
  static let dot: UInt8 = 0x2E
  static let slash: UInt8 = 0x2F
  static let zero: UInt8 = 0x30
  static let colon: UInt8 = 0x3A
  static let semicolon: UInt8 = 0x3B
  static let equals: UInt8 = 0x3D
  static let at: UInt8 = 0x40
  static let backslash: UInt8 = 0x5C
}

extension UInt8 {
  /// The small letter for a capital ASCII letter, anything else as it is (RFC 4343 §3).
  var asciiLowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

  /// The value of a decimal digit.
  var digitValue: UInt8? { self &- 0x30 < 10 ? self &- 0x30 : nil }
}

extension UInt8 {
  /// The value of a hexadecimal digit of either case.
  var hexValue: UInt8? {
    if let value = digitValue { return value }
    let letter = (self | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }

  /// The small hexadecimal digit for a value below 16.
  var hexDigit: UInt8 { self < 10 ? 0x30 + self : 0x57 + self }
}

extension ArraySlice<UInt8> {
  /// The number that the octets write in decimal, or nil when it does not fit or is none.
  func decimal<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    guard !isEmpty else { return nil }
    var number: Number = 0
    for octet in self {
      guard let digit = octet.digitValue else { return nil }
      let (shifted, overflow) = number.multipliedReportingOverflow(by: 10)
      let (sum, carry) = shifted.addingReportingOverflow(Number(digit))
      guard !overflow, !carry else { return nil }
      number = sum
    }
    return number
  }

  /// Takes what follows a backslash: three digits, or one octet that stands for itself.
  mutating func popEscaped() -> UInt8? {
    guard let first = popFirst() else { return nil }
    guard let hundreds = first.digitValue else { return first }
    guard let tens = popFirst()?.digitValue, let ones = popFirst()?.digitValue else { return nil }
    return UInt8(exactly: Int(hundreds) * 100 + Int(tens) * 10 + Int(ones))
  }

  /// The octets with every escape resolved, or nil when one is broken.
  var unescaped: [UInt8]? {
    var result: [UInt8] = []
    var rest = self
    while let octet = rest.popFirst() {
      guard let value = octet == Octet.backslash ? rest.popEscaped() : octet else { return nil }
      result.append(value)
    }
    return result
  }
}

extension [UInt8] {
  /// Appends one octet so that it reads back as itself, inside a name or between quotes.
  mutating func append(_ octet: UInt8, escapingName: Bool) {
    switch octet {
    case Octet.quote, Octet.backslash:
      append(Octet.backslash)
      append(octet)
    case Octet.dot, Octet.semicolon, Octet.openParenthesis, Octet.closeParenthesis,
      Octet.at, Octet.dollar:
      if escapingName { append(Octet.backslash) }
      append(octet)
    case Octet.space where !escapingName:
      append(octet)
    case 0x21...0x7E:
      append(octet)
    default:
      append(Octet.backslash)
      append(Octet.zero + octet / 100)
      append(Octet.zero + octet / 10 % 10)
      append(Octet.zero + octet % 10)
    }
  }
}
