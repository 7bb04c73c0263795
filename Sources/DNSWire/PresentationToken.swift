/// One word of a zone file's line (RFC 1035 §5.1).
struct PresentationToken: Equatable {
  /// The octets without their quotes, escapes not yet resolved.
  let text: ArraySlice<UInt8>
  /// Whether the whole word stood in quotes, so that it may be empty and is no keyword.
  let isQuoted: Bool

  var string: String { String(decoding: text, as: UTF8.self) }

  /// Cuts a line into words; parentheses and line ends separate, `;` begins a comment.
  static func tokens(of line: String) throws(RDataTextError) -> [PresentationToken] {
    var tokens: [PresentationToken] = []
    var rest = Array(line.utf8)[...]
    while let octet = rest.first {
      switch octet {
      case Octet.space, Octet.tab, Octet.newline, Octet.carriageReturn, Octet.openParenthesis,
        Octet.closeParenthesis:
        rest = rest.dropFirst()
      case Octet.semicolon:
        rest = rest.drop { $0 != Octet.newline }
      case Octet.quote:
        let text = try popQuoted(&rest)
        tokens.append(PresentationToken(text: text, isQuoted: true))
      default:
        let text = try popWord(&rest)
        tokens.append(PresentationToken(text: text, isQuoted: false))
      }
    }
    return tokens
  }

  private static func popQuoted(_ rest: inout ArraySlice<UInt8>) throws(RDataTextError)
    -> ArraySlice<UInt8>
  {
    let start = rest.startIndex + 1
    var index = start
    while index < rest.endIndex {
      switch rest[index] {
      case Octet.quote:
        defer { rest = rest[(index + 1)...] }
        return rest[start..<index]
      case Octet.backslash: index += 2
      default: index += 1
      }
    }
    throw .badString
  }

  /// Takes one word without quotes, or with a quoted end as in `alpn="h2,h3"` (RFC 9460 §2.1).
  private static func popWord(_ rest: inout ArraySlice<UInt8>) throws(RDataTextError)
    -> ArraySlice<UInt8>
  {
    var word: [UInt8] = []
    while let octet = rest.first {
      switch octet {
      case Octet.space, Octet.tab, Octet.newline, Octet.carriageReturn, Octet.semicolon,
        Octet.openParenthesis, Octet.closeParenthesis:
        return word[...]
      case Octet.quote:
        guard word.last == Octet.equals else { throw .badString }
        word += try popQuoted(&rest)
        return word[...]
      case Octet.backslash:
        word += rest.prefix(2)
        rest = rest.dropFirst(2)
      default:
        word.append(octet)
        rest = rest.dropFirst()
      }
    }
    return word[...]
  }
}
