import DNSWire
import Memory
import Randomness
import Testing

@Suite("Names made ready for looking up (RFC 4343)")
struct NameKeyTests {
  private let seed = HashSeed(1, 2)

  /// A name of so many octets, letters in both cases, labels as long as they may be.
  private func name(octets: Int, _ random: inout SplitMix64) -> [UInt8] {
    var wire: [UInt8] = []
    while wire.count + 1 < octets {
      // Never one octet left: a label has at least one beside its length.
      let rest = octets - 1 - wire.count
      let label = rest <= 64 ? rest - 1 : min(63, rest - 3)
      wire.append(UInt8(label))
      for _ in 0..<label {
        wire.append(random.oneOf(Array("abzABZ09-_@[`{".utf8) + [0, 0xC1, 0xFF]))
      }
    }
    return wire + [0]
  }

  private func lowercased(_ wire: [UInt8]) -> [UInt8] {
    wire.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
  }

  @Test func `a name of any length is lower-cased, wherever it comes from`() throws {
    var random = SplitMix64(seed: 1)
    var trusted = NameKey(seed: seed)
    var packet = NameKey(seed: seed)
    var pointed = NameKey(seed: seed)
    for octets in [1] + Array(3...255) {
      let wire = name(octets: octets, &random)
      let expected = lowercased(wire)
      trusted.load(trusted: wire.span)
      // A packet that ends with the name's last octet.
      let message = [UInt8](repeating: 0x41, count: 12) + wire
      let end = try packet.load(from: message.span, at: 12)
      #expect(end == message.count)
      let pointer = message + [0xC0, 12]
      let behind = try pointed.load(from: pointer.span, at: message.count)
      #expect(behind == pointer.count)
      let isSame = [
        trusted.count == octets, trusted.matches(expected.span), packet.matches(expected.span),
        pointed.matches(expected.span), packet.hash == trusted.hash, pointed.hash == trusted.hash,
      ]
      #expect(isSame == [true, true, true, true, true, true], "\(octets) octets")
    }
  }

  @Test func `a name with one other octet is another name`() {
    var random = SplitMix64(seed: 2)
    var key = NameKey(seed: seed)
    var other = NameKey(seed: seed)
    for octets in [1, 3, 7, 8, 9, 15, 16, 17, 31, 64, 255] {
      let wire = lowercased(name(octets: octets, &random))
      key.load(trusted: wire.span)
      for index in wire.indices {
        var changed = wire
        changed[index] ^= 0x80
        let isSame = key.matches(changed.span)
        #expect(!isSame)
        other.load(trusted: changed.span)
        let (hash, otherHash) = (key.hash, other.hash)
        #expect(hash != otherHash)
      }
      let longer = wire + [0]
      let shorter = Array(wire.dropLast())
      let isSame = [key.matches(longer.span), key.matches(shorter.span)]
      #expect(isSame == [false, false])
    }
  }

  @Test func `what a longer name left behind changes nothing`() {
    var random = SplitMix64(seed: 3)
    var used = NameKey(seed: seed)
    var new = NameKey(seed: seed)
    used.load(trusted: name(octets: 255, &random).span)
    for octets in [1, 3, 6, 12] {
      let wire = name(octets: octets, &random)
      used.load(trusted: wire.span)
      new.load(trusted: wire.span)
      let isSame = [used.hash == new.hash, used.matches(new.octets)]
      #expect(isSame == [true, true])
    }
  }
}
