import DNSCache
import DNSWire
import Randomness
import Testing

/// Memory that is touched stays resident, so what counts is how much of it is touched in all.
@Suite("Fragmentation")
struct FragmentationTests {
  /// Octets in use at the end of a fill.
  private static let fill = 2 << 20
  /// Rounds of filling, expiring and filling again.
  private static let rounds = 10

  /// Most octets of a text in each round: small names with addresses, then large texts, and so on.
  private static let longest = [20, 900, 60, 4_000, 120, 2_000, 30, 300, 8_000, 40]

  /// A TXT record's RDATA of some octets.
  private static func text(_ octets: Int) -> [UInt8] {
    var data: [UInt8] = []
    while data.count < octets {
      let count = min(max(octets - data.count - 1, 0), 255)
      data += [UInt8(count)] + [UInt8](repeating: 0x78, count: count)
    }
    return data
  }

  /// Takes in names until so many octets are in use; their sizes differ from round to round.
  private static func fill(
    _ lab: Lab, round: Int, longest: Int, _ random: inout SplitMix64
  ) {
    var number = 0
    while lab.cache.octets < fill {
      let name = lab.wire("r\(round)n\(number).example.net.")
      number += 1
      let ttl = UInt32.random(in: 50...100, using: &random)
      if Bool.random(using: &random) {
        lab.insert(
          wire: name, .txt, ttl: ttl, [text(Int.random(in: 1...longest, using: &random))])
      } else {
        lab.insert(
          wire: name, .a, ttl: ttl,
          (0...Int.random(in: 0...longest / 100, using: &random)).map {
            [10, UInt8(round), UInt8(number & 0xFF), UInt8($0 & 0xFF)]
          })
      }
    }
  }

  private static func sweep(_ lab: Lab) {
    while !lab.cache.sweep(names: 1_000, now: lab.now) {}
  }

  @Test(arguments: SplitMix64.fixedSeeds(3))
  func `ten fills with other sizes, all expired between, touch little more than the first`(
    seed: UInt64
  ) {
    var random = SplitMix64(seed: seed)
    let lab = Lab(octets: 1 << 26)
    var first = 0
    for round in 0..<Self.rounds {
      Self.fill(lab, round: round, longest: Self.longest[round], &random)
      if round == 0 { first = lab.cache.touchedOctets }
      #expect(Double(lab.cache.touchedOctets) <= 1.3 * Double(first))
      lab.pass(100)
      Self.sweep(lab)
      #expect(lab.cache.nameCount == 0)
    }
    lab.cache._checkInvariants()
  }

  // Blocks don't move, so what stays leaves gaps, and a larger block goes elsewhere. For RRsets of up to
  // 1,000 octets, far above what names have on average, that costs a fifth.
  @Test(arguments: SplitMix64.fixedSeeds(3))
  func `ten fills with other sizes, half expired between, touch little more than the first`(
    seed: UInt64
  ) {
    var random = SplitMix64(seed: seed)
    let lab = Lab(octets: 1 << 26)
    var first = 0
    for round in 0..<Self.rounds {
      Self.fill(lab, round: round, longest: min(Self.longest[round], 1_000), &random)
      if round == 0 { first = lab.cache.touchedOctets }
      #expect(
        Double(lab.cache.touchedOctets) <= 1.3 * Double(first),
        "round \(round): \(lab.cache.touchedOctets) of \(first)")
      // Half of the names are past their time, all over the memory.
      lab.pass(75)
      Self.sweep(lab)
      #expect(lab.cache.nameCount > 0 && lab.cache.octets < Self.fill * 4 / 5)
    }
    lab.cache._checkInvariants()
  }
}
