/// Text for a line of the log: whatever came from the network, it stays one line and one value.
public enum LogValue {
  /// A value behind `key=`: as it is when it is plain, else in quotes, with escapes.
  public static func text(_ value: String) -> String {
    let isPlain =
      !value.isEmpty
      && value.unicodeScalars.allSatisfy { isShown($0) && !"\"\\= ".unicodeScalars.contains($0) }
    return isPlain ? value : "\"" + escaped(value, quote: true) + "\""
  }

  /// A message: as it is, but for what would end the line or command a terminal.
  public static func message(_ text: String) -> String { escaped(text, quote: false) }

  private static func escaped(_ text: String, quote: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"" where quote: result += "\\\""
      case "\\" where quote: result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case " ": result += " "
      case _ where isShown(scalar): result.unicodeScalars.append(scalar)
      default: result += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return result
  }

  /// Whether a character can be seen, and changes nothing about others.
  private static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x21...0x7E).contains(scalar.value) }
    return switch scalar.properties.generalCategory {
    // Control characters of terminals, those that turn the direction of writing, spaces of all kinds.
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator, .spaceSeparator:
      false
    default: true
    }
  }
}
