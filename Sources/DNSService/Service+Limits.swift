import DNSWire
import Memory

// Who asks too much, and who has proven where it is.

extension Service {
  /// Of the answers that are withheld, one in so many is replaced by one that asks the client to come by
  /// TCP: an honest client whose address somebody else uses still gets through (BIND's "slip").
  private static let slip: UInt64 = 2

  /// Looks at the cookies that a query brought, and notes what goes back.
  @inline(never)
  func takeCookies(
    _ view: CookieView, of packet: Span<UInt8>, into header: inout Header, now: UInt64
  ) {
    let (reply, isProof) = cookies.judge(view, of: packet, from: header.address, now: now)
    header.cookies = reply
    if isProof { header.isProven = true }
  }

  /// Answers a query that is over a limit, or not at all.
  ///
  /// Whoever has proven its address is told so. To others goes no more than came from them, and only
  /// now and then: TC, or BADCOOKIE with a cookie that will do the next time (RFC 7873 §5.2.3).
  @inline(never)
  mutating func limit(
    _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>
  ) -> Verdict {
    counters.limited &+= 1
    if header.isProven {
      let count = Service.writeError(
        header, question, .refused, Explanation.tooManyQuestions, reply: &reply)
      return .reply(count, .limited)
    }
    guard counters.limited % Service.slip == 0 else {
      counters.limitedUnanswered &+= 1
      return .withheld
    }
    if header.cookies != nil {
      return .reply(
        Service.writeError(header, question, .badCookie, nil, reply: &reply), .limited)
    }
    return .reply(writeTruncated(header, question, reply: &reply), .limited)
  }

  /// Writes an answer without records that asks the client to come by TCP.
  func writeTruncated(
    _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>
  ) -> Int {
    var writer = MessageWriter(&reply, limit: header.limit)
    Service.begin(&writer, header, question)
    if header.hasEDNS { Service.writeOPT(extendedRcode: 0, for: header, into: &writer) }
    return writer.finish(
      flags: Service.responseFlags(header.flags) | MessageHeader.Flag.truncated)
  }

  /// Whether a client may have one more question asked upstream or one more error, which is then counted.
  mutating func admitCostly(_ header: Header, now: UInt64) -> Bool {
    if limiter.admitCostly(from: header.address, isProven: header.isProven, now: now) {
      return true
    }
    noteLimit(.misses, of: header.address)
    return false
  }

  /// Counts that a client has come to a limit.
  @inline(never)
  mutating func noteLimit(_ limit: ClientLimit, of client: IPAddress) {
    switch limit {
    case .rate: counters.queryLimit &+= 1
    case .misses: counters.missLimit &+= 1
    case .inFlight: counters.shareLimit &+= 1
    case .amplification: counters.amplificationLimit &+= 1
    case .notAllowed: counters.notAllowed &+= 1
    }
    limited.note(client, limit)
  }

  // MARK: Addresses that nothing has proven

  /// Notes a query's size if what goes back beyond it is bounded: nothing shows that its sender is where
  /// it says, and it may be anywhere.
  @inline(never)
  func noteUnproven(_ header: inout Header, _ octets: Int) {
    guard !header.isProven, !settings.local.contains(where: { $0.contains(header.address) })
    else { return }
    header.unprovenOctets = UInt16(clamping: octets)
  }

  /// Whether an answer of this size may go to a client, which is then counted.
  mutating func admitExcess(of count: Int, _ header: Header, now: UInt64) -> Bool {
    guard header.unprovenOctets != 0,
      !limiter.admitExcess(count - Int(header.unprovenOctets), to: header.address, now: now)
    else { return true }
    noteLimit(.amplification, of: header.address)
    return false
  }

  /// Answers a query without a question that asks for a server cookie (RFC 7873 §5.4).
  ///
  /// - Returns: nothing when it is no such query.
  mutating func answerCookieRequest(
    _ packet: Span<UInt8>, from address: IPAddress, over transport: Transport,
    reply: inout MutableSpan<UInt8>, now: UInt64
  ) -> Verdict? {
    guard let (header, edns) = Query.withoutQuestion(packet), edns.version == 0,
      let view = edns.cookie
    else { return nil }
    let (pair, _) = cookies.judge(view, of: packet, from: address, now: now)
    counters.local &+= 1
    var writer = MessageWriter(&reply, limit: ServiceSettings.plainUDPSize)
    writer.header(id: header.id, questionCount: 0)
    let begin = writer.beginOPT(
      udpSize: EDNS.defaultUDPSize, extendedRcode: 0, dnssecOK: edns.dnssecOK)
    writer.option(cookie: pair.client, pair.server)
    writer.endRecord(begin, in: .additional)
    return .reply(writer.finish(flags: Service.responseFlags(header.flags)), .local)
  }

  // MARK: From outside

  /// Says what the wall clock shows: cookies are dated by it.
  public mutating func setWallClock(_ seconds: UInt32, now: UInt64) {
    cookies.setWallClock(seconds, now: now)
  }

  /// Changes the secret of the server's cookies; those made with the last one stay good for their hour.
  public mutating func renewCookieSecret(_ secret: SipHash) { cookies.renew(secret) }
}
