/// A page of the manual, written line by line in the macros of man(7).
struct Roff {
  /// The page so far, each line ended.
  private(set) var text = ""

  /// Begins a page of a section.
  ///
  /// It has no date, so that the same program gives the same page.
  init(title: String, section: Int, manual: String) {
    macro(
      "TH",
      [title.uppercased(), "\(section)", "", "dns-cache-server \(DNSCacheServer.version)", manual])
    // Not hyphenated, for names of flags and settings would be cut; so not justified either.
    text += ".nh\n.ad l\n"
  }

  /// A heading of the page.
  mutating func heading(_ title: String) { macro("SH", [title.uppercased()]) }

  /// A heading below that.
  mutating func subheading(_ title: String) { macro("SS", [title]) }

  /// Text that is filled; an empty line begins another paragraph.
  mutating func paragraph(_ words: String) {
    for part in words.split(separator: "\n\n") {
      text += ".PP\n"
      body(String(part))
    }
  }

  /// A term in bold, its values in italics, and what it means.
  mutating func entry(_ term: String, _ meaning: String) {
    text += ".TP\n" + Self.styled(term) + "\n"
    body(meaning.isEmpty ? "As above." : meaning)
  }

  /// Lines as they are.
  mutating func example(_ lines: String) {
    text += ".PP\n.nf\n.RS\n"
    for line in lines.split(separator: "\n", omittingEmptySubsequences: false) {
      text += Self.guarded(Self.escaped(line)) + "\n"
    }
    text += ".RE\n.fi\n"
  }

  private mutating func body(_ words: String) {
    for line in words.split(separator: "\n") { text += Self.guarded(Self.escaped(line)) + "\n" }
  }

  private mutating func macro(_ name: String, _ arguments: [String]) {
    let quoted = arguments.map { "\"\(Self.escaped($0[...]))\"" }
    text += ".\(name) \(quoted.joined(separator: " "))\n"
  }

  /// The term of an entry: what stands in angle brackets is a person's to choose.
  private static func styled(_ term: String) -> String {
    var result = "\\fB"
    for character in term {
      switch character {
      case "<": result += "\\fI"
      case ">": result += "\\fB"
      default: result += escaped(String(character)[...])
      }
    }
    return result + "\\fR"
  }

  /// Backslashes, dashes and quotes as roff wants them; a dash is one that can be typed.
  private static func escaped(_ text: Substring) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "\"": result += "\\(dq"
      case "…": result += "..."
      case "–": result += "\\(en"
      default: result.append(character)
      }
    }
    return result
  }

  /// A line that begins as a macro would, but is none.
  private static func guarded(_ line: String) -> String {
    line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
  }
}
