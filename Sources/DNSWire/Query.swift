import Memory

/// A question as a client sent it, checked once.
///
/// Holds offsets and numbers only; the octets stay in the packet, the name is in the key that
/// ``init(_:key:)`` filled.
public struct Query: Sendable {
  /// Why a packet is not a query that can be answered from data.
  public enum Problem: Error, Sendable {
    /// Shorter than a header, or a response: never answered.
    case ignored
    /// The question section is not exactly one question, or the message is cut or malformed.
    case malformed
    /// An opcode other than QUERY.
    case otherOpcode
  }

  /// The message's header.
  public let header: MessageHeader
  /// The offset behind the question; it begins behind the header.
  public let questionEnd: Int
  /// The type asked for.
  public let type: RecordType
  /// The class asked for.
  public let recordClass: RecordClass
  /// The sender's OPT record, if there is one.
  public let edns: ClientEDNS?

  /// What the sender's OPT record says (RFC 6891 §6.1).
  @frozen
  public struct ClientEDNS: Sendable {
    /// Octets of UDP payload that the sender takes.
    public let udpSize: UInt16
    /// The EDNS version.
    public let version: UInt8
    /// Whether DNSSEC records are wanted (DO, RFC 3225).
    public let dnssecOK: Bool
    /// Offset of the options.
    public let options: Int
    /// Octets of options.
    public let optionsCount: Int
  }

  /// Checks a packet and takes its question.
  ///
  /// - Parameters:
  ///   - packet: what arrived.
  ///   - key: filled with the name asked for.
  /// - Throws: why there is no query to answer; the header's flags may still be echoed unless it is
  ///   ``Problem/ignored``.
  public init(_ packet: Span<UInt8>, key: inout NameKey) throws(Problem) {
    guard let header = try? MessageHeader(packet), !header.isResponse else { throw .ignored }
    guard header.opcode == 0 else { throw .otherOpcode }
    guard header.questionCount == 1,
      let end = try? key.load(from: packet, at: MessageHeader.size),
      // Nothing stands before the first name that a pointer in it could mean.
      end &- MessageHeader.size == key.count,
      end &+ 4 <= packet.count
    else { throw .malformed }
    self.header = header
    questionEnd = end &+ 4
    type = RecordType(rawValue: packet.load16(end))
    recordClass = RecordClass(rawValue: packet.load16(end &+ 2))
    if header.answerCount | header.authorityCount | header.additionalCount == 0 {
      edns = nil
    } else {
      edns = try Query.edns(packet, header, at: questionEnd)
    }
  }

  private static func edns(
    _ packet: Span<UInt8>, _ header: MessageHeader, at position: Int
  ) throws(Problem) -> ClientEDNS? {
    var cursor = RecordCursor(header, at: position)
    var found: ClientEDNS?
    do throws(WireError) {
      while let record = try cursor.next(packet) {
        guard record.type == .opt else { continue }
        // RFC 6891 §6.1.1: one OPT, in Additional, owned by the root.
        guard found == nil, record.section == .additional, packet[record.owner] == 0,
          hasWholeOptions(packet, record)
        else { throw .badOption }
        found = ClientEDNS(
          udpSize: record.recordClass,
          version: UInt8(truncatingIfNeeded: record.ttl >> 16),
          dnssecOK: record.ttl & 0x8000 != 0,
          options: record.data,
          optionsCount: record.dataCount)
      }
    } catch {
      throw .malformed
    }
    return found
  }

  /// Whether the options of an OPT record fill it exactly (RFC 6891 §6.1.2); linear in its octets.
  private static func hasWholeOptions(_ packet: Span<UInt8>, _ record: RecordView) -> Bool {
    let end = record.data &+ record.dataCount
    var position = record.data
    while position < end {
      guard position &+ 4 <= end else { return false }
      position &+= 4 &+ Int(packet.load16(position &+ 2))
    }
    return position == end
  }
}
