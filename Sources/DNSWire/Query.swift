import Memory

/// A question as a client sent it, checked once.
///
/// Holds offsets and numbers only; the octets stay in the packet, the name is in the key that
/// ``init(_:key:)`` filled.
@frozen
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
    /// The COOKIE option, the first if there are several (RFC 7873 §5.2).
    public let cookie: CookieView?
  }

  /// Checks a packet and takes its question.
  ///
  /// - Parameters:
  ///   - packet: what arrived.
  ///   - key: filled with the name asked for.
  ///   - isLoaded: whether the key has the name already, by ``loadName(of:into:)``.
  /// - Throws: why there is no query to answer; the header's flags may still be echoed unless it is
  ///   ``Problem/ignored``.
  @inlinable
  @inline(__always)
  public init(
    _ packet: Span<UInt8>, key: inout NameKey, isLoaded: Bool = false
  ) throws(Problem) {
    guard let header = try? MessageHeader(packet), !header.isResponse else { throw .ignored }
    guard header.opcode == 0 else { throw .otherOpcode }
    guard header.questionCount == 1, isLoaded || Query.loadName(of: packet, into: &key)
    else { throw .malformed }
    let end = MessageHeader.size &+ key.count
    guard end &+ 4 <= packet.count else { throw .malformed }
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

  /// Fills a key with the name that a packet asks for first.
  ///
  /// - Returns: whether there is one, whole and in place: nothing stands before the first name that a
  ///   pointer in it could mean.
  public static func loadName(of packet: Span<UInt8>, into key: inout NameKey) -> Bool {
    guard let end = try? key.load(from: packet, at: MessageHeader.size) else { return false }
    return end &- MessageHeader.size == key.count
  }

  @usableFromInline
  static func edns(
    _ packet: Span<UInt8>, _ header: MessageHeader, at position: Int
  ) throws(Problem) -> ClientEDNS? {
    var cursor = RecordCursor(header, at: position)
    var found: ClientEDNS?
    do throws(WireError) {
      while let record = try cursor.next(packet) {
        guard record.type == .opt else { continue }
        // RFC 6891 §6.1.1: one OPT, in Additional, owned by the root.
        guard found == nil, record.section == .additional, packet[record.owner] == 0
        else { throw .badOption }
        found = ClientEDNS(
          udpSize: record.recordClass,
          version: UInt8(truncatingIfNeeded: record.ttl >> 16),
          dnssecOK: record.ttl & 0x8000 != 0,
          options: record.data,
          optionsCount: record.dataCount,
          cookie: try cookie(packet, record))
      }
    } catch {
      throw .malformed
    }
    return found
  }

  /// Walks the options of an OPT record, which must fill it, and takes the first cookie among them.
  private static func cookie(
    _ packet: Span<UInt8>, _ record: RecordView
  ) throws(WireError) -> CookieView? {
    guard record.dataCount > 0 else { return nil }
    var cookie: CookieView?
    var options = OptionCursor(at: record.data, count: record.dataCount)
    while let option = try options.next(packet) {
      guard option.code == .cookie, cookie == nil else { continue }
      // RFC 7873 §5.2.2: a length that no cookie has is an error of form.
      guard let view = CookieView(option, of: packet) else { throw .badOption }
      cookie = view
    }
    return cookie
  }

  /// Reads a query that has no question, as may be sent for a server cookie (RFC 7873 §5.4).
  ///
  /// - Returns: nothing for anything but a well-formed query with an OPT record and no question.
  public static func withoutQuestion(
    _ packet: Span<UInt8>
  ) -> (header: MessageHeader, edns: ClientEDNS)? {
    guard let header = try? MessageHeader(packet), !header.isResponse, header.opcode == 0,
      header.questionCount == 0,
      let edns = try? edns(packet, header, at: MessageHeader.size)
    else { return nil }
    return (header, edns)
  }
}
