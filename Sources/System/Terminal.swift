import Glibc

/// The terminal that standard output may be.
package enum Terminal {
  /// Whether standard output is a terminal.
  package static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Columns and rows of the terminal; nothing where it doesn't tell, or there is none (ioctl_tty(2)).
  package static func size() -> (columns: Int, rows: Int)? {
    var size = winsize()
    // SAFETY: the kernel writes one winsize.
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0,
      size.ws_row > 0
    else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Whether the user's environment says that text is UTF-8 (locale(7)).
  package static var isUnicode: Bool {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      guard let value = Process.environment(name) else { continue }
      let word = value.lowercased()
      return word.hasSuffix("utf-8") || word.hasSuffix("utf8")
    }
    return false
  }

  /// Begins a screen of its own: what was there comes back with ``leave``; the cursor is hidden.
  package static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J"
  /// Gives back the screen that was there, and the cursor.
  package static let leave = "\u{1B}[?25h\u{1B}[?1049l"

  /// Writes lines over whatever the screen shows, without a flicker.
  package static func frame(_ lines: [String]) -> String {
    "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J"
  }
}
