import System

/// The token that a request has to bring: `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
package struct WebToken: Sendable {
  private let bytes: [UInt8]

  /// Shortest token, in bytes: 96 bits in base 64, since nothing slows down an attacker who tries one after the other.
  static let least = 16
  /// Longest token, in bytes; it has to fit into a request's header.
  static let most = 1_024

  /// Reads the token from the first line of a file.
  package init(file path: String) throws(ValueError) {
    let text: String
    do {
      text = try FileReader.text(of: path, limit: 2 * WebToken.most)
    } catch {
      throw ValueError(description: "can't be read: \(error); write a token into it")
    }
    let line = text.utf8.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard line.count >= WebToken.least, line.count <= WebToken.most,
      line.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw ValueError(
        description:
          "its first line must be \(WebToken.least) to \(WebToken.most) visible characters without spaces; make one with `openssl rand -base64 24 > \(path)`"
      )
    }
    bytes = Array(line)
  }

  /// Whether the value of the header field Authorization brings the token.
  ///
  /// Takes the same time wherever the first wrong byte is; it reveals only the length.
  package func isIn(_ authorization: String?) -> Bool {
    let scheme = "bearer "
    guard let given = authorization?.utf8, given.count > scheme.utf8.count,
      String(decoding: given.prefix(scheme.utf8.count), as: UTF8.self).lowercased() == scheme
    else { return false }
    let word = given.dropFirst(scheme.utf8.count)
    guard word.count == bytes.count else { return false }
    var difference: UInt8 = 0
    for (left, right) in zip(word, bytes) { difference |= left ^ right }
    return difference == 0
  }
}
