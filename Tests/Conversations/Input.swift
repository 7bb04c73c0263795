/// Octets to draw decisions from; zeros when they are used up.
package struct Input {
  private let bytes: [UInt8]
  private var position = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isEmpty: Bool { position >= bytes.count }

  mutating func octet() -> UInt8 {
    guard position < bytes.count else { return 0 }
    position += 1
    return bytes[position - 1]
  }

  mutating func number(below limit: Int) -> Int { Int(octet()) % limit }

  mutating func number16() -> UInt16 { UInt16(octet()) << 8 | UInt16(octet()) }

  /// As many octets as the next one says.
  mutating func octets() -> [UInt8] {
    let count = Int(octet())
    let end = min(position + count, bytes.count)
    defer { position = end }
    return Array(bytes[position..<end])
  }
}

func number16(_ number: UInt16) -> [UInt8] {
  [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
}

/// One of a few names, near to each other, or one of as many labels as there can be.
func name(_ choice: UInt8) -> [UInt8] {
  if choice == 255 { return Array(repeating: [1, 0x61], count: 127).joined() + [0] }
  let zone: [UInt8] = [2, 0x65, 0x78, 0]
  switch choice & 31 {
  case 0: return zone
  case 1: return [0]
  case 2: return [9, 0x6C, 0x6F, 0x63, 0x61, 0x6C, 0x68, 0x6F, 0x73, 0x74, 0]
  case 3...11: return [1, 0x60 + choice & 31] + zone
  case 12...19: return [1, 0x40 + choice & 31] + zone
  default: return [1, 0x61, 1, 0x60 + choice & 7] + zone
  }
}

func type(_ choice: UInt8) -> UInt16 {
  let types: [UInt16] = [1, 1, 28, 5, 2, 6, 12, 15, 16, 33, 43, 46, 47, 50, 65, 255]
  return types[Int(choice & 15)]
}
