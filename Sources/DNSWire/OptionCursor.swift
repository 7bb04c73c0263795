import Memory

/// Where an EDNS option of a message lies.
@frozen
public struct OptionView: Sendable {
  /// What the option is.
  public var code: EDNSOptionCode
  /// Offset of its octets in the message.
  public var data: Int
  /// How many they are.
  public var dataCount: Int

  /// Describes an option that lies at these offsets.
  @inlinable
  public init(code: EDNSOptionCode, data: Int, dataCount: Int) {
    self.code = code
    self.data = data
    self.dataCount = dataCount
  }
}

/// Walks the options of an OPT record in order, checking as it goes (RFC 6891 §6.1.2).
///
/// One walk costs a step for each option, four octets at least, however many there are.
@frozen
public struct OptionCursor: Sendable {
  private var position: Int
  private let end: Int

  /// Starts at the first option.
  ///
  /// - Parameters:
  ///   - position: where the RDATA of the OPT record begins in the message.
  ///   - count: octets of RDATA; the message has them.
  public init(at position: Int, count: Int) {
    self.position = position
    end = position &+ count
  }

  /// The next option, or nothing behind the last one; throws `badOption` when they don't fill the record
  /// exactly.
  public mutating func next(_ message: Span<UInt8>) throws(WireError) -> OptionView? {
    guard position < end else { return nil }
    guard position &+ 4 <= end else { throw .badOption }
    let option = OptionView(
      code: EDNSOptionCode(rawValue: message.load16(position)), data: position &+ 4,
      dataCount: Int(message.load16(position &+ 2)))
    guard option.data &+ option.dataCount <= end else { throw .badOption }
    position = option.data &+ option.dataCount
    return option
  }
}
