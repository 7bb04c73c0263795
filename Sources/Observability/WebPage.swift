/// The page that shows how the server does, as it is sent once: style and script in it, which no other page's may join.
///
/// It is kept in the files of `Resources`, which are compiled in: nothing is read at run time.
package struct WebPage {
  /// A word that is never the same again; style and script with it are ours (CSP Level 3 §8.2).
  private let nonce: String

  package init(nonce high: UInt64, _ low: UInt64) {
    nonce = [high, low].map { String($0, radix: 36) }.joined()
  }

  /// What the page may do: run its script, look as it does, ask this server.
  package var policy: String {
    "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; "
      + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      + "frame-ancestors 'none'"
  }

  /// The whole of it: page.html, with what belongs at its places, as `{{style}}`.
  package var bytes: [UInt8] {
    var page: [UInt8] = []
    var rest = PackageResources.page_html[...]
    while let open = rest.firstRange(of: "{{".utf8), let close = rest.firstRange(of: "}}".utf8) {
      page += rest[..<open.lowerBound]
      page += part(String(decoding: rest[open.upperBound..<close.lowerBound], as: UTF8.self))
      rest = rest[close.upperBound...]
    }
    return page + rest
  }

  private func part(_ name: String) -> [UInt8] {
    switch name {
    case "nonce": Array(nonce.utf8)
    case "style": PackageResources.page_css
    // In the order in which they need each other.
    case "script":
      PackageResources.words_js + PackageResources.plot_js + PackageResources.page_js
    // UNREACHABLE: page.html is part of the program; a test reads it whole.
    default: preconditionFailure("page.html has a place for \(name)")
    }
  }
}
