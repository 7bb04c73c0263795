import DNSWire
import Memory

// Which reply to believe, and what follows from it.

extension Exchanges {
  /// Handles a packet that arrived on a socket.
  ///
  /// A packet is a reply only if it came to the socket that the query left from (a connected one, so
  /// address and port are the upstream's), has that query's ID, question and opcode, and is a
  /// response (RFC 5452 §9.1). Any transmission of an exchange will do, also an earlier one.
  ///
  /// - Returns: the reply, if it is one to be believed that has an answer's code.
  public mutating func receive(
    _ packet: Span<UInt8>, socket: SocketID, now: UInt64
  ) -> Received? {
    guard let header = try? MessageHeader(packet), header.isResponse,
      header.opcode == Opcode.query.rawValue
    else {
      counters.mismatched += 1
      return nil
    }
    guard let transmission = findTransmission(socket: socket, id: header.id) else {
      if !takeProbeReply(packet, header, socket: socket, now: now),
        !takeLoopReply(packet, header, socket: socket, now: now),
        !takeWatched(header, socket: socket, now: now)
      {
        noteUnmatched(packet, header, socket: socket, now: now)
      }
      return nil
    }
    let exchange = transmissions[transmission].exchange
    let isMixedCase = transmissions[transmission].isMixedCase
    let hasEDNS = transmissions[transmission].edns != .none
    guard
      let (end, isCaseKept) = matchingQuestion(
        packet, header, exchange, isMixedCase: isMixedCase, hasEDNS: hasEDNS)
    else {
      _ = takeMismatch(packet, header, exchange, isCertain: true, now: now)
      return nil
    }
    let server = socket.server
    var lacksCookie = false
    if transmissions[transmission].hasCookie {
      let options = ReplyOptions(packet, header, at: end)
      if takeCookie(
        packet, header, options, transmission, server: server, isCaseKept: isCaseKept, now: now)
      {
        return nil
      }
      lacksCookie = options.hasOPT && options.cookie == nil
    }
    guard end > MessageHeader.size else {
      takeBare(transmission, server: server, now: now)
      return nil
    }
    if exchanges[exchange].firstTransmission != transmission { counters.late += 1 }
    timed = RoundTrip(
      server: server, microseconds: stopwatch &- transmissions[transmission].stopwatch)
    markAlive(server, now: now)
    guard isCaseKept else {
      noteCaseMismatch(exchange, server: server, now: now)
      return nil
    }
    // More than we offered: no honest upstream sends that (RFC 6891 §6.2.5), and what it holds may
    // have come in fragments, of which all but the first are anybody's.
    let isOversized = packet.count > Int(EDNS.defaultUDPSize)
    if isOversized { counters.oversized += 1 }
    if isOversized || header.flags & MessageHeader.Flag.truncated != 0 {
      // What a truncated reply holds may be half an RRset (RFC 2181 §9): it is asked for again,
      // unless that has been tried already.
      noteTruncated(transmission, server: server, now: now)
      moveToTCP(exchange, to: server, because: .truncated, now: now)
      return nil
    }
    return judge(
      packet,
      Received(
        exchange: exchange, type: exchanges[exchange].type,
        queryFlags: exchanges[exchange].queryFlags,
        group: exchanges[exchange].group, source: servers[server].source, header: header,
        recordsAt: end, server: server, isStream: false,
        edns: transmissions[transmission].edns, lacksCookie: lacksCookie, transmission: transmission
      ), now: now)
  }

  /// The question that a packet from an upstream socket seems to answer, for reading ahead.
  public func question(answeredBy packet: Span<UInt8>, socket: SocketID) -> Noted? {
    guard packet.count > MessageHeader.size,
      let transmission = findTransmission(socket: socket, id: packet.load16(0))
    else { return nil }
    let exchange = transmissions[transmission].exchange
    return Noted(exchange: exchange, nameHash: exchanges[exchange].nameHash)
  }

  /// A question in flight whose reply is about to be taken in.
  public struct Noted: BitwiseCopyable {
    /// Which one.
    public let exchange: ExchangeID
    /// The hash of its name.
    public let nameHash: UInt32
  }

  /// Reads what taking in the reply to a question will need of the state itself.
  public func anticipate(_ noted: Noted, _ seen: inout UInt32) {
    let exchange = noted.exchange
    seen ^= UInt32(mixedCaseNames.octets(in: exchange.slot, count: 1)[0])
    seen ^= UInt32(names.octets(in: exchange.slot, count: 1)[0])
  }

  /// Handles a whole message that arrived on the TCP connection of an exchange.
  ///
  /// - Returns: the reply, if it is one to be believed that has an answer's code.
  public mutating func receiveStream(
    _ packet: Span<UInt8>, for purpose: Purpose, now: UInt64
  ) -> Received? {
    let handle: ExchangeHandle
    switch purpose {
    case .probe(let server, let id):
      takeStreamProbe(packet, server, id: id, now: now)
      return nil
    case .loopProbe: return nil
    case .question(let named): handle = named
    }
    guard let exchange = find(handle), let attempt = exchanges[exchange].phase.tcp,
      let header = try? MessageHeader(packet), header.isResponse,
      header.opcode == Opcode.query.rawValue, header.id == attempt.id
    else {
      counters.mismatched += 1
      return nil
    }
    guard
      let (end, _) = matchingQuestion(
        packet, header, exchange, isMixedCase: false, hasEDNS: attempt.edns != .none)
    else {
      counters.mismatched += 1
      return nil
    }
    let server = exchanges[exchange].server
    markAlive(server, now: now)
    servers[server].tcpFailedUntil = 0
    var lacksCookie = false
    if attempt.hasCookie {
      let options = ReplyOptions(packet, header, at: end)
      noteStreamCookie(packet, header, options, exchange, server: server, now: now)
      lacksCookie = options.hasOPT && options.cookie == nil
    }
    let received = Received(
      exchange: exchange, type: exchanges[exchange].type,
      queryFlags: exchanges[exchange].queryFlags,
      group: exchanges[exchange].group, source: servers[server].source, header: header,
      recordsAt: end,
      server: server, isStream: true,
      edns: attempt.edns, lacksCookie: lacksCookie)
    guard header.flags & MessageHeader.Flag.truncated == 0 else {
      // More than a message holds; there is nothing larger to ask with.
      noteError(server)
      noteTrouble(exchange, .tooLarge, server)
      giveUp(on: received, now: now)
      return nil
    }
    return judge(packet, received, now: now)
  }

  /// Notices that a TCP connection could not be made, or ended without a reply.
  public mutating func streamFailed(_ purpose: Purpose, now: UInt64) {
    let handle: ExchangeHandle
    switch purpose {
    case .probe(let server, let id):
      if servers[server].streamProbe.id == id { endStreamProbe(server) }
      return
    case .loopProbe: return
    case .question(let named): handle = named
    }
    guard let exchange = find(handle), let attempt = exchanges[exchange].phase.tcp else { return }
    let server = exchanges[exchange].server
    counters.unreachable += 1
    servers[server].tcpFailedUntil = now + Server.tcpPause
    if attempt.reason != .silence {
      exchanges[exchange].cause = .unreachable
      noteTrouble(exchange, .unreachable, server)
    }
    if servers[server].isStreamOnly {
      servers[server].counters.refusals += 1
      noteFailure(server, .unreachable, sent: attempt.sent, now: now)
    } else if servers[server].overStream.isInForce {
      // It talks TCP no more.
      servers[server].overStream.end()
      endTCP(exchange)
      retry(exchange, now: now)
      return
    }
    abandonTCP(exchange, now: now)
  }

  /// Where the records begin, and whether the name has the letter case that was sent, when the packet's
  /// question is the one that was asked.
  private mutating func matchingQuestion(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ exchange: ExchangeID, isMixedCase: Bool,
    hasEDNS: Bool
  ) -> (end: Int, isCaseKept: Bool)? {
    // Nearly always the question comes back octet for octet: then its hash is known, too.
    let count = Int(exchanges[exchange].nameCount)
    let end = MessageHeader.size + count
    if header.questionCount == 1,
      packet.holds(sentName(exchange, isMixedCase: isMixedCase), MessageHeader.size),
      end + 4 <= packet.count, packet.load16(end) == exchanges[exchange].type.rawValue,
      packet.load16(end + 2) == RecordClass.internet.rawValue
    {
      return (end + 4, true)
    }
    guard header.questionCount == 1,
      let end = loadQuestion(packet), end + 4 <= packet.count,
      packet.load16(end) == exchanges[exchange].type.rawValue,
      packet.load16(end + 2) == RecordClass.internet.rawValue,
      isName(of: exchange, question)
    else {
      // An upstream that doesn't take EDNS may send back nothing but a header (RFC 6891 §7).
      if hasEDNS && header.questionCount == 0 && packet.count == MessageHeader.size
        && ResponseCode(UInt16(header.rcode)).mayRefuseEDNS
      {
        return (packet.count, true)
      }
      return nil
    }
    return (end + 4, false)
  }

  /// A reply to be believed, and which packet it answers.
  public struct Received: BitwiseCopyable {
    /// The exchange.
    public let exchange: ExchangeID
    /// The type that was asked for.
    public let type: RecordType
    /// DO and CD of the question.
    public let queryFlags: QueryFlags
    /// The servers that it may be sent to.
    public let group: ServerGroupID
    /// The number that the cache knows the server by.
    public let source: UInt8
    /// The reply's header.
    public let header: MessageHeader
    /// Where its records begin.
    public let recordsAt: Int
    /// Who sent it.
    public let server: ServerID
    let isStream: Bool
    /// What EDNS the packet had.
    let edns: EDNSOffer
    /// Whether the packet had a cookie and the reply EDNS, but none.
    let lacksCookie: Bool
    /// The packet, over UDP.
    var transmission: TransmissionID?

    /// Whether the packet had DO, if its question has it: there is none without EDNS.
    public var hasDO: Bool { edns != .none }

    /// Whether it says that a DNAME makes a name which is too long (RFC 6672 §2.2).
    public var isNameTooLong: Bool { header.rcode == UInt8(ResponseCode.yxDomain.rawValue) }
  }

  /// Handles what a reply's header says.
  ///
  /// - Returns: the reply, when the rest of it counts.
  private mutating func judge(
    _ packet: Span<UInt8>, _ received: Received, now: UInt64
  ) -> Received? {
    let header = received.header
    if received.isNameTooLong {
      noteErrors(packet, of: received)
      return received
    }
    guard header.hasAnswerCode else {
      noteErrors(packet, of: received)
      let hasOPT = ReplyOptions(packet, header, at: received.recordsAt).hasOPT
      takeError(ResponseCode(UInt16(header.rcode)), hasOPT: hasOPT, from: received, now: now)
      return nil
    }
    guard packet.count > MessageHeader.size else {
      takeMalformed(from: received, now: now)
      return nil
    }
    if let sent = received.transmission, !servers[received.server].keepsCase,
      recheckDenial(
        header, received.exchange, attempt: sent, server: received.server, now: now)
    {
      return nil
    }
    return received
  }

  /// Takes in that a reply has an answer to its question; the exchange is to be ended.
  ///
  /// - Parameters:
  ///   - octets: the reply's.
  ///   - isPositive: whether there are records.
  public mutating func accept(
    _ received: Received, octets: Int, isPositive: Bool, now: UInt64
  ) {
    let exchange = received.exchange
    if received.isStream, exchanges[exchange].phase.isTCP(because: .letterCase) {
      noteCaseFailure(exchange, now: now)
    }
    noteAnswer(
      exchange, server: received.server, attempt: received.transmission, count: octets,
      isPositive: isPositive, now: now)
  }

  /// Why a reply is of no use.
  public enum Refusal {
    /// It is not well formed.
    case malformed
    /// It has an error, whose code has upper bits (RFC 6891 §6.1.3).
    case error(ResponseCode)
    /// It points elsewhere, or has more than can be kept.
    case noAnswer(FailureDetail.Kind)
  }

  /// Takes in that a reply is of no use: the question goes on, to others if need be.
  public mutating func refuse(_ received: Received, as refusal: Refusal, now: UInt64) {
    switch refusal {
    case .malformed: takeMalformed(from: received, now: now)
    case .error(let rcode): takeError(rcode, hasOPT: true, from: received, now: now)
    case .noAnswer(let kind): takeNoAnswer(kind, from: received, now: now)
    }
  }

  /// Attempts with malformed replies after which a question is asked over TCP.
  private static let malformedLimit: UInt8 = 2

  /// Handles a reply that is not to be trusted.
  ///
  /// Perhaps it isn't the upstream's, and the honest one still comes. When the next attempt's is no
  /// better, TCP tells whose they are.
  private mutating func takeMalformed(from source: Received, now: UInt64) {
    let exchange = source.exchange
    counters.malformed += 1
    exchanges[exchange].cause = .upstreamError
    noteTrouble(exchange, .malformed, source.server)
    if source.isStream {
      giveUp(on: source, now: now)
      return
    }
    if let attempt = source.transmission {
      guard !transmissions[attempt].isSpoiled else { return }
      transmissions[attempt].isSpoiled = true
    }
    exchanges[exchange].malformed &+= 1
    guard exchanges[exchange].malformed == Exchanges.malformedLimit,
      !exchanges[exchange].phase.isTCP
    else { return }
    exchanges[exchange].server = source.server
    startTCP(exchange, because: .malformed, now: now)
  }

  /// Handles an error that belongs to a question.
  private mutating func takeError(
    _ rcode: ResponseCode, hasOPT: Bool, from source: Received, now: UInt64
  ) {
    let exchange = source.exchange
    noteError(source.server)
    // While TCP is being tried, what UDP has to say beside an answer is no news.
    guard source.isStream == exchanges[exchange].phase.isTCP else { return }
    switch rcode {
    case .formErr, .notImp, .badVers:
      guard source.edns != .none else { break }
      // Who understands EDNS answers with it (RFC 6891 §7), so the cookie may be what wasn't understood.
      if rcode == .formErr, source.lacksCookie {
        guard !exchanges[exchange].met.has(.withoutCookie, source.server) else { return }
        exchanges[exchange].met.insert(.withoutCookie, source.server)
        exchanges[exchange].server = source.server
        askAgain(exchange, now: now)
        return
      }
      // RFC 6891 §6.2.2: asked once more without EDNS. That has been done already when the other
      // packets with EDNS are answered, too.
      guard !exchanges[exchange].met.has(.withoutEDNS, source.server) else { return }
      askWithoutEDNS(exchange, source.server, now: now)
      return
    case .servFail, .refused:
      // Some say so to EDNS; who has it, answers with it.
      guard source.edns != .none, !hasOPT, !servers[source.server].answersEDNS,
        !exchanges[exchange].met.has(.withoutEDNS, source.server)
      else { break }
      askWithoutEDNS(exchange, source.server, now: now)
      return
    default: break
    }
    if rcode.mayRefuseEDNS, let attempt = source.transmission, transmissions[attempt].isMixedCase,
      !servers[source.server].keepsCase
    {
      // That there was no EDNS did not help.
      let wasWithoutEDNS = exchanges[exchange].met.has(.withoutEDNS, source.server)
      exchanges[exchange].met.remove(.withoutEDNS, source.server)
      if askInLowerCase(exchange, server: source.server, now: now) { return }
      if wasWithoutEDNS { exchanges[exchange].met.insert(.withoutEDNS, source.server) }
    }
    exchanges[exchange].cause = .upstreamError
    noteTrouble(exchange, .errorCode, source.server, rcode: rcode)
    exchanges[exchange].met.insert(.erred, source.server)
    giveUp(on: source, now: now)
  }

  /// Handles a reply that has no answer: a referral, or more than can be kept.
  private mutating func takeNoAnswer(
    _ kind: FailureDetail.Kind, from source: Received, now: UInt64
  ) {
    let exchange = source.exchange
    noteError(source.server)
    exchanges[exchange].cause = .upstreamError
    noteTrouble(exchange, kind, source.server)
    exchanges[exchange].met.insert(.erred, source.server)
    giveUp(on: source, now: now)
  }

  private mutating func askWithoutEDNS(_ exchange: ExchangeID, _ server: ServerID, now: UInt64) {
    exchanges[exchange].met.insert(.withoutEDNS, server)
    exchanges[exchange].server = server
    askAgain(exchange, now: now)
  }

  /// Handles a header without a question that has the ID of a packet with EDNS.
  ///
  /// It shows so little that it may as well be a guess. The question is asked without EDNS, too; the reply to
  /// what was sent is still good, and comes first when the upstream has EDNS.
  private mutating func takeBare(_ transmission: TransmissionID, server: ServerID, now: UInt64) {
    guard servers[server].mayAnswerBare(now: now) else {
      counters.mismatched += 1
      counters.bareIgnored += 1
      return
    }
    guard !transmissions[transmission].isSpoiled else { return }
    transmissions[transmission].isSpoiled = true
    let exchange = transmissions[transmission].exchange
    markAlive(server, now: now)
    noteError(server)
    guard !noteSpoofAttempt(exchange, isCertain: false, now: now), !exchanges[exchange].phase.isTCP,
      !exchanges[exchange].met.has(.withoutEDNS, server)
    else { return }
    askWithoutEDNS(exchange, server, now: now)
  }

  /// Asks the same server again without what it did not understand, for the same reason if over TCP.
  private mutating func askAgain(_ exchange: ExchangeID, now: UInt64) {
    if let attempt = exchanges[exchange].phase.tcp {
      endTCP(exchange)
      startTCP(exchange, because: attempt.reason, now: now)
    } else if exchanges[exchange].attemptCount < ExchangeTiming.attempts {
      send(exchange, now: now)
    } else {
      fail(exchange, now: now)
    }
  }

  /// An upstream's error counts for the question; the next one is asked, if there is one.
  ///
  /// A late error of an upstream that is no longer the one asked changes nothing but the choice of
  /// those to come.
  private mutating func giveUp(on source: Received, now: UInt64) {
    let exchange = source.exchange
    guard source.isStream == exchanges[exchange].phase.isTCP else { return }
    exchanges[exchange].met.insert(.failed, source.server)
    guard exchanges[exchange].server == source.server else { return }
    endTCP(exchange)
    moveOn(exchange, now: now)
  }
}

extension Exchanges {
  /// Takes the name of a packet's question.
  ///
  /// - Returns: the offset behind it, or nothing when it is malformed.
  mutating func loadQuestion(_ packet: Span<UInt8>) -> Int? {
    try? question.load(from: packet, at: MessageHeader.size)
  }
}

extension MessageHeader {
  /// Whether the code is that of an answer: that there is something, or no such name.
  @inline(__always)
  var hasAnswerCode: Bool {
    rcode == ResponseCode.noError.rawValue || rcode == ResponseCode.nxDomain.rawValue
  }
}

extension ResponseCode {
  /// Whether it may be what EDNS, or something else that is not understood, is refused with.
  fileprivate var mayRefuseEDNS: Bool {
    switch self {
    case .formErr, .notImp, .servFail, .refused: true
    default: false
    }
  }
}
