import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import Memory

// The one place that turns what is wrong with a query into a response code.

extension Service {
  /// Answers a packet that is no query that data could answer, or not at all.
  @inline(never)
  mutating func reject(
    _ packet: Span<UInt8>, _ problem: Query.Problem, from address: IPAddress,
    over transport: Transport, reply: inout MutableSpan<UInt8>, now: UInt64
  ) -> Verdict {
    let rcode: ResponseCode
    switch problem {
    case .ignored:
      counters.ignored &+= 1
      return .ignored
    case .malformed where !served.contains(address), .otherOpcode where !served.contains(address):
      // Strangers are told nothing that needs no question.
      noteLimit(.notAllowed, of: address)
      counters.ignored &+= 1
      return .ignored
    case .otherOpcode:
      rcode = .notImp
    case .malformed:
      if let verdict = answerCookieRequest(
        packet, from: address, over: transport, reply: &reply, now: now)
      {
        return verdict
      }
      rcode = .formErr
    }
    guard limiter.admitCostly(from: address, isProven: transport == .tcp, now: now) else {
      noteLimit(.misses, of: address)
      counters.limited &+= 1
      counters.limitedUnanswered &+= 1
      return .withheld
    }
    counters.refused &+= 1
    // Nothing of the question is sent back: it may be what is malformed.
    var writer = MessageWriter(&reply, limit: MessageHeader.size)
    writer.header(id: packet.load16(0), questionCount: 0)
    var flags = Service.responseFlags(packet.load16(2)) | UInt16(rcode.rawValue)
    // RA and CD speak of queries; in what other operations mean by these bits nobody is told anything.
    if rcode == .notImp {
      flags &= ~(MessageHeader.Flag.recursionAvailable | MessageHeader.Flag.checkingDisabled)
    }
    return .reply(writer.finish(flags: flags), .refused)
  }

  /// Answers a well-formed query with an error at once.
  @inline(never)
  mutating func refuse(
    _ header: Header, _ question: Span<UInt8>, _ rcode: ResponseCode, _ error: ExtendedError?,
    reply: inout MutableSpan<UInt8>, now: UInt64
  ) -> Verdict {
    guard admitCostly(header, now: now) else { return limit(header, question, reply: &reply) }
    let count = Service.writeError(header, question, rcode, error, reply: &reply)
    guard admitExcess(of: count, header, now: now) else {
      return limit(header, question, reply: &reply)
    }
    counters.refused &+= 1
    return .reply(count, .refused)
  }

  /// Writes an answer without records.
  ///
  /// - Parameters:
  ///   - error: why there are none, told to clients that speak EDNS (RFC 8914).
  ///   - isCached: whether it failed before, and is not asked again yet.
  ///   - remarks: what upstream said of it: options for an OPT record.
  static func writeError(
    _ header: Header, _ question: Span<UInt8>, _ rcode: ResponseCode, _ error: ExtendedError?,
    isCached: Bool = false, beside remarks: Span<UInt8> = Span(), reply: inout MutableSpan<UInt8>
  ) -> Int {
    var writer = MessageWriter(&reply, limit: header.limit)
    Service.begin(&writer, header, question)
    if header.hasEDNS {
      let begin = writer.beginOPT(
        udpSize: EDNS.defaultUDPSize,
        // RFC 6891 §6.1.3: the upper eight bits of the code.
        extendedRcode: UInt8(truncatingIfNeeded: rcode.rawValue >> 4), dnssecOK: header.dnssecOK)
      Service.writeOptions(for: header, error: error, isCached: isCached, into: &writer)
      writer.options(remarks)
      writer.endRecord(begin, in: .additional)
    }
    return writer.finish(
      flags: Service.responseFlags(header.flags)
        | UInt16(rcode.rawValue) & MessageHeader.Flag.rcodeMask)
  }

  /// Completes, behind the question, the answer that a DNAME makes a name too long (RFC 6672 §2.2).
  ///
  /// It has the aliases that lead to that name, and the DNAME, as far as they are known. The key has the name that was
  /// asked for.
  mutating func finishNameTooLong(
    _ header: Header, _ failure: Failure, _ overlays: OverlayPair, into writer: inout MessageWriter,
    cache: inout Cache, resolver: inout Resolver, now: UInt64
  ) -> Int {
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    if cache.hasUnjudged {
      cache.judgeAnswer(
        key, type: header.type, queryFlags: header.queryFlags.allowingUnsigned, overlays: overlays,
        stale: false,
        now: seconds
      ) { [policy] in policy.value.keeps($0, since: $1) }
    }
    var flags = Service.responseFlags(header.flags) | ResponseCode.yxDomain.rawValue
    let question = writer.mark
    writer.limit = header.limit - header.optOctets
    if case .missing = cache.answer(
      &key, type: header.type, queryFlags: header.queryFlags.allowingUnsigned, into: &writer,
      overlays: overlays,
      now: seconds)
    {
      if !cache.writeRedirection(
        above: &key, queryFlags: header.queryFlags.allowingUnsigned, into: &writer,
        overlays: overlays,
        now: seconds)
      {
        flags |= MessageHeader.Flag.truncated
      }
    } else {
      writer.rewind(to: question)
    }
    writer.limit = header.limit
    if header.hasEDNS {
      let begin = writer.beginOPT(
        udpSize: EDNS.defaultUDPSize, extendedRcode: 0, dnssecOK: header.dnssecOK)
      Service.writeOptions(
        for: header, error: failure.cause.extendedError, isCached: failure.isCached, into: &writer)
      writer.options(resolver.upstreamErrors(of: failure))
      writer.endRecord(begin, in: .additional)
    }
    return writer.finish(flags: flags)
  }
}

/// What clients are told beside a response code (RFC 8914 §4).
///
/// BADVERS has none: who speaks another version may not know the option.
enum Explanation {
  /// The client is outside the networks that are served.
  static var notAllowed: ExtendedError { ExtendedError(.prohibited) }
  /// Recursion was not asked for, and the answer is not known.
  static var notRecursive: ExtendedError { ExtendedError(.notAuthoritative) }
  /// A type, class or operation that a cache does not do.
  static var notSupported: ExtendedError { ExtendedError(.notSupported) }
  /// A type that nobody may ask for.
  static var noSuchQuestion: ExtendedError { ExtendedError(.other, "not a type to ask for") }
  /// The client asks more than its limits allow.
  static var tooManyQuestions: ExtendedError { ExtendedError(.other, "too many questions") }
  /// The client has its share of the places in flight.
  static var tooManyWaiting: ExtendedError {
    ExtendedError(.other, "too many of your questions wait")
  }
  /// The name leads to a local address (RFC 8914 §4.16: the operator blocks it).
  static var rebound: ExtendedError {
    ExtendedError(.blocked, "leads to a local address")
  }
  /// Signatures were asked for, and there are none while upstream has no answer.
  static var unsigned: ExtendedError {
    ExtendedError(.other, "without signatures: upstream has no answer")
  }
  /// Upstream, or something on the way there, sent us what we asked it.
  static var ownQuery: ExtendedError {
    ExtendedError(.other, "a query of this server that came back to it")
  }

  /// What an answer has that is stale (RFC 8767 §4).
  static func of(_ staleness: Staleness) -> ExtendedError? {
    switch staleness {
    case .none: nil
    case .records: ExtendedError(.staleAnswer)
    case .nxDomain: ExtendedError(.staleNameError)
    }
  }
}
