import DNSWire
import Memory
import Testing

@Suite("Compression on writing (RFC 1035 §4.1.4)")
struct MessageWriterTests {
  /// A message with one question and a name in each of many records, and how many octets they took.
  static func write(
    _ names: [[UInt8]], limit: Int, question: [UInt8]? = nil, remembers: Bool = true
  ) -> (octets: [UInt8], overflowed: Bool) {
    var buffer = [UInt8](repeating: 0, count: 65_535)
    var space = buffer.mutableSpan
    let suffixes = Pinned(SuffixTable())
    defer { suffixes.destroy() }
    var writer = MessageWriter(&space, limit: limit, suffixes: remembers ? suffixes : nil)
    writer.header(id: 1, questionCount: 1)
    let name = question ?? [7] + Array("example".utf8) + [3] + Array("net".utf8) + [0]
    writer.question((name + [0, 2, 0, 1]).span)
    for name in names {
      let begin = writer.beginRecord(owner: 12, type: .ns, ttl: 60)
      writer.data(name.span, of: .ns)
      writer.endRecord(begin, in: .answer)
    }
    let overflowed = writer.overflowed
    let count = writer.finish(flags: 0x8180)
    return (Array(buffer.prefix(count)), overflowed)
  }

  @Test func `names share their ends, whatever their letter case`() throws {
    let names = try ["ns1.EXAMPLE.net", "ns2.example.net", "a.ns1.example.net", "net", "other."]
      .map { try Name($0).wire }
    let (octets, _) = Self.write(names, limit: 65_535)
    let message = try Message(parsing: octets)
    #expect(
      message.answers.map { RDataText.text(type: .ns, rdata: $0.rdata).lowercased() } == [
        "ns1.example.net.", "ns2.example.net.", "a.ns1.example.net.", "net.", "other.",
      ])
    // Header and question, a fixed part of 12 for each, then 4+2, 4+2, 2+2, 2 and 7 of names.
    #expect(octets.count == 29 + 5 * 12 + 6 + 6 + 4 + 2 + 7)
  }

  /// Labels are compared eight octets at a time.
  @Test(arguments: 1...63)
  func `labels of any length share what is the same`(length: Int) throws {
    let label = String(repeating: "x", count: length)
    let names = try [
      "a.\(label).test", "b.\(label.uppercased()).TEST", "\(label.dropLast())y.test",
      "\(label).net", "c.\(label).test",
    ].map { try Name($0).wire }
    let (octets, _) = Self.write(names, limit: 65_535)
    #expect(
      try Message(parsing: octets).answers.map {
        RDataText.text(type: .ns, rdata: $0.rdata).lowercased()
      } == [
        "a.\(label).test.", "b.\(label).test.", "\(label.dropLast())y.test.", "\(label).net.",
        "c.\(label).test.",
      ])
    // In full; "b" and a pointer; two labels and a pointer each to "test" and the question's "net".
    let own = [2 + 1 + length + 6, 4, 1 + length + 2, 1 + length + 2, 4]
    #expect(octets.count == 29 + 5 * 12 + own.reduce(0, +))
  }

  @Test func `the same label before another end is not the same suffix`() throws {
    let names = try ["www.a.test", "www.b.test", "www.test", "www.a.test", "x.www.b.test"]
      .map { try Name($0).wire }
    let (octets, _) = Self.write(names, limit: 65_535)
    #expect(try Message(parsing: octets).answers.map(\.rdata) == names)
    #expect(octets.count == 29 + 5 * 12 + 12 + 8 + 6 + 2 + 4)
  }

  @Test func `of a name with many labels the last sixteen are shared`() throws {
    let many = try Name((0..<40).map { "l\($0)" }.joined(separator: ".")).wire
    let (octets, _) = Self.write([many, many], limit: 65_535)
    #expect(try Message(parsing: octets).answers.map(\.rdata) == [many, many])
    // The second has 24 labels of its own, of two and three letters, and a pointer.
    #expect(octets.count == 29 + 2 * 12 + many.count + 10 * 3 + 14 * 4 + 2)
  }

  /// What looks like labels may be the text of one, and the root has no name to point to.
  @Test(arguments: [[10, 3] + Array("www".utf8) + [5] + Array("examp".utf8) + [0], [0]])
  func `whatever the question's name is made of, names stay what they are`(
    question: [UInt8]
  ) throws {
    let names =
      try ["www.examp", "a.www.examp", "examp.", "a.examp", "b.www.examp"].map { try Name($0).wire }
      + [question, [1, 0x63] + question]
    let (octets, _) = Self.write(names, limit: 65_535, question: question)
    #expect(try Message(parsing: octets).answers.map(\.rdata) == names)
  }

  @Test func `what was taken back is not pointed to`() throws {
    var buffer = [UInt8](repeating: 0, count: 512)
    var space = buffer.mutableSpan
    let suffixes = Pinned(SuffixTable())
    defer { suffixes.destroy() }
    var writer = MessageWriter(&space, limit: 512, suffixes: suffixes)
    writer.header(id: 1, questionCount: 1)
    writer.question(([3] + Array("net".utf8) + [0, 0, 2, 0, 1]).span)
    var names: [[UInt8]] = []
    func name(_ text: String) throws -> [UInt8] { try Name(text).wire }
    for (text, isKept) in [
      ("a.kept.net", true), ("b.gone.net", false), ("c.gone.net", false), ("d.gone.net", true),
      ("e.kept.net", true), ("f.also.gone.net", false), ("g.also.gone.net", true),
    ] {
      let mark = writer.mark
      let wire = try name(text)
      let begin = writer.beginRecord(owner: 12, type: .ns, ttl: 60)
      writer.data(wire.span, of: .ns)
      writer.endRecord(begin, in: .answer)
      if isKept { names.append(wire) } else { writer.rewind(to: mark) }
    }
    let count = writer.finish(flags: 0x8180)
    #expect(try Message(parsing: Array(buffer.prefix(count))).answers.map(\.rdata) == names)
    // In full up to "net", then "d.gone", then "e", "g.also", each with a pointer.
    #expect(count == 21 + 4 * 12 + (7 + 2) + (7 + 2) + (2 + 2) + (7 + 2))
  }

  @Test func `without a table the question's name alone is compressed against`() throws {
    let names = try ["ns1.example.net", "a.other", "b.other"].map { try Name($0).wire }
    let (octets, _) = Self.write(names, limit: 65_535, remembers: false)
    #expect(try Message(parsing: octets).answers.map(\.rdata) == names)
    #expect(octets.count == 29 + 3 * 12 + 6 + names[1].count + names[2].count)
  }

  @Test func `a name behind the reach of pointers is written in full`() throws {
    let names = try (0..<400).map {
      try Name("n\($0).far\($0).\(String(repeating: "x", count: 40))").wire
    }
    let (octets, _) = Self.write(names, limit: 65_535)
    #expect(try Message(parsing: octets).answers.map(\.rdata) == names)
  }

  /// CVE-2024-8508: each of these names took a comparison with each label of each other.
  @Test func `many names of many labels cost little`() throws {
    let names = (0..<235).map { index -> [UInt8] in
      (0..<124).flatMap { _ in [1, 0x61] as [UInt8] } + [
        2, UInt8(0x30 + index / 16), UInt8(index % 16), 0,
      ]
    }
    let clock = ContinuousClock()
    let start = clock.now
    for _ in 0..<20 {
      let (octets, _) = Self.write(names, limit: 65_535)
      #expect(try Message(parsing: octets).answers.count == 235)
      for limit in [512, 1_232] { #expect(Self.write(names, limit: limit).overflowed) }
    }
    // It was 90 seconds for one.
    #expect(clock.now - start < .seconds(5))
  }

  @Test func `after 120 names the rest are written in full`() throws {
    let names = try (0..<200).map { try Name("n\($0).example.net").wire }
    let (octets, _) = Self.write(names, limit: 65_535)
    #expect(try Message(parsing: octets).answers.map(\.rdata) == names)
    let full = names.dropFirst(MessageWriter.compressedNamesLimit).map { $0.count + 12 }.reduce(
      0, +)
    let compressed = names.prefix(MessageWriter.compressedNamesLimit).map { $0.count - 13 + 2 + 12 }
      .reduce(0, +)
    #expect(octets.count == 29 + full + compressed)
  }

  /// A message with a name at an offset, the target of an alias, and two records behind it: of that name, and
  /// of an alias's target.
  static func write(
    _ name: [UInt8], at offset: Int, limit: Int = 65_535
  ) -> (octets: [UInt8], overflowed: Bool) {
    var buffer = [UInt8](repeating: 0, count: 65_535)
    var space = buffer.mutableSpan
    var writer = MessageWriter(&space, limit: limit)
    writer.header(id: 1, questionCount: 1)
    let example = [7] + Array("example".utf8) + [3] + Array("net".utf8) + [0]
    writer.question((example + [0, 2, 0, 1]).span)
    let filling = [UInt8](repeating: 7, count: offset - 29 - 12 - 12)
    writer.record(owner: 12, type: .rrsig, ttl: 60, data: filling.span, in: .answer)
    let first = writer.beginRecord(owner: 12, type: .cname, ttl: 60)
    writer.name(name.span, compress: true)
    writer.endRecord(first, in: .answer)
    let second = writer.beginRecord(owner: offset, type: .cname, ttl: 60)
    writer.name(([1, 0x61] as [UInt8] + name).span, compress: true)
    writer.endRecord(second, in: .answer)
    writer.record(owner: second, type: .a, ttl: 60, data: [192, 0, 2, 1].span, in: .answer)
    let overflowed = writer.overflowed
    let count = writer.finish(flags: 0x8180)
    return (Array(buffer.prefix(count)), overflowed)
  }

  /// Names of each form: in full, with a pointer behind their labels, a pointer alone, the root.
  @Test(arguments: [16_370, 16_381, 16_382, 16_383, 16_384, 16_385, 16_386, 40_000, 65_000])
  func `a name beyond a pointer's reach is an owner, too`(offset: Int) throws {
    let asked = try Name("example.net")
    for text in ["www.test", "www.example.net", "example.net", "."] {
      let name = try Name(text)
      let (octets, overflowed) = Self.write(name.wire, at: offset)
      #expect(!overflowed)
      let answers = try Message(parsing: octets).answers
      let target = try Name(wire: [1, 0x61] + name.wire)
      #expect(answers.map(\.name) == [asked, asked, name, target])
      #expect(answers.map(\.type) == [.rrsig, .cname, .cname, .a])
      #expect(answers.last?.rdata == [192, 0, 2, 1])
    }
  }

  @Test func `an owner that is written again may not fit`() throws {
    let name = try Name("www.test").wire
    let whole = Self.write(name, at: 16_384).octets.count
    for limit in 16_384..<whole { #expect(Self.write(name, at: 16_384, limit: limit).overflowed) }
  }
}
