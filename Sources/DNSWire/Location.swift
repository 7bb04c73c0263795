/// A place on Earth, as LOC has it (RFC 1876 §2).
struct Location {
  /// Size, horizontal and vertical precision: a digit times a power of ten, in centimetres.
  private let precisions: [UInt8]
  /// Thousandths of a second of arc, north and east being positive.
  private let latitude: Int
  private let longitude: Int
  /// Centimetres above the reference spheroid.
  private let altitude: Int

  /// What the angles are counted from in the record, the equator and the prime meridian.
  private static let zeroAngle = 1 << 31
  /// How far below the spheroid altitudes begin, in centimetres.
  private static let lowestAltitude = 10_000_000
  /// A right angle in thousandths of a second of arc.
  private static let rightAngle = 90 * 3_600_000

  /// Takes the 16 octets of version 0; nil for other versions, angles too large and numbers that
  /// are not in their one normal form.
  init?(wire: ArraySlice<UInt8>) {
    var rest = wire
    guard wire.count == 16, rest.popNumber(UInt8.self) == 0, let precisions = rest.pop(3),
      precisions.allSatisfy({ $0 == 0 || (1...9).contains($0 >> 4) && $0 & 0xF <= 9 }),
      let latitude = rest.popNumber(UInt32.self), let longitude = rest.popNumber(UInt32.self),
      let altitude = rest.popNumber(UInt32.self)
    else { return nil }
    self.precisions = Array(precisions)
    self.latitude = Int(latitude) - Self.zeroAngle
    self.longitude = Int(longitude) - Self.zeroAngle
    self.altitude = Int(altitude) - Self.lowestAltitude
    guard abs(self.latitude) <= Self.rightAngle, abs(self.longitude) <= 2 * Self.rightAngle else {
      return nil
    }
  }

  /// Reads `52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m` (RFC 1876 §3).
  init(tokens: ArraySlice<PresentationToken>) throws(RDataTextError) {
    var rest = tokens
    guard let latitude = Self.popAngle(&rest, positive: "N", negative: "S"),
      let longitude = Self.popAngle(&rest, positive: "E", negative: "W"),
      abs(latitude) <= Self.rightAngle, abs(longitude) <= 2 * Self.rightAngle,
      let altitude = rest.popFirst().flatMap({ Self.centimetres($0.text) }),
      UInt32(exactly: altitude + Self.lowestAltitude) != nil, rest.count <= 3
    else { throw .badLocation }
    // The defaults of RFC 1876 §3: 1 m, 10,000 m and 10 m.
    var precisions: [UInt8] = [0x12, 0x16, 0x13]
    for (index, token) in rest.enumerated() {
      guard let precision = Self.centimetres(token.text).flatMap(Self.precision) else {
        throw .badLocation
      }
      precisions[index] = precision
    }
    self.precisions = precisions
    self.latitude = latitude
    self.longitude = longitude
    self.altitude = altitude
  }

  var wire: [UInt8] {
    [0] + precisions + UInt32(latitude + Self.zeroAngle).octets
      + UInt32(longitude + Self.zeroAngle).octets + UInt32(altitude + Self.lowestAltitude).octets
  }

  var text: String {
    let angles = [
      Self.angleText(latitude), latitude < 0 ? "S" : "N",
      Self.angleText(longitude), longitude < 0 ? "W" : "E",
    ]
    let lengths = [altitude] + precisions.map { Self.power(Int($0 & 0xF)) * Int($0 >> 4) }
    return (angles + lengths.map { Self.fixedPoint($0, decimals: 2) + "m" }).joined(separator: " ")
  }

  private static func angleText(_ angle: Int) -> String {
    let magnitude = abs(angle)
    let seconds = fixedPoint(magnitude % 60_000, decimals: 3)
    return "\(magnitude / 3_600_000) \(magnitude / 60_000 % 60) \(seconds)"
  }

  /// Takes degrees, perhaps minutes and seconds, and a direction.
  private static func popAngle(
    _ tokens: inout ArraySlice<PresentationToken>, positive: String, negative: String
  ) -> Int? {
    var parts: [Int] = []
    while let token = tokens.popFirst() {
      let word = token.string.uppercased()
      if word == positive || word == negative {
        guard !parts.isEmpty else { return nil }
        let angle = zip(parts, [3_600_000, 60_000, 1]).reduce(0) { $0 + $1.0 * $1.1 }
        return word == negative ? -angle : angle
      }
      // Only the seconds, third of three, have decimals; each but the degrees is below 60.
      let limits = [180, 59, 59_999]
      guard parts.count < 3, let part = number(token.text, decimals: parts.count == 2 ? 3 : 0),
        (0...limits[parts.count]).contains(part)
      else { return nil }
      parts.append(part)
    }
    return nil
  }

  /// Reads metres, the unit being optional.
  private static func centimetres(_ text: ArraySlice<UInt8>) -> Int? {
    number(text.last?.asciiLowercased == 0x6D ? text.dropLast() : text, decimals: 2)
  }

  /// The digit and power of ten that make up a number, rounded down.
  private static func precision(_ centimetres: Int) -> UInt8? {
    guard (0...9_000_000_000).contains(centimetres) else { return nil }
    var digit = centimetres
    var exponent = 0
    while digit > 9 { (digit, exponent) = (digit / 10, exponent + 1) }
    return UInt8(digit << 4 | exponent)
  }

  private static func power(_ exponent: Int) -> Int {
    (0..<exponent).reduce(1) { ten, _ in ten * 10 }
  }

  /// Reads a decimal number with at most this many decimals, as a multiple of the last of them.
  private static func number(_ text: ArraySlice<UInt8>, decimals: Int) -> Int? {
    let isNegative = text.first == Octet.hyphen
    let parts = (isNegative ? text.dropFirst() : text)
      .split(separator: Octet.dot, maxSplits: 1, omittingEmptySubsequences: false)
    guard parts[0].count <= 12, let whole = parts[0].decimal(Int.self) else { return nil }
    var number = whole * power(decimals)
    if parts.count == 2 {
      guard parts[1].count <= decimals, let fraction = parts[1].decimal(Int.self) else {
        return nil
      }
      number += fraction * power(decimals - parts[1].count)
    }
    return isNegative ? -number : number
  }

  private static func fixedPoint(_ number: Int, decimals: Int) -> String {
    let magnitude = abs(number)
    let fraction = "\(magnitude % power(decimals))"
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return (number < 0 ? "-" : "") + "\(magnitude / power(decimals)).\(zeros)\(fraction)"
  }
}
