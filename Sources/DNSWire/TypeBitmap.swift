/// The types that exist at a name, in ascending order (RFC 4034 §4.1.2).
struct TypeBitmap {
  let types: [RecordType]

  /// Reads windows; nil when they are out of order, or longer than they need to be.
  init?(wire: ArraySlice<UInt8>) {
    var types: [RecordType] = []
    var rest = wire
    var lastWindow = -1
    while !rest.isEmpty {
      guard let window = rest.popNumber(UInt8.self), Int(window) > lastWindow,
        let length = rest.popNumber(UInt8.self), (1...32).contains(length),
        let bits = rest.pop(Int(length)), bits.last != 0
      else { return nil }
      lastWindow = Int(window)
      for (index, octet) in bits.enumerated() {
        for bit in 0..<8 where octet & (0x80 >> bit) != 0 {
          types.append(RecordType(UInt16(window) << 8 | UInt16(index * 8 + bit)))
        }
      }
    }
    self.types = types
  }

  init(tokens: ArraySlice<PresentationToken>) throws(RDataTextError) {
    var types: Set<RecordType> = []
    for token in tokens {
      guard let type = RecordType(token.string) else { throw .badType }
      types.insert(type)
    }
    self.types = types.sorted()
  }

  var text: String { types.map(\.description).joined(separator: " ") }

  var wire: [UInt8] {
    var wire: [UInt8] = []
    var rest = types[...]
    while let first = rest.first {
      let window = first.rawValue >> 8
      var bits: [UInt8] = []
      while let type = rest.first, type.rawValue >> 8 == window {
        let low = Int(type.rawValue & 0xFF)
        while bits.count <= low / 8 { bits.append(0) }
        bits[low / 8] |= 0x80 >> UInt8(low % 8)
        rest = rest.dropFirst()
      }
      wire += [UInt8(window), UInt8(bits.count)] + bits
    }
    return wire
  }
}
