import Memory

/// Where a record of a message lies, and its fixed fields.
@frozen
public struct RecordView: Sendable {
  /// Offset of the owner name.
  public var owner: Int
  /// The record's type.
  public var type: RecordType
  /// The record's class; in an OPT record the sender's UDP size.
  public var recordClass: UInt16
  /// The TTL field as sent; in an OPT record extended rcode, version and flags.
  public var ttl: UInt32
  /// Offset of the RDATA.
  public var data: Int
  /// Octets of RDATA as sent.
  public var dataCount: Int
  /// The section that holds the record.
  public var section: Section

  /// Describes a record that lies at these offsets.
  @inlinable
  public init(
    owner: Int, type: RecordType, recordClass: UInt16, ttl: UInt32, data: Int, dataCount: Int,
    section: Section
  ) {
    self.owner = owner
    self.type = type
    self.recordClass = recordClass
    self.ttl = ttl
    self.data = data
    self.dataCount = dataCount
    self.section = section
  }

  /// The sections that hold records, in their order.
  public enum Section: UInt8, Sendable, BitwiseCopyable {
    /// Answers to the question.
    case answer = 0
    /// Records that point to an authority.
    case authority = 1
    /// Records that help to use the others.
    case additional = 2
  }
}

/// Walks the records of a message in order, checking as it goes.
///
/// One walk costs a pass over the octets, however large the header's counts are: each record takes at
/// least eleven octets, and the walk throws where the message ends.
@frozen
public struct RecordCursor: Sendable {
  /// Where the next record begins; behind the last one, where the message should end.
  @usableFromInline var position: Int
  @usableFromInline var remaining: (answer: UInt16, authority: UInt16, additional: UInt16)

  /// Starts at the first record.
  ///
  /// - Parameter position: the offset behind the Question section.
  @inlinable
  public init(_ header: MessageHeader, at position: Int) {
    self.position = position
    remaining = (header.answerCount, header.authorityCount, header.additionalCount)
  }

  /// The next record, or nothing behind the last one.
  @inlinable
  @inline(__always)
  public mutating func next(_ message: Span<UInt8>) throws(WireError) -> RecordView? {
    let section: RecordView.Section
    if remaining.answer > 0 {
      remaining.answer -= 1
      section = .answer
    } else if remaining.authority > 0 {
      remaining.authority -= 1
      section = .authority
    } else if remaining.additional > 0 {
      remaining.additional -= 1
      section = .additional
    } else {
      return nil
    }
    let owner = position
    let fixed = try WireName.skip(message, at: owner)
    guard fixed + 10 <= message.count else { throw .truncated }
    let dataCount = Int(message.load16(fixed + 8))
    guard fixed + 10 + dataCount <= message.count else { throw .truncated }
    position = fixed + 10 + dataCount
    return RecordView(
      owner: owner,
      type: RecordType(rawValue: message.load16(fixed)),
      recordClass: message.load16(fixed + 2),
      ttl: message.load32(fixed + 4),
      data: fixed + 10,
      dataCount: dataCount,
      section: section)
  }
}
