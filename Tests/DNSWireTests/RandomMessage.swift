import Randomness

@testable import DNSWire

// Names have no capitals: the writer points at any earlier spelling of a name (RFC 4343 §4.1), and
// data that comes back in other letter case would not be equal to the octet.
extension SplitMix64 {
  /// A name of any kind: root, of a common zone, binary, with longest labels, of greatest length.
  mutating func name() -> Name {
    let zones = ["example.net", "a.example.net", "b.a.example.net", "2.0.192.in-addr.arpa"]
    switch number(0...9) {
    case 0: return .root
    case 1...4: return name(label(1...5), below: oneOf(zones))
    case 5: return name(label(1...20), below: "")
    case 6: return name(label(63...63), below: oneOf(zones))
    case 7: return greatestName()
    default: return name(label(1...63), below: oneOf(zones))
    }
  }

  private mutating func label(_ count: ClosedRange<Int>) -> [UInt8] { octets(count).map(folded) }

  private func folded(_ octet: UInt8) -> UInt8 { octet.asciiLowercased }

  private func name(_ label: [UInt8], below zone: String) -> Name {
    let labels = zone.split(separator: ".").map { Array($0.utf8) }
    guard let name = try? Name(labels: [label] + labels) else { preconditionFailure("\(label)") }
    return name
  }

  /// A name of exactly 255 octets.
  private mutating func greatestName() -> Name {
    var labels: [[UInt8]] = []
    var room = WireName.longest - 1
    while room > 0 {
      // No label may leave room for a length octet alone.
      let longest = min(room - 1, 63)
      let length = room - 1 <= 63 ? longest : number(1...62)
      labels.append(label(length...length))
      room -= length + 1
      if room == 1 {
        labels.removeLast()
        room += length + 1
      }
    }
    guard let name = try? Name(labels: labels), name.wire.count == 255 else {
      preconditionFailure("\(labels)")
    }
    return name
  }

  /// Every type with a form of its own, and some without.
  static let types: [RecordType] =
    (1...300).map { RecordType($0) }.filter { RDataField.fields(of: $0) != nil }
    + [.null, .wks, .apl, .nxt, RecordType(65280)]

  /// Data that the type allows.
  mutating func rdata(_ type: RecordType) -> [UInt8] {
    guard let fields = RDataField.fields(of: type) else {
      return type == .nxt ? name().wire + octets(0...20) : octets(0...40)
    }
    var rdata: [UInt8] = []
    for field in fields { rdata += octets(of: field) }
    return rdata
  }

  private mutating func octets(of field: RDataField) -> [UInt8] {
    switch field {
    case .number8: return octets(1...1)
    case .number16, .type: return octets(2...2)
    case .number32, .period, .time, .address4: return octets(4...4)
    case .address6: return octets(16...16)
    case .hardwareAddress(let count): return octets(count...count)
    case .name: return name().wire
    case .string, .salt: return counted(octets(oneOf([0...0, 1...10, 255...255])))
    case .hash: return counted(octets(1...30))
    case .strings: return (0...number(0...3)).flatMap { _ in counted(octets(0...50)) }
    case .quoted: return octets(0...300)
    case .tag: return counted(oneOf(["issue", "issuewild", "iodef", "X1"]).utf8.map { $0 })
    case .hex, .base64: return octets(1...70)
    case .typeBitmap: return typeBitmap()
    case .serviceParameters: return serviceParameters()
    case .location:
      return [0, 0x12, 0x99, 0] + UInt32(number(1_823_483_648...2_471_483_648)).octets
        + UInt32(number(1_499_483_648...2_795_483_648)).octets + octets(4...4)
    }
  }

  private func counted(_ octets: [UInt8]) -> [UInt8] { [UInt8(octets.count)] + octets }

  private mutating func typeBitmap() -> [UInt8] {
    let words = (0..<number(0...12)).map { _ in
      RecordType(UInt16(oneOf([number(0...300), number(0...65535)]))).description
    }
    let tokens = try? PresentationToken.tokens(of: words.joined(separator: " "))
    guard let bitmap = try? TypeBitmap(tokens: (tokens ?? [])[...]) else {
      preconditionFailure("\(words)")
    }
    return bitmap.wire
  }

  private mutating func serviceParameters() -> [UInt8] {
    var values: [(UInt16, [UInt8])] = []
    if number(0...1) == 0 {
      values.append((1, (0...number(0...2)).flatMap { _ in counted(octets(1...6)) }))
    }
    if number(0...1) == 0 { values.append((3, octets(2...2))) }
    if number(0...1) == 0 { values.append((4, octets(8...8))) }
    if number(0...1) == 0 { values.append((5, octets(1...40))) }
    if number(0...1) == 0 { values.append((6, octets(16...16))) }
    if number(0...1) == 0 { values.append((UInt16(number(7...7)), octets(0...20))) }
    if number(0...1) == 0 { values.append((UInt16(number(9...65535)), octets(0...20))) }
    if let last = values.last?.0, number(0...1) == 0 { values.insert((0, last.octets), at: 0) }
    return values.flatMap { $0.octets + UInt16($1.count).octets + $1 }
  }

  mutating func record() -> Record {
    let type = oneOf(Self.types)
    return Record(
      name: name(), type: type,
      recordClass: oneOf([.internet, .internet, .chaos, RecordClass(77)]),
      ttl: UInt32.random(in: 0...UInt32.max, using: &self), rdata: rdata(type))
  }

  mutating func message() -> Message {
    var edns: EDNS?
    if number(0...1) == 0 {
      edns = EDNS(
        udpSize: UInt16(number(0...65535)), extendedRcode: UInt8(number(0...255)),
        version: UInt8(number(0...255)), dnssecOK: number(0...1) == 0)
      for _ in 0..<number(0...3) {
        edns?.options.append(EDNS.Option(EDNSOptionCode(UInt16(number(0...20))), octets(0...40)))
      }
    }
    return Message(
      id: UInt16(number(0...65535)), flags: UInt16(number(0...65535)),
      questions: (0..<oneOf([0, 1, 1, 1, 2])).map { _ in
        Question(name: name(), type: oneOf(Self.types), recordClass: .internet)
      },
      answers: (0..<number(0...6)).map { _ in record() },
      authority: (0..<number(0...3)).map { _ in record() },
      additional: (0..<number(0...3)).map { _ in record() }, edns: edns)
  }
}
