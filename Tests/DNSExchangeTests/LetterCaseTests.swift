import Randomness
import Testing

@testable import DNSExchange

@Suite("The letter case of a name")
struct LetterCaseTests {
  /// What should come out, octet by octet: the letter at a place is a capital when the bit of that place is
  /// set, letters only.
  private static func expected(_ name: [UInt8], _ bits: UInt64) -> [UInt8] {
    name.enumerated().map { index, octet in
      let place = UInt64((index + (index >> 6) * 17) & 63)
      let isLetter = (0x61...0x7A).contains(octet)
      return isLetter && bits >> place & 1 == 1 ? octet - 0x20 : octet
    }
  }

  private static func applied(_ name: [UInt8], _ bits: UInt64) -> [UInt8] {
    var name = name
    var span = name.mutableSpan
    LetterCase(bits: bits).apply(to: &span)
    return name
  }

  @Test func `each letter follows its bit, and nothing but letters changes`() {
    var random = SplitMix64(seed: 7)
    for count in 0...255 {
      let octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let letters = (0..<count).map { _ in UInt8.random(in: 0x61...0x7A, using: &random) }
      for bits in [0, UInt64.max, random.next(), random.next()] {
        #expect(Self.applied(octets, bits) == Self.expected(octets, bits))
        #expect(Self.applied(letters, bits) == Self.expected(letters, bits))
      }
    }
    for bit in 0..<64 {
      let name = [UInt8](repeating: 0x61, count: 64)
      #expect(Self.applied(name, 1 << UInt64(bit)).firstIndex(of: 0x41) == bit)
    }
  }
}
