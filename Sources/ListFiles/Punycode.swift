/// Names with letters beyond ASCII, as the DNS has them (RFC 3492, RFC 5891).
enum Punycode {
  /// A name of which each label is ASCII; nothing when it can't be one.
  ///
  /// Letters are put in lower case; what else IDNA maps (RFC 5895) is not, so such a name is another one and not
  /// blocked, rather than the wrong one.
  static func ascii(_ name: String) -> [UInt8]? {
    var octets: [UInt8] = []
    for (index, label) in name.split(
      whereSeparator: { $0 == "." || $0 == "\u{3002}" || $0 == "\u{FF0E}" || $0 == "\u{FF61}" }
    ).enumerated() {
      if index > 0 { octets.append(UInt8(ascii: ".")) }
      let scalars = Array(label.lowercased().unicodeScalars)
      guard scalars.count < 64, !scalars.contains("\u{FFFD}") else { return nil }
      guard scalars.contains(where: { $0.value >= 0x80 }) else {
        octets += Array(label.lowercased().utf8)
        continue
      }
      guard let encoded = encode(scalars) else { return nil }
      octets += Array("xn--".utf8) + encoded
    }
    return octets.isEmpty ? nil : octets
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
    guard scalars.count < 64 else { return nil }
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
    return output.count < 60 ? output : nil
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
