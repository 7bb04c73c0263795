import DNSWire
import Memory

/// The extended errors (RFC 8914) of an upstream's error reply, kept to be passed on: options as a reply of ours
/// has them, a few, with texts that are cut and printable.
enum UpstreamErrors {
  /// Errors of one reply that are passed on at most.
  static let limit = 3
  /// Octets of one error's text that are passed on at most.
  static let longestText = 60
  /// Octets that they take at most.
  static let size = limit * (ExtendedError.octets + longestText)

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

/// The extended errors that came with an answer: to be taken up before the resolver is told anything else.
public struct UpstreamRemarks: Sendable, BitwiseCopyable {
  /// The question's place.
  let place: UInt32
  /// Octets of the options.
  let count: UInt8

  /// Nothing was said.
  public static var none: UpstreamRemarks { UpstreamRemarks(place: 0, count: 0) }
}

extension Resolver {
  /// Keeps what an upstream says of its reply: should the question fail, or for those who wait.
  @discardableResult
  mutating func noteUpstreamErrors(
    _ packet: Span<UInt8>, _ header: MessageHeader, at position: Int, _ index: Int
  ) -> UpstreamRemarks {
    var buffer = upstreamErrors.mutableOctets(in: index, count: UpstreamErrors.size)
    let count = UpstreamErrors.collect(packet, header, at: position, into: &buffer)
    if count > 0 { questions[index].errorsCount = UInt8(truncatingIfNeeded: count) }
    return UpstreamRemarks(
      place: UInt32(truncatingIfNeeded: index), count: UInt8(truncatingIfNeeded: count))
  }

  /// What upstream said beside an answer: options for an OPT record, none when it said nothing.
  @_lifetime(borrow self)
  public func remarks(of outcome: Outcome) -> Span<UInt8> {
    guard case .answered(let remarks, _) = outcome else {
      return upstreamErrors.octets(in: 0, count: 0)
    }
    return upstreamErrors.octets(in: Int(remarks.place), count: Int(remarks.count))
  }

  /// What upstream said of a failure: options for an OPT record, none when it said nothing.
  @_lifetime(borrow self)
  public func upstreamErrors(of failure: Failure) -> Span<UInt8> {
    failures.upstreamErrors(of: failure)
  }
}
