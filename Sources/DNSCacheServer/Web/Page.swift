import Observability

/// The page as it is sent once: style and script in it, which no other page's may join.
struct Page {
  /// A word that is never the same again; style and script with it are ours (CSP Level 3 §8.2).
  private let nonce: String

  init(nonce high: UInt64, _ low: UInt64) {
    nonce = [high, low].map { String($0, radix: 36) }.joined()
  }

  /// What the page may do: run its script, look as it does, ask this server.
  var policy: String {
    "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; "
      + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      + "frame-ancestors 'none'"
  }

  /// The whole of it.
  var octets: [UInt8] {
    var page: [UInt8] = []
    for piece in WebPage.pieces {
      switch piece {
      case .text(let text): page += text
      case .nonce: page += nonce.utf8
      }
    }
    return page
  }
}
