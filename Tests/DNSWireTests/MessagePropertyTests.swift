import Randomness
import Testing

@testable import DNSWire

@Suite("What holds for all messages, names and data")
struct MessagePropertyTests {
  static let rounds = 300

  @Test(arguments: SplitMix64.seeds)
  func `a message that is written and read is the same`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<Self.rounds {
      let message = random.message()
      let compressed = message.encoded()
      let plain = message.encoded(compress: false)
      #expect(compressed.count <= plain.count)
      #expect(try Message(parsing: compressed) == message)
      #expect(try Message(parsing: plain) == message)
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `a message cut anywhere is rejected`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<10 {
      let whole = random.message().encoded()
      for length in whole.indices {
        #expect(throws: WireError.self) { try Message(parsing: Array(whole[..<length])) }
      }
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `a message with flipped bits is rejected or reads back the same`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<20 {
      let whole = random.message().encoded()
      for _ in 0..<Self.rounds / 5 {
        var flipped = whole
        for _ in 0...random.number(0...4) {
          flipped[random.number(0...(flipped.count - 1))] ^= 1 << UInt8(random.number(0...7))
        }
        try checkRereading(flipped)
      }
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `octets that are likely in a message are rejected or read back the same`(seed: UInt64) throws
  {
    var random = SplitMix64(seed: seed)
    let likely: [UInt8] = [0, 0, 0, 1, 1, 2, 3, 5, 6, 12, 13, 15, 33, 41, 63, 64, 0xC0, 0xC0, 255]
    for _ in 0..<Self.rounds * 3 {
      var octets: [UInt8] = [0, 0, 0, 0]
      for _ in 0..<4 { octets += [0, UInt8(random.number(0...2))] }
      for _ in 0..<random.number(0...80) {
        octets.append(random.number(0...9) == 0 ? random.octets(1...1)[0] : random.oneOf(likely))
      }
      try checkRereading(octets)
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `random octets are read without a trap`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<Self.rounds * 3 {
      try checkRereading(random.octets(0...100))
    }
  }

  /// Whatever can be read can be written, shown, and read again as the same.
  private func checkRereading(_ octets: [UInt8]) throws {
    guard let message = try? Message(parsing: octets) else { return }
    // Compression would replace a name in other letter case by its earlier spelling.
    #expect(try Message(parsing: message.encoded(compress: false)) == message)
    #expect(throws: Never.self) { try Message(parsing: message.encoded()) }
    #expect(!message.description.isEmpty)
  }

  @Test(arguments: SplitMix64.seeds)
  func `a message fits its limit unless its fixed parts do not`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<Self.rounds / 3 {
      let message = random.message()
      let smallest = Message(id: 0, questions: message.questions, edns: message.edns).encoded()
      let limit = random.number(12...2_000)
      let octets = message.encoded(limit: limit)
      #expect(octets.count <= max(limit, smallest.count))
      let read = try Message(parsing: octets)
      #expect(read.questions == message.questions && read.edns == message.edns)
      #expect(message.answers.starts(with: read.answers))
      #expect(message.authority.starts(with: read.authority))
      #expect(message.additional.starts(with: read.additional))
      let isCut =
        read.answers.count < message.answers.count
        || read.authority.count < message.authority.count
      #expect(read.tc == (isCut || message.tc))
      #expect(!isCut || read.additional.isEmpty)
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `a name comes back from its text to the octet`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<Self.rounds {
      let name = random.name()
      #expect(try Name(name.description).wire == name.wire)
      #expect(try Name(wire: name.wire) == name)
      #expect(name.parent.map { name.isSubdomain(of: $0) && $0 < name } ?? name.isRoot)
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `data that its type allows has that type's text and comes back`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for type in SplitMix64.types {
      for _ in 0..<8 {
        let rdata = random.rdata(type)
        let text = RDataText.text(type: type, rdata: rdata)
        #expect(text.hasPrefix("\\# ") == (RDataField.fields(of: type) == nil))
        #expect(try RDataText.parse(type: type, text: text) == rdata)
      }
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `any octets as data of any type come back from their text`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for type in SplitMix64.types {
      for _ in 0..<20 {
        var rdata = random.rdata(type)
        if random.number(0...1) == 0 || rdata.isEmpty {
          rdata = random.octets(0...40)
        } else {
          rdata[random.number(0...(rdata.count - 1))] ^= 1 << UInt8(random.number(0...7))
        }
        let text = RDataText.text(type: type, rdata: rdata)
        #expect(try RDataText.parse(type: type, text: text) == rdata)
      }
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `a record comes back from its line`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<Self.rounds {
      let record = random.record()
      #expect(try Record(record.description) == record)
    }
  }

  @Test(arguments: SplitMix64.seeds)
  func `an address comes back from its text`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<Self.rounds {
      // Groups of zeros in all places.
      let groups = (0..<8).map { _ in
        UInt64(random.oneOf([0, 0, 1, 0xFFFF, random.number(0...0xFFFF)]))
      }
      let address = IPAddress(
        v6High: groups[..<4].reduce(0) { $0 << 16 | $1 },
        low: groups[4...].reduce(0) { $0 << 16 | $1 })
      #expect(IPAddress(address.description) == address)
      let four = IPAddress(v4: UInt32.random(in: 0...UInt32.max, using: &random))
      #expect(IPAddress(four.description) == four)
    }
  }
}
