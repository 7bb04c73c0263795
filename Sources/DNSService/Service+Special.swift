import DNSWire
import Memory

// Questions that neither cache nor upstream is asked for.

extension Service {
  /// Whether a type is not one that records have.
  @inline(__always)
  static func isSpecial(_ type: RecordType) -> Bool {
    type.isMeta || type.rawValue == 0
  }

  /// Answers a question for a type that no record has.
  @inline(never)
  mutating func answerSpecialType(
    _ query: Query, _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>,
    now: UInt64
  ) -> Verdict {
    let code = Service.specialTypeCode(query.type)
    switch code {
    case .noError: return answerANY(header, question, reply: &reply)
    case .formErr:
      return refuse(header, question, code, Explanation.noSuchQuestion, reply: &reply, now: now)
    default:
      return refuse(header, question, code, Explanation.notSupported, reply: &reply, now: now)
    }
  }

  /// The code with which a type is answered that no record has.
  static func specialTypeCode(_ type: RecordType) -> ResponseCode {
    switch type {
    case .any: .noError
    // A cache has no zones to transfer.
    case .axfr, .ixfr: .refused
    case .opt, RecordType(rawValue: 0): .formErr
    default: .notImp
    }
  }

  /// Seconds for which the answer to ANY may be kept: the example of RFC 8482 §4.2.
  private static let anyTTL: UInt32 = 3_789

  /// Answers ANY with one small record that says so (RFC 8482 §4.2).
  private mutating func answerANY(
    _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>
  ) -> Verdict {
    counters.local &+= 1
    var writer = MessageWriter(&reply, limit: header.limit)
    Service.begin(&writer, header, question)
    let begin = writer.beginRecord(
      owner: MessageHeader.size, type: .hinfo, ttl: Service.anyTTL)
    Service.writeString("RFC8482", into: &writer)
    Service.writeString("", into: &writer)
    writer.endRecord(begin, in: .answer)
    return finish(&writer, header)
  }

  /// Answers classes other than IN: names of the server in CHAOS, refusal for the rest.
  @inline(never)
  mutating func answerOtherClass(
    _ query: Query, _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>,
    now: UInt64
  ) -> Verdict {
    guard query.recordClass == .chaos, query.type == .txt || query.type == .any,
      let text = serverText()
    else {
      return refuse(header, question, .refused, Explanation.notSupported, reply: &reply, now: now)
    }
    counters.local &+= 1
    var writer = MessageWriter(&reply, limit: header.limit)
    Service.begin(&writer, header, question)
    let begin = writer.beginRecord(
      owner: MessageHeader.size, type: .txt, recordClass: RecordClass.chaos.rawValue, ttl: 0)
    Service.writeString(text, into: &writer)
    writer.endRecord(begin, in: .answer)
    return finish(&writer, header)
  }

  /// What is known about this server under the key's name.
  private func serverText() -> String? {
    for name in ["version.bind", "version.server"] where isKey(name) { return settings.version }
    for name in ["id.server", "hostname.bind"] where isKey(name) { return settings.identity }
    return nil
  }

  private func isKey(_ text: String) -> Bool {
    guard let name = try? Name(text) else { return false }
    return key.matches(name.wire.span)
  }

  private static func writeString(_ text: String, into writer: inout MessageWriter) {
    let octets = Array(text.utf8.prefix(255))
    writer.octet(UInt8(octets.count))
    writer.octets(octets.span)
  }

  private func finish(_ writer: inout MessageWriter, _ header: Header) -> Verdict {
    if header.hasEDNS { Service.writeOPT(extendedRcode: 0, for: header, into: &writer) }
    return .reply(writer.finish(flags: Service.responseFlags(header.flags)), .local)
  }
}
