import Memory

/// The twelve octets at the start of every message (RFC 1035 §4.1.1).
@frozen
public struct MessageHeader: Equatable, Sendable {
  /// Octets that a header takes.
  @inlinable
  public static var size: Int { 12 }

  /// The transaction ID.
  public var id: UInt16
  /// The 16 bits from QR to RCODE.
  public var flags: UInt16
  /// Entries in the Question section.
  public var questionCount: UInt16
  /// Records in the Answer section.
  public var answerCount: UInt16
  /// Records in the Authority section.
  public var authorityCount: UInt16
  /// Records in the Additional section.
  public var additionalCount: UInt16

  /// Bits of ``flags``.
  public enum Flag {
    /// This is a response.
    public static let response: UInt16 = 0x8000
    /// The answer is the zone's own (AA).
    public static let authoritative: UInt16 = 0x0400
    /// The message was cut to fit (TC).
    public static let truncated: UInt16 = 0x0200
    /// Recursion is wanted (RD).
    public static let recursionDesired: UInt16 = 0x0100
    /// Recursion is offered (RA).
    public static let recursionAvailable: UInt16 = 0x0080
    /// The data was validated (AD, RFC 4035 §3.2.3).
    public static let authenticData: UInt16 = 0x0020
    /// Validation is not wanted (CD, RFC 4035 §3.2.2).
    public static let checkingDisabled: UInt16 = 0x0010
    /// Where the opcode lies.
    public static let opcodeMask: UInt16 = 0x7800
    /// Where the rcode's low four bits lie.
    public static let rcodeMask: UInt16 = 0x000F
  }

  /// Reads the header of a message.
  @inlinable
  @inline(__always)
  public init(_ message: Span<UInt8>) throws(WireError) {
    guard message.count >= MessageHeader.size else { throw .truncated }
    id = message.load16(0)
    flags = message.load16(2)
    questionCount = message.load16(4)
    answerCount = message.load16(6)
    authorityCount = message.load16(8)
    additionalCount = message.load16(10)
  }

  /// Whether this is a response (QR).
  @inlinable
  public var isResponse: Bool { flags & Flag.response != 0 }

  /// What kind of query this is.
  @inlinable
  public var opcode: UInt8 { UInt8(truncatingIfNeeded: flags >> 11) & 0xF }

  /// The low four bits of the response code.
  @inlinable
  public var rcode: UInt8 { UInt8(truncatingIfNeeded: flags) & 0xF }
}
