/// Swift source text with its comments and the contents of its string literals blanked out.
///
/// Every octet that goes becomes a space, line breaks stay, so positions and line numbers are those
/// of the original. Code inside a string interpolation is blanked with the string; regular
/// expression literals are not recognised.
struct SwiftText {
  let characters: [Character]

  init(_ text: String) {
    characters = Self.blank(Array(text))
  }

  /// The lines, without their line breaks.
  var lines: [Substring] {
    String(characters).split(separator: "\n", omittingEmptySubsequences: false)
  }

  private static func blank(_ source: [Character]) -> [Character] {
    var result = source
    var position = 0

    func starts(_ text: String, at index: Int) -> Bool {
      source[index...].starts(with: text)
    }
    func erase(to end: Int) {
      while position < min(end, source.count) {
        if !source[position].isNewline { result[position] = " " }
        position += 1
      }
    }

    while position < source.count {
      if !["/", "\"", "#"].contains(source[position]) {
        position += 1
      } else if starts("//", at: position) {
        var end = position
        while end < source.count, !source[end].isNewline { end += 1 }
        erase(to: end)
      } else if starts("/*", at: position) {
        var depth = 0
        var end = position
        repeat {
          if starts("/*", at: end) {
            depth += 1
            end += 2
          } else if starts("*/", at: end) {
            depth -= 1
            end += 2
          } else {
            end += 1
          }
        } while depth > 0 && end < source.count
        erase(to: end)
      } else if let literal = StringLiteral(in: source, at: position) {
        position = literal.contentStart
        erase(to: literal.contentEnd)
        position = literal.end
      } else {
        position += 1
      }
    }
    return result
  }

  /// One string literal: plain, multi-line or raw.
  private struct StringLiteral {
    let contentStart: Int
    let contentEnd: Int
    let end: Int

    init?(in source: [Character], at start: Int) {
      var quote = start
      while quote < source.count, source[quote] == "#" { quote += 1 }
      guard quote < source.count, source[quote] == "\"" else { return nil }
      let hashes = String(repeating: "#", count: quote - start)
      let isMultiline = source[quote...].starts(with: "\"\"\"")
      let closing = (isMultiline ? "\"\"\"" : "\"") + hashes
      let escape = "\\" + hashes

      var position = quote + (isMultiline ? 3 : 1)
      contentStart = position
      while position < source.count {
        if source[position...].starts(with: closing) {
          contentEnd = position
          end = position + closing.count
          return
        }
        // A single-line literal ends with its line at the latest.
        if !isMultiline, source[position].isNewline { break }
        position += source[position...].starts(with: escape) ? escape.count + 1 : 1
      }
      contentEnd = min(position, source.count)
      end = contentEnd
    }
  }
}
