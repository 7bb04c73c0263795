/// Octets as digits of 4, 5 or 6 bits (RFC 4648).
struct BaseEncoding: Sendable {
  /// Hexadecimal, §8, written in capitals.
  static let hex = BaseEncoding("0123456789ABCDEF", bitsPerDigit: 4, foldsCase: true)
  /// base32hex without padding, §7, as NSEC3 writes hashes (RFC 5155 §3.3).
  static let base32Hex = BaseEncoding(
    "0123456789ABCDEFGHIJKLMNOPQRSTUV", bitsPerDigit: 5, foldsCase: true)
  /// base64 with padding, §4.
  static let base64 = BaseEncoding(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", bitsPerDigit: 6,
    paddedTo: 4)

  private let digits: [UInt8]
  private let values: [UInt8: UInt32]
  private let bitsPerDigit: Int
  private let paddedTo: Int

  private init(_ digits: String, bitsPerDigit: Int, paddedTo: Int = 1, foldsCase: Bool = false) {
    self.digits = Array(digits.utf8)
    self.bitsPerDigit = bitsPerDigit
    self.paddedTo = paddedTo
    var values: [UInt8: UInt32] = [:]
    for (value, digit) in self.digits.enumerated() {
      values[digit] = UInt32(value)
      if foldsCase { values[digit.asciiLowercased] = UInt32(value) }
    }
    self.values = values
  }

  func text(_ octets: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    var bits = 0
    var pending: UInt32 = 0
    for octet in octets {
      pending = pending << 8 | UInt32(octet)
      bits += 8
      while bits >= bitsPerDigit {
        bits -= bitsPerDigit
        text.append(digits[Int(pending >> UInt32(bits))])
        pending &= 1 << UInt32(bits) - 1
      }
    }
    if bits > 0 { text.append(digits[Int(pending << UInt32(bitsPerDigit - bits))]) }
    while text.count % paddedTo != 0 { text.append(Octet.equals) }
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads digits, or nothing when a digit is foreign, padding is wrong or unused bits are not 0.
  func octets(_ text: some Collection<UInt8>) -> [UInt8]? {
    var octets: [UInt8] = []
    var bits = 0
    var pending: UInt32 = 0
    var padding = 0
    for digit in text {
      if digit == Octet.equals { padding += 1; continue }
      guard padding == 0, let value = values[digit] else { return nil }
      pending = pending << UInt32(bitsPerDigit) | value
      bits += bitsPerDigit
      if bits >= 8 {
        bits -= 8
        octets.append(UInt8(pending >> UInt32(bits)))
        pending &= 1 << UInt32(bits) - 1
      }
    }
    // A whole digit left over is one too many; so is a multiple of four with all of it padding.
    guard bits < bitsPerDigit, pending == 0, padding < max(paddedTo, 1),
      text.count % paddedTo == 0
    else { return nil }
    return octets
  }
}
