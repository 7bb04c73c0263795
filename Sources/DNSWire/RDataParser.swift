/// Reads RDATA from words, field by field.
struct RDataParser {
  private(set) var tokens: ArraySlice<PresentationToken>
  private(set) var rdata: [UInt8] = []

  /// What names without a final dot are relative to; see ``Name/init(presentation:origin:)``.
  private let origin: Name??

  init(tokens: ArraySlice<PresentationToken>, origin: Name?? = nil) {
    self.tokens = tokens
    self.origin = origin
  }

  mutating func parse(_ field: RDataField) throws(RDataTextError) {
    switch field {
    case .number8: rdata += try number(UInt8.self).octets
    case .number16: rdata += try number(UInt16.self).octets
    case .number32: rdata += try number(UInt32.self).octets
    case .period:
      guard let seconds = UInt32(period: try next().text) else { throw .badNumber }
      rdata += seconds.octets
    case .time:
      guard let time = Timestamp(try next().text) else { throw .badTime }
      rdata += time.seconds.octets
    case .type:
      guard let type = RecordType(try next().string) else { throw .badType }
      rdata += type.rawValue.octets
    case .address4: try parseAddress(isIPv4: true)
    case .address6: try parseAddress(isIPv4: false)
    case .hardwareAddress(let count): try parseHardwareAddress(count)
    case .name: try parseName()
    case .string: try appendCounted(string())
    case .strings:
      repeat { try appendCounted(string()) } while !tokens.isEmpty
    case .quoted: rdata += try string()
    case .tag:
      let tag = try next().text
      guard tag.isPropertyTag else { throw .badString }
      try appendCounted(tag)
    case .hex: rdata += try digits(.hex)
    case .base64: rdata += try digits(.base64)
    case .salt:
      let token = try next()
      guard let salt = token.string == "-" ? [] : BaseEncoding.hex.octets(token.text) else {
        throw .badDigits
      }
      try appendCounted(salt)
    case .hash:
      guard let hash = BaseEncoding.base32Hex.octets(try next().text), !hash.isEmpty else {
        throw .badDigits
      }
      try appendCounted(hash)
    case .typeBitmap: rdata += try TypeBitmap(tokens: remaining()).wire
    case .serviceParameters: rdata += try ServiceParameters(tokens: remaining()).wire
    case .location: rdata += try Location(tokens: remaining()).wire
    }
  }

  private mutating func next() throws(RDataTextError) -> PresentationToken {
    guard let token = tokens.popFirst() else { throw .missingField }
    return token
  }

  private mutating func remaining() -> ArraySlice<PresentationToken> {
    defer { tokens = [] }
    return tokens
  }

  private mutating func number<Number: FixedWidthInteger>(
    _: Number.Type
  ) throws(RDataTextError) -> Number {
    guard let number = try next().text.decimal(Number.self) else { throw .badNumber }
    return number
  }

  private mutating func string() throws(RDataTextError) -> [UInt8] {
    guard let string = try next().text.unescaped else { throw .badString }
    return string
  }

  private mutating func appendCounted(_ octets: some Collection<UInt8>) throws(RDataTextError) {
    guard let count = UInt8(exactly: octets.count) else { throw .badString }
    rdata.append(count)
    rdata += octets
  }

  /// Takes all remaining words as digits of one number, at least one octet.
  private mutating func digits(_ encoding: BaseEncoding) throws(RDataTextError) -> [UInt8] {
    guard !tokens.isEmpty else { throw .missingField }
    guard let octets = encoding.octets(remaining().flatMap(\.text)), !octets.isEmpty else {
      throw .badDigits
    }
    return octets
  }

  private mutating func parseName() throws(RDataTextError) {
    let text = try next().text
    let name: Name? =
      if let origin {
        try? Name(presentation: text, origin: origin)
      } else {
        try? Name(presentation: text)
      }
    guard let name else { throw .badName }
    rdata += name.wire
  }

  private mutating func parseAddress(isIPv4: Bool) throws(RDataTextError) {
    guard let address = IPAddress(try next().string), address.isIPv4 == isIPv4 else {
      throw .badAddress
    }
    rdata += address.octets
  }

  private mutating func parseHardwareAddress(_ count: Int) throws(RDataTextError) {
    let parts = try next().text.split(separator: Octet.hyphen, omittingEmptySubsequences: false)
    guard parts.count == count else { throw .badAddress }
    for part in parts {
      guard part.count == 2, let octets = BaseEncoding.hex.octets(part) else { throw .badAddress }
      rdata += octets
    }
  }
}

extension UInt32 {
  /// Reads seconds, alone or as numbers with the units w, d, h, m and s: `3600`, `1h30m`.
  init?(period text: ArraySlice<UInt8>) {
    if let seconds = text.decimal(UInt32.self) {
      self = seconds
      return
    }
    var total: UInt64 = 0
    var rest = text
    repeat {
      let digits = rest.prefix { $0.digitValue != nil }
      rest = rest[digits.endIndex...]
      guard let number = digits.decimal(UInt32.self), let unit = rest.popFirst() else { return nil }
      let seconds: UInt64
      switch unit.asciiLowercased {
      case 0x77: seconds = 604_800
      case 0x64: seconds = 86_400
      case 0x68: seconds = 3_600
      case 0x6D: seconds = 60
      case 0x73: seconds = 1
      default: return nil
      }
      total += UInt64(number) * seconds
      guard total <= UInt64(UInt32.max) else { return nil }
    } while !rest.isEmpty
    self = UInt32(total)
  }
}
