/// Swift source text with its comments and the contents of its string literals blanked out.
///
/// Every octet that goes becomes a space, line breaks stay, so line numbers are those of the
/// original. Code inside a string interpolation is blanked with the string; regular expression
/// literals are not recognised.
struct SwiftText {
  /// The lines, without their line breaks.
  let lines: [Substring]

  init(_ text: String) {
    var scanner = Scanner(source: Array(text.utf8))
    scanner.run()
    lines = String(decoding: scanner.result, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }

  private struct Scanner {
    let source: [UInt8]
    var result: [UInt8]
    var position = 0

    init(source: [UInt8]) {
      self.source = source
      result = source
    }

    mutating func run() {
      while position < source.count {
        switch source[position] {
        case UInt8(ascii: "/") where octet(1) == UInt8(ascii: "/"):
          while position < source.count, source[position] != UInt8(ascii: "\n") { erase() }
        case UInt8(ascii: "/") where octet(1) == UInt8(ascii: "*"):
          eraseBlockComment()
        case UInt8(ascii: "\""), UInt8(ascii: "#"):
          eraseStringLiteral()
        default:
          position += 1
        }
      }
    }

    /// The octet some places on; zero past the end.
    private func octet(_ offset: Int) -> UInt8 {
      position + offset < source.count ? source[position + offset] : 0
    }

    private mutating func erase(_ count: Int = 1) {
      for _ in 0..<count where position < source.count {
        if source[position] != UInt8(ascii: "\n") { result[position] = UInt8(ascii: " ") }
        position += 1
      }
    }

    private mutating func eraseBlockComment() {
      var depth = 0
      repeat {
        if octet(0) == UInt8(ascii: "/"), octet(1) == UInt8(ascii: "*") {
          depth += 1
          erase(2)
        } else if octet(0) == UInt8(ascii: "*"), octet(1) == UInt8(ascii: "/") {
          depth -= 1
          erase(2)
        } else {
          erase()
        }
      } while depth > 0 && position < source.count
    }

    /// Erases between the quotes of a literal, plain, multi-line or raw.
    private mutating func eraseStringLiteral() {
      var hashes = 0
      while octet(hashes) == UInt8(ascii: "#") { hashes += 1 }
      guard octet(hashes) == UInt8(ascii: "\"") else {
        position += max(hashes, 1)
        return
      }
      position += hashes
      let quote = UInt8(ascii: "\"")
      let quotes = octet(1) == quote && octet(2) == quote ? 3 : 1
      position += quotes
      while position < source.count {
        // A literal on one line ends with its line at the latest.
        if quotes == 1, octet(0) == UInt8(ascii: "\n") { return }
        if octet(0) == UInt8(ascii: "\\"), areHashes(from: 1, hashes) {
          erase(hashes + 2)
        } else if (0..<quotes).allSatisfy({ octet($0) == quote }), areHashes(from: quotes, hashes) {
          position += quotes + hashes
          return
        } else {
          erase()
        }
      }
    }

    private func areHashes(from offset: Int, _ count: Int) -> Bool {
      (0..<count).allSatisfy { octet(offset + $0) == UInt8(ascii: "#") }
    }
  }
}
