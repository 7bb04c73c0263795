import DNSService
import DNSWire
import System

/// A file of cookie secrets that several servers share, as behind one anycast address.
///
/// Its first line is the secret of new cookies; a second one is accepted, too. Each is 32 hexadecimal
/// digits; lines that begin with a number sign are comments.
enum CookieSecretFile {
  /// Longest file, in bytes.
  private static let limit = 4_096

  /// Reads a file; throws what is wrong with it.
  package static func read(_ path: String) throws(ValueError) -> CookieSecrets {
    let text: String
    do {
      text = try FileReader.text(of: path, limit: limit)
    } catch {
      throw ValueError(description: "cannot be read: \(error)")
    }
    let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("#") }
    let secrets = lines.compactMap { secret(in: String($0)) }
    guard let first = secrets.first, secrets.count == lines.count, secrets.count <= 2 else {
      throw ValueError(
        description:
          "must be one or two lines of 32 hexadecimal digits; make one with: openssl rand -hex 16")
    }
    return CookieSecrets(current: first, previous: secrets.count == 2 ? secrets[1] : nil)
  }

  private static func secret(in line: String) -> SipHash? {
    let digits = Array(line.utf8)
    guard digits.count == 2 * SipHash.keyOctets else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      let pair = String(decoding: digits[index...index + 1], as: UTF8.self)
      guard pair.allSatisfy(\.isHexDigit), let octet = UInt8(pair, radix: 16) else { return nil }
      bytes.append(octet)
    }
    return SipHash(key: bytes.span)
  }
}
