import DNSWire
import Testing

@Suite("Names (RFC 1035 §3.1, §5.1; RFC 4343)")
struct NameTests {
  @Test func `a name is stored as its uncompressed wire form`() throws {
    #expect(try Name("www.Example.net").wire == Array("\u{3}www\u{7}Example\u{3}net\0".utf8))
    #expect(try Name(".").wire == [0])
    #expect(Name.root.wire == [0])
  }

  @Test func `the final dot makes no difference`() throws {
    #expect(try Name("example.net") == Name("example.net."))
    #expect(try Name("example.net").description == "example.net.")
    #expect(Name.root.description == ".")
  }

  @Test func `names compare and hash without letter case but keep it`() throws {
    let upper = try Name("WWW.EXAMPLE.NET")
    let lower = try Name("www.example.net")
    #expect(upper == lower)
    #expect(upper.hashValue == lower.hashValue)
    #expect(upper.description == "WWW.EXAMPLE.NET.")
    #expect(upper.lowercased.wire == lower.wire)
  }

  @Test func `only ASCII letters fold`() throws {
    // 0x40 and 0x5B border the capitals, 0xC1 is a capital only in Latin-1.
    for (octet, folded) in [(0x40, 0x60), (0x5B, 0x7B), (0xC1, 0xE1)] as [(UInt8, UInt8)] {
      #expect(try Name(labels: [[octet]]) != Name(labels: [[folded]]))
    }
    #expect(try Name(labels: [[0x5A]]) == Name(labels: [[0x7A]]))
  }

  @Test func `escapes are resolved`() throws {
    #expect(try Name(#"a\.b.example.net"#).labels.first == Array("a.b".utf8)[...])
    #expect(try Name(#"a\\b\065\000\255"#).labels.first == [0x61, 0x5C, 0x62, 0x41, 0, 255])
    #expect(try Name(#"\@"#).labels == [[0x40]])
  }

  @Test func `what a zone file would misread is escaped`() throws {
    let octets = Array(#"a.b\c"d;e(f)g@h$i j"#.utf8) + [0, 9, 127, 200]
    let name = try Name(labels: [octets])
    #expect(name.description == #"a\.b\\c\"d\;e\(f\)g\@h\$i\032j\000\009\127\200."#)
    #expect(try Name(name.description).wire == name.wire)
  }

  @Test(
    arguments: [
      ("", .empty), (".a", .emptyLabel), ("a..b", .emptyLabel), ("..", .emptyLabel),
      ("a..", .emptyLabel), ("@", .noOrigin), (#"a\"#, .badEscape), (#"a\25"#, .badEscape),
      (#"a\256"#, .badEscape), (#"a\2x5"#, .badEscape),
    ] as [(String, NameTextError)])
  func `text that is no name is rejected`(text: String, error: NameTextError) {
    #expect(throws: error) { try Name(text) }
  }

  @Test func `a 63-octet label is accepted and a 64-octet label is rejected`() throws {
    let label = String(repeating: "a", count: 63)
    #expect(try Name(label).labels[0].count == 63)
    #expect(throws: NameTextError.labelTooLong) { try Name(label + "a") }
    #expect(throws: WireError.badLabel) {
      try Name(wire: [64] + [UInt8](repeating: 97, count: 64) + [0])
    }
    #expect(throws: WireError.badLabel) { try Name(labels: [[UInt8](repeating: 97, count: 64)]) }
    #expect(throws: WireError.badLabel) { try Name(labels: [[UInt8]()]) }
  }

  @Test func `a name of 255 octets is accepted and one of 256 is rejected`() throws {
    let label = String(repeating: "a", count: 63) + "."
    let most = label + label + label + String(repeating: "a", count: 61)
    let name = try Name(most)
    #expect(name.wire.count == 255)
    #expect(try Name(wire: name.wire) == name)
    #expect(throws: NameTextError.nameTooLong) { try Name(most + "a") }
    var tooLong = name.wire
    tooLong[192] += 1
    tooLong.insert(97, at: 193)
    #expect(throws: WireError.nameTooLong) { try Name(wire: tooLong) }
  }

  @Test(
    arguments: [
      ([], .truncated), ([1], .truncated), ([1, 97], .truncated), ([0, 0], .trailingOctets),
      ([0xC0, 0], .badLabel), ([0x80, 0], .badLabel), ([0x40, 0], .badLabel),
    ] as [([UInt8], WireError)])
  func `octets that are not exactly one name are rejected`(wire: [UInt8], error: WireError) {
    #expect(throws: error) { try Name(wire: wire) }
  }

  @Test func `labels and parents run from left to root`() throws {
    let name = try Name("a.b.example.net")
    #expect(
      name.labels.map { String(decoding: $0, as: UTF8.self) } == ["a", "b", "example", "net"])
    #expect(name.labelCount == 4)
    #expect(name.parent?.description == "b.example.net.")
    #expect(try Name("net").parent == .root)
    #expect(Name.root.parent == nil)
    #expect(Name.root.labelCount == 0)
  }

  @Test func `a subdomain ends at a label's boundary`() throws {
    let zone = try Name("Example.net")
    #expect(try Name("www.eXample.net").isSubdomain(of: zone))
    #expect(zone.isSubdomain(of: zone))
    #expect(zone.isSubdomain(of: .root))
    #expect(Name.root.isSubdomain(of: .root))
    #expect(!Name.root.isSubdomain(of: zone))
    #expect(try !Name("wwwexample.net").isSubdomain(of: zone))
    // The label's text holds the wire form of the zone; only its boundaries tell them apart.
    let trap = try Name(labels: [[0x61] + zone.wire.dropLast()])
    #expect(!trap.isSubdomain(of: zone))
  }

  @Test func `a wildcard has a lone asterisk on the left (RFC 4592 §2.1.1)`() throws {
    #expect(try Name("*.example.net").isWildcard)
    #expect(try !Name("**.example.net").isWildcard)
    #expect(try !Name("a.*.example.net").isWildcard)
  }

  @Test func `names sort in canonical order (RFC 4034 §6.1)`() throws {
    // The list of the RFC, with its own zone replaced.
    let sorted = try [
      "example.net", "a.example.net", "yljkjljk.a.example.net", "Z.a.example.net",
      "zABC.a.EXAMPLE.NET", "z.example.net", #"\001.z.example.net"#, "*.z.example.net",
      #"\200.z.example.net"#,
    ].map { try Name($0) }
    #expect(sorted.reversed().sorted() == sorted)
    #expect(try Name("b.example.net") > Name("aa.example.net"))
    #expect(Name.root < sorted[0])
  }
}
