import Observability
import Testing

@Suite("Values in lines of the log")
struct LogValueTests {
  @Test(arguments: [
    ("192.0.2.1:53", "192.0.2.1:53"), ("/var/lib/a", "/var/lib/a"), ("Zürich", "Zürich"),
    ("", "\"\""), ("two words", "\"two words\""), ("a=b", "\"a=b\""),
    ("say \"no\"", "\"say \\\"no\\\"\""), ("back\\slash", "\"back\\\\slash\""),
  ])
  func `what is plain stays, the rest is quoted`(value: String, expected: String) {
    #expect(LogValue.text(value) == expected)
  }

  @Test func `nothing ends the line, commands a terminal or turns the writing round`() {
    let bad: [Unicode.Scalar] =
      (0..<0x20).compactMap { Unicode.Scalar($0 as UInt32) }
      + [
        "\u{7F}", "\u{85}", "\u{9B}", "\u{A0}", "\u{200B}", "\u{202E}", "\u{2028}", "\u{2029}",
        "\u{2066}",
        "\u{E000}", "\u{FEFF}",
      ]
    for scalar in bad {
      for text in [LogValue.text("a\(scalar)b"), LogValue.message("a\(scalar)b")] {
        #expect(!text.unicodeScalars.contains(scalar), "U+\(String(scalar.value, radix: 16))")
        #expect(text.contains("\\"))
      }
    }
    #expect(LogValue.text("a\nb\u{1B}[2J") == "\"a\\nb\\u{1b}[2J\"")
  }

  @Test func `a message keeps its spaces and quotes`() {
    #expect(LogValue.message("no \"IPv6\" here: a=b") == "no \"IPv6\" here: a=b")
  }
}
