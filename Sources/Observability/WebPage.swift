/// The text of the page that shows how the server does.
///
/// It is kept in the files of `Resources`, which are compiled in: nothing is read at run time.
public enum WebPage {
  /// A part of the page.
  public enum Piece {
    /// Octets as they are.
    case text([UInt8])
    /// The place of the word that the browser knows our style and script by.
    case nonce
  }

  /// The whole page, style and script included.
  public static var pieces: [Piece] {
    var pieces: [Piece] = []
    for part in split(PackageResources.page_html) {
      switch part {
      case .text(let text): pieces.append(.text(text))
      case .place("nonce"): pieces.append(.nonce)
      case .place("style"): pieces.append(.text(PackageResources.page_css))
      case .place("script"): pieces.append(.text(script))
      // UNREACHABLE: page.html is part of the program; a test reads it whole.
      case .place(let name): preconditionFailure("page.html has a place for \(name)")
      }
    }
    return pieces
  }

  /// In the order in which they need each other.
  private static var script: [UInt8] {
    PackageResources.words_js + PackageResources.plot_js + PackageResources.page_js
  }

  private enum Part {
    case text([UInt8])
    case place(String)
  }

  /// Cuts a text at its places, as `{{style}}`.
  private static func split(_ text: [UInt8]) -> [Part] {
    var parts: [Part] = []
    var rest = text[...]
    while let open = rest.firstRange(of: "{{".utf8), let close = rest.firstRange(of: "}}".utf8) {
      parts.append(.text(Array(rest[..<open.lowerBound])))
      parts.append(
        .place(String(decoding: rest[open.upperBound..<close.lowerBound], as: UTF8.self)))
      rest = rest[close.upperBound...]
    }
    parts.append(.text(Array(rest)))
    return parts
  }
}
