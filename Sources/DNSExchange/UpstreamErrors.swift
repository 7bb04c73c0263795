import DNSWire
import Memory

/// The extended errors (RFC 8914) of an upstream's error reply, kept to be passed on: options as a reply of ours
/// has them, a few, with texts that are cut and printable.
public enum UpstreamErrors {
  /// Errors of one reply that are passed on at most.
  static let limit = 3
  /// Octets of one error's text that are passed on at most.
  static let longestText = 60
  /// Octets that they take at most.
  public static let size = limit * (ExtendedError.octets + longestText)

  /// What stands for an octet of a text that is not printable ASCII.
  private static let replacement: UInt8 = 0x3F

  /// Writes the errors of a reply as options.
  ///
  /// - Parameter position: where the reply's records begin.
  /// - Returns: octets written, 0 when the reply has none.
  static func collect(
    _ message: Span<UInt8>, _ header: MessageHeader, at position: Int,
    into buffer: inout MutableSpan<UInt8>
  ) -> Int {
    guard header.additionalCount > 0 else { return 0 }
    var records = RecordCursor(header, at: position)
    while let record = try? records.next(message) {
      guard record.type == .opt, record.section == .additional else { continue }
      var options = OptionCursor(at: record.data, count: record.dataCount)
      var count = 0
      var written = 0
      while count < limit, let option = try? options.next(message) {
        guard option.code == .extendedError, option.dataCount >= 2,
          // That it is cached there says nothing to our clients, whom 13 tells that it is cached here.
          message.load16(option.data) != ExtendedErrorCode.cachedError.rawValue
        else { continue }
        written = append(message, option, to: &buffer, at: written)
        count += 1
      }
      return written
    }
    return 0
  }

  private static func append(
    _ message: Span<UInt8>, _ option: OptionView, to buffer: inout MutableSpan<UInt8>,
    at start: Int
  ) -> Int {
    let text = min(option.dataCount - 2, longestText)
    buffer.store16(EDNSOptionCode.extendedError.rawValue, start)
    buffer.store16(UInt16(truncatingIfNeeded: 2 + text), start + 2)
    buffer.store16(message.load16(option.data), start + 4)
    for offset in 0..<text {
      let octet = message[option.data + 2 + offset]
      buffer[start + ExtendedError.octets + offset] =
        (0x20...0x7E).contains(octet) ? octet : replacement
    }
    return start + ExtendedError.octets + text
  }
}

/// What a server said beside its reply: to be taken up before the exchanges are told anything else.
public struct UpstreamRemarks: Sendable, BitwiseCopyable {
  let exchange: ExchangeID
  /// Octets of the options.
  let count: UInt8

  /// Nothing was said.
  public static var none: UpstreamRemarks { UpstreamRemarks(exchange: ExchangeID(0), count: 0) }
}

extension Exchanges {
  /// Keeps what a server says of its reply: should the question fail, or for those who wait.
  @discardableResult
  public mutating func noteErrors(
    _ packet: Span<UInt8>, of received: Received
  ) -> UpstreamRemarks {
    let exchange = received.exchange
    var buffer = upstreamErrors.mutableOctets(in: exchange.slot, count: UpstreamErrors.size)
    let count = UpstreamErrors.collect(
      packet, received.header, at: received.recordsAt, into: &buffer)
    if count > 0 { exchanges[exchange].errorsCount = UInt8(truncatingIfNeeded: count) }
    return UpstreamRemarks(
      exchange: exchange, count: UInt8(truncatingIfNeeded: count))
  }

  /// What a server said: options for an OPT record.
  @_lifetime(borrow self)
  public func options(of remarks: UpstreamRemarks) -> Span<UInt8> {
    upstreamErrors.octets(in: remarks.exchange.slot, count: Int(remarks.count))
  }
}
