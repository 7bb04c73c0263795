/// Why an answer is as it is, with a few words for whoever reads them (RFC 8914 §2).
public struct ExtendedError: Sendable {
  /// The INFO-CODE.
  public let code: ExtendedErrorCode
  /// The EXTRA-TEXT; empty when the code says enough.
  public let text: String

  /// Octets that the option takes in an OPT record without its text.
  public static let octets = 6

  /// Makes an extended error.
  public init(_ code: ExtendedErrorCode, _ text: String = "") {
    self.code = code
    self.text = text
  }
}

extension MessageWriter {
  /// Octets that an option's code and length take.
  private static let optionHead = 4

  /// Writes an option into the OPT record that is begun.
  @_lifetime(self: copy self)
  public mutating func option(_ code: EDNSOptionCode, _ data: Span<UInt8>) {
    beginOption(code, octets: data.count)
    octets(data)
  }

  /// Writes an option's code and length; its octets follow.
  @inline(__always)
  @_lifetime(self: copy self)
  mutating func beginOption(_ code: EDNSOptionCode, octets: Int) {
    number32(UInt32(code.rawValue) << 16 | UInt32(UInt16(truncatingIfNeeded: octets)))
  }

  /// Writes an extended error into the OPT record that is begun; its text, or all of it, is left out
  /// where it doesn't fit (RFC 8914 §3: it must not be what makes an answer too long).
  @_lifetime(self: copy self)
  public mutating func option(_ error: ExtendedError) {
    let room = limit &- position &- ExtendedError.octets
    guard room >= 0 else { return }
    let text = error.text.utf8.count <= room ? error.text : ""
    beginOption(
      .extendedError, octets: ExtendedError.octets &- MessageWriter.optionHead &+ text.utf8.count)
    number16(error.code.rawValue)
    for byte in text.utf8 { octet(byte) }
  }

  /// Writes options that are encoded already into the OPT record that is begun, the first ones that fit.
  @_lifetime(self: copy self)
  public mutating func options(_ encoded: Span<UInt8>) {
    var cursor = OptionCursor(at: 0, count: encoded.count)
    var start = 0
    while let option = try? cursor.next(encoded) {
      let end = option.data &+ option.dataCount
      guard end &- start <= limit &- position else { return }
      octets(encoded.extracting(start..<end))
      start = end
    }
  }
}
