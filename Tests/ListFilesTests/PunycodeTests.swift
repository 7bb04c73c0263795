import DNSWire
import Testing

@testable import ListFiles

@Suite("Internationalised names (RFC 3492, RFC 5891)")
struct PunycodeTests {
  private static func text(_ name: String) -> String? {
    Punycode.wire(name).flatMap { try? Name(wire: $0) }.map { "\($0)" }
  }

  /// RFC 3492 §7.1, those that are letters and digits alone.
  @Test(arguments: [
    (
      "\u{644}\u{64A}\u{647}\u{645}\u{627}\u{628}\u{62A}\u{643}\u{644}\u{645}\u{648}\u{634}\u{639}\u{631}\u{628}\u{64A}\u{61F}",
      nil
    ),
    (
      "\u{4ED6}\u{4EEC}\u{4E3A}\u{4EC0}\u{4E48}\u{4E0D}\u{8BF4}\u{4E2D}\u{6587}",
      "ihqwcrb4cv8a8dqg056pqjye"
    ),
    (
      "\u{4ED6}\u{5011}\u{7232}\u{4EC0}\u{9EBD}\u{4E0D}\u{8AAA}\u{4E2D}\u{6587}",
      "ihqwctvzc91f659drss3x8bo0yb"
    ),
    ("Pro\u{10D}prost\u{11B}nemluv\u{ED}\u{10D}esky", "proprostnemluvesky-uyb24dma41a"),
    ("3\u{5E74}B\u{7D44}\u{91D1}\u{516B}\u{5148}\u{751F}", "3b-ww4c5e180e575a65lsy2b"),
    (
      "\u{5B89}\u{5BA4}\u{5948}\u{7F8E}\u{6075}-with-SUPER-MONKEYS",
      "-with-super-monkeys-pc58ag80a8qai00g7n9n"
    ),
    ("\u{305D}\u{306E}\u{30B9}\u{30D4}\u{30FC}\u{30C9}\u{3067}", "d9juau41awczczp"),
    ("b\u{FC}cher", "bcher-kva"), ("B\u{DC}CHER", "bcher-kva"), ("fa\u{DF}", "fa-hia"),
    ("\u{3C2}", "3xa"),
  ])
  func `labels of the RFC's`(label: String, encoded: String?) {
    #expect(Self.text("\(label).example") == encoded.map { "xn--\($0).example." })
  }

  @Test(arguments: [
    // Accents and voiced kana by themselves, ligatures, wide letters, parts of syllables: somebody has to map them.
    "bu\u{308}cher", "\u{304B}\u{3099}", "\u{FB01}", "\u{FF41}", "\u{1112}\u{1161}", "\u{2460}",
    // No letters: blanks, dashes, joiners, marks of direction, pictures, what takes the place of bad octets.
    "a\u{A0}", "a\u{2013}", "a\u{200D}b", "a\u{202E}b", "\u{1F4A9}", "\u{FFFD}", "\u{E000}",
    // ASCII beside a letter is a name's, too.
    "\u{E4}!", "\u{E4} b", "\u{E4}.b\\046c", "\u{E4}..b", ".\u{E4}", "", ".", "\u{E4}.*",
  ])
  func `what can't be a name is none`(name: String) {
    #expect(Punycode.wire(name) == nil)
  }

  @Test func `dots may be wide, and the last one is the root's`() {
    #expect(Self.text("\u{E4}\u{3002}b\u{FF61}c.") == "xn--4ca.b.c.")
    #expect(Self.text("a.B") == "a.b.")
  }

  @Test func `labels have 63 octets at most, names 255`() {
    // A letter says how many follow it: "xn--" and one octet more for each.
    let longest = String(repeating: "\u{E4}", count: 56)
    #expect(Punycode.wire(longest).map { $0.count <= 65 } == true)
    #expect(Punycode.wire(String(repeating: "\u{E4}\u{4E00}", count: 31)) == nil)
    #expect(Punycode.wire(String(repeating: "a", count: 64)) == nil)
    #expect(Punycode.wire("\u{E4}." + String(repeating: "abcdefg.", count: 32)) == nil)
    #expect(Punycode.wire(String(repeating: "\u{E4}", count: 4_000)) == nil)
  }
}
