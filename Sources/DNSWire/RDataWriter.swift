/// Writes RDATA field by field; every step fails when the octets are not what the type allows.
struct RDataWriter {
  private var rest: ArraySlice<UInt8>

  /// The text, or nil when the type has no form of its own or the octets do not follow it.
  static func text(type: RecordType, rdata: [UInt8]) -> String? {
    guard let fields = RDataField.fields(of: type) else { return nil }
    var writer = RDataWriter(rest: rdata[...])
    var words: [String] = []
    for field in fields {
      guard let word = writer.popText(field) else { return nil }
      if !word.isEmpty { words.append(word) }
    }
    return writer.rest.isEmpty ? words.joined(separator: " ") : nil
  }

  private mutating func popText(_ field: RDataField) -> String? {
    switch field {
    case .number8: pop(UInt8.self).map { "\($0)" }
    case .number16: pop(UInt16.self).map { "\($0)" }
    case .number32, .period: pop(UInt32.self).map { "\($0)" }
    case .time: pop(UInt32.self).map { Timestamp(seconds: $0).text }
    case .type: pop(UInt16.self).map { RecordType($0).description }
    case .address4: pop(4).flatMap { IPAddress(octets: $0)?.description }
    case .address6: pop(16).flatMap { IPAddress(octets: $0)?.description }
    case .hardwareAddress(let count):
      pop(count).map { octets in
        octets.map { BaseEncoding.hex.text([$0]).lowercased() }.joined(separator: "-")
      }
    case .name: popName()?.description
    case .string: popCounted().map(RDataWriter.quoted)
    case .strings: popStrings()
    case .quoted: RDataWriter.quoted(popAll())
    case .tag: popTag()
    case .hex: popSome().map(BaseEncoding.hex.text)
    case .base64: popSome().map(BaseEncoding.base64.text)
    case .salt: popCounted().map { $0.isEmpty ? "-" : BaseEncoding.hex.text($0) }
    case .hash: popCounted().flatMap { $0.isEmpty ? nil : BaseEncoding.base32Hex.text($0) }
    case .typeBitmap: TypeBitmap(wire: popAll())?.text
    case .serviceParameters: ServiceParameters(wire: popAll())?.text
    case .location: Location(wire: popAll())?.text
    }
  }

  /// Puts a text in quotes, escaping what would end it and what cannot be printed.
  static func quoted(_ octets: some Sequence<UInt8>) -> String {
    var text: [UInt8] = [Octet.quote]
    for octet in octets { text.append(octet, escapingName: false) }
    text.append(Octet.quote)
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func pop(_ count: Int) -> ArraySlice<UInt8>? { rest.pop(count) }

  private mutating func pop<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    rest.popNumber(Number.self)
  }

  private mutating func popAll() -> ArraySlice<UInt8> {
    defer { rest = [] }
    return rest
  }

  private mutating func popSome() -> ArraySlice<UInt8>? { rest.isEmpty ? nil : popAll() }

  private mutating func popCounted() -> ArraySlice<UInt8>? {
    pop(UInt8.self).flatMap { rest.pop(Int($0)) }
  }

  private mutating func popName() -> Name? {
    guard let length = try? WireName.endOfPlain(rest.span, at: 0) else { return nil }
    return pop(length).map { Name(validated: Array($0)) }
  }

  private mutating func popStrings() -> String? {
    var words: [String] = []
    repeat {
      guard let string = popCounted() else { return nil }
      words.append(RDataWriter.quoted(string))
    } while !rest.isEmpty
    return words.joined(separator: " ")
  }

  private mutating func popTag() -> String? {
    guard let tag = popCounted(), tag.isPropertyTag else { return nil }
    return String(decoding: tag, as: UTF8.self)
  }
}

extension ArraySlice<UInt8> {
  /// Takes this many octets from the front.
  mutating func pop(_ count: Int) -> ArraySlice<UInt8>? {
    guard self.count >= count else { return nil }
    defer { self = dropFirst(count) }
    return prefix(count)
  }

  /// Takes a number, the most significant octet first.
  mutating func popNumber<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
    pop(Number.bitWidth / 8)?.reduce(0) { $0 << 8 | Number($1) }
  }

  /// Whether this is a CAA property tag: letters and digits, at least one (RFC 8659 §4.1).
  var isPropertyTag: Bool {
    !isEmpty && allSatisfy { $0.digitValue != nil || $0.asciiLowercased &- 0x61 < 26 }
  }
}
