import DNSWire

/// Names with letters beyond ASCII, as the DNS has them (RFC 3492, RFC 5891).
enum Punycode {
  /// A name as the DNS has it, in wire form; nothing when it can't be one.
  ///
  /// Letters are put in lower case. What else IDNA 2008 has somebody map or put together first (RFC 5895) isn't: such a
  /// text is taken for no name, rather than for another one.
  static func wire(_ name: String) -> [UInt8]? {
    var octets: [UInt8] = []
    let labels = name.unicodeScalars.split(omittingEmptySubsequences: false, whereSeparator: isDot)
    for (index, label) in labels.enumerated() {
      // Behind the last dot is the root.
      if label.isEmpty, index > 0, index == labels.count - 1 { break }
      let scalars = Array(String(label).lowercased().unicodeScalars)
      guard let encoded = encodeLabel(scalars), !encoded.isEmpty,
        encoded.count <= WireName.longestLabel
      else { return nil }
      octets.append(UInt8(truncatingIfNeeded: encoded.count))
      octets += encoded
    }
    octets.append(0)
    return octets.count <= WireName.longest ? octets : nil
  }

  /// RFC 3490 §3.1: what people may write between labels.
  private static func isDot(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "." || scalar == "\u{3002}" || scalar == "\u{FF0E}" || scalar == "\u{FF61}"
  }

  private static func encodeLabel(_ scalars: [Unicode.Scalar]) -> [UInt8]? {
    guard scalars.count <= WireName.longestLabel, scalars.allSatisfy(isAllowed) else { return nil }
    if scalars.allSatisfy(\.isASCII) {
      return scalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }
    return encode(scalars).map { Array("xn--".utf8) + $0 }
  }

  /// Whether a character may stand in a name: letters, digits and marks that no mapping would change (RFC 5892 §2).
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "0"..."9", "-", "_": return true
    case "\0"..."\u{7F}": return false
    // Letters of their own since IDNA 2008 (RFC 5892 §2.6).
    case "\u{DF}", "\u{3C2}": return true
    // What would have to be put together with the letter before: accents, voiced kana, parts of Hangul syllables.
    case "\u{300}"..."\u{36F}", "\u{3099}"..."\u{309A}", "\u{1100}"..."\u{11FF}": return false
    default: break
    }
    switch scalar.properties.generalCategory {
    case .lowercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark,
      .decimalNumber:
      return !scalar.properties.changesWhenNFKCCaseFolded
    default: return false
    }
  }

  // RFC 3492 §5.
  private static let base: UInt32 = 36
  private static let tMin: UInt32 = 1
  private static let tMax: UInt32 = 26
  private static let skew: UInt32 = 38
  private static let damp: UInt32 = 700
  private static let initialBias: UInt32 = 72
  private static let initialN: UInt32 = 128

  /// RFC 3492 §6.3; labels are short, so nothing overflows.
  static func encode(_ scalars: [Unicode.Scalar]) -> [UInt8]? {
    var output = scalars.filter { $0.value < 0x80 }.map { UInt8(truncatingIfNeeded: $0.value) }
    let basic = UInt32(output.count)
    var handled = basic
    if basic > 0 { output.append(UInt8(ascii: "-")) }
    var n = initialN
    var delta: UInt32 = 0
    var bias = initialBias
    while handled < UInt32(scalars.count) {
      guard let next = scalars.map(\.value).filter({ $0 >= n }).min() else { return nil }
      delta &+= (next - n) &* (handled + 1)
      n = next
      for scalar in scalars {
        if scalar.value < n { delta &+= 1 }
        guard scalar.value == n else { continue }
        var q = delta
        var k = base
        while true {
          let t = k <= bias ? tMin : min(max(k - bias, tMin), tMax)
          if q < t { break }
          output.append(digit(t + (q - t) % (base - t)))
          q = (q - t) / (base - t)
          k += base
        }
        output.append(digit(q))
        bias = adapt(delta, handled + 1, isFirst: handled == basic)
        delta = 0
        handled += 1
      }
      delta &+= 1
      n += 1
    }
    return output
  }

  private static func digit(_ number: UInt32) -> UInt8 {
    UInt8(truncatingIfNeeded: number < 26 ? number + 0x61 : number - 26 + 0x30)
  }

  private static func adapt(_ delta: UInt32, _ count: UInt32, isFirst: Bool) -> UInt32 {
    var delta = isFirst ? delta / damp : delta / 2
    delta += delta / count
    var k: UInt32 = 0
    while delta > (base - tMin) * tMax / 2 {
      delta /= base - tMin
      k += base
    }
    return k + (base - tMin + 1) * delta / (delta + skew)
  }
}
