import DNSCache
import DNSWire
import Memory

// Which reply to believe, and what follows from it.

extension Resolver {
  /// Handles a packet that arrived on an upstream socket.
  ///
  /// A packet is a reply only if it came to the socket that the query left from (a connected one, so
  /// address and port are the upstream's), has that query's ID, question and opcode, and is a
  /// response (RFC 5452 §9.1). Any attempt of a question in flight will do, also an earlier one.
  public mutating func receive(
    _ packet: Span<UInt8>, socket: SocketID, cache: inout Cache, now: UInt64
  ) {
    guard let header = try? MessageHeader(packet), header.isResponse,
      header.opcode == Opcode.query.rawValue
    else {
      counters.mismatched += 1
      return
    }
    guard let place = findAttempt(socket: socket, id: header.id) else {
      if !takeProbeReply(packet, header, socket: socket, now: now),
        !takeLoopReply(packet, header, socket: socket, now: now),
        !takeWatched(header, socket: socket, now: now)
      {
        takeGuess(packet, header, socket: socket, now: now)
      }
      return
    }
    let index = Int(attempts[place].question)
    let isCased = attempts[place].isCased
    let hasEDNS = attempts[place].edns != .none
    guard
      let (end, isCaseKept) = matchingQuestion(
        packet, header, index, isCased: isCased, hasEDNS: hasEDNS)
    else {
      _ = takeMismatch(packet, header, index, isCertain: true, now: now)
      return
    }
    let server = socket.server
    var lacksCookie = false
    if attempts[place].hasCookie {
      let options = ReplyOptions(packet, header, at: end)
      if takeCookie(
        packet, header, options, place, server: server, isCaseKept: isCaseKept, now: now)
      {
        return
      }
      lacksCookie = options.hasOPT && options.cookie == nil
    }
    guard end > MessageHeader.size else {
      takeBare(place, server: server, now: now)
      return
    }
    if questions[index].firstAttempt != UInt32(place) { counters.late += 1 }
    timed = RoundTrip(
      server: server, microseconds: stopwatch &- attempts[place].stopwatch)
    hear(server, now: now)
    guard isCaseKept else {
      doubtCase(index, server: server, now: now)
      return
    }
    // More than we offered: no honest upstream sends that (RFC 6891 §6.2.5), and what it holds may
    // have come in fragments, of which all but the first are anybody's.
    let isOversized = packet.count > Int(EDNS.defaultUDPSize)
    if isOversized { counters.oversized += 1 }
    if isOversized || header.flags & MessageHeader.Flag.truncated != 0 {
      // What a truncated reply holds may be half an RRset (RFC 2181 §9): it is asked for again,
      // unless that has been tried already.
      noteTruncated(place, server: server, now: now)
      moveToTCP(index, to: server, because: .truncated, now: now)
      return
    }
    let source = Source(
      server: server, isStream: false, edns: attempts[place].edns, lacksCookie: lacksCookie,
      attempt: place)
    take(packet, header, index, from: source, recordsAt: end, cache: &cache, now: now)
  }

  /// The question that a packet from an upstream socket seems to answer, for reading ahead.
  public func question(answeredBy packet: Span<UInt8>, socket: SocketID) -> Noted? {
    guard packet.count > MessageHeader.size,
      let place = findAttempt(socket: socket, id: packet.load16(0))
    else { return nil }
    let index = attempts[place].question
    return Noted(index: index, nameHash: questions[Int(index)].nameHash)
  }

  /// A question in flight whose reply is about to be taken in.
  public struct Noted: BitwiseCopyable {
    let index: UInt32
    /// The hash of its name.
    public let nameHash: UInt32
  }

  /// Reads what taking in the reply to a question will need of the resolver itself.
  ///
  /// - Returns: the client that waits for it, the last of them; nothing when none does.
  public func anticipate(_ noted: Noted, _ seen: inout UInt32) -> UInt32? {
    let index = Int(noted.index)
    seen ^= UInt32(casedNames.octets(in: index, count: 1)[0])
    seen ^= UInt32(names.octets(in: index, count: 1)[0])
    let waiter = questions[index].firstWaiter
    guard waiter != Resolver.nobody, case .client(let client) = waiters[Int(waiter)].recipient
    else { return nil }
    return client
  }

  /// Handles a whole message that arrived on the TCP connection of a question.
  public mutating func receiveStream(
    _ packet: Span<UInt8>, for purpose: Purpose, cache: inout Cache, now: UInt64
  ) {
    let handle: QuestionHandle
    switch purpose {
    case .probe(let server, let id):
      takeStreamProbe(packet, server, id: id, now: now)
      return
    case .loopProbe: return
    case .question(let named): handle = named
    }
    guard let index = index(handle), let attempt = questions[index].phase.tcp,
      let header = try? MessageHeader(packet), header.isResponse,
      header.opcode == Opcode.query.rawValue, header.id == attempt.id
    else {
      counters.mismatched += 1
      return
    }
    guard
      let (end, _) = matchingQuestion(
        packet, header, index, isCased: false, hasEDNS: attempt.edns != .none)
    else {
      counters.mismatched += 1
      return
    }
    let server = questions[index].server
    hear(server, now: now)
    servers[server].tcpFailedUntil = 0
    var lacksCookie = false
    if attempt.hasCookie {
      let options = ReplyOptions(packet, header, at: end)
      noteStreamCookie(packet, header, options, index, server: server, now: now)
      lacksCookie = options.hasOPT && options.cookie == nil
    }
    let source = Source(
      server: server, isStream: true, edns: attempt.edns, lacksCookie: lacksCookie)
    guard header.flags & MessageHeader.Flag.truncated == 0 else {
      // More than a message holds; there is nothing larger to ask with.
      noteError(server)
      noteTrouble(index, .tooLarge, server)
      giveUp(on: source, index, now: now)
      return
    }
    take(packet, header, index, from: source, recordsAt: end, cache: &cache, now: now)
  }

  /// Notices that a TCP connection could not be made, or ended without a reply.
  public mutating func streamFailed(_ purpose: Purpose, now: UInt64) {
    let handle: QuestionHandle
    switch purpose {
    case .probe(let server, let id):
      if servers[server].streamProbe.id == id { endStreamProbe(server) }
      return
    case .loopProbe: return
    case .question(let named): handle = named
    }
    guard let index = index(handle), let attempt = questions[index].phase.tcp else { return }
    let server = questions[index].server
    counters.unreachable += 1
    servers[server].tcpFailedUntil = now + Server.tcpPause
    if attempt.reason != .silence {
      questions[index].cause = .unreachable
      noteTrouble(index, .unreachable, server)
    }
    if servers[server].isStreamOnly {
      servers[server].counters.refusals += 1
      noteFailure(server, .unreachable, sent: attempt.sent, now: now)
    } else if servers[server].overStream.isInForce {
      // It talks TCP no more.
      servers[server].overStream.end()
      endTCP(index)
      retry(index, now: now)
      return
    }
    abandonTCP(index, now: now)
  }

  /// Where the records begin, and whether the name has the letter case that was sent, when the packet's
  /// question is the one that was asked.
  private mutating func matchingQuestion(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ index: Int, isCased: Bool, hasEDNS: Bool
  ) -> (end: Int, isCaseKept: Bool)? {
    // Nearly always the question comes back octet for octet: then its hash is known, too.
    let count = Int(questions[index].nameCount)
    let end = MessageHeader.size + count
    if header.questionCount == 1,
      packet.holds(sentName(index, isCased: isCased), MessageHeader.size),
      end + 4 <= packet.count, packet.load16(end) == questions[index].type.rawValue,
      packet.load16(end + 2) == RecordClass.internet.rawValue
    {
      names.load(in: index, count: count, hash: questions[index].nameHash, into: &reply.question)
      return (end + 4, true)
    }
    guard header.questionCount == 1,
      let end = reply.loadQuestion(packet), end + 4 <= packet.count,
      packet.load16(end) == questions[index].type.rawValue,
      packet.load16(end + 2) == RecordClass.internet.rawValue,
      isName(of: index, reply.question)
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

  /// Which packet a reply answers.
  private struct Source {
    var server: ServerID
    var isStream: Bool
    /// What EDNS the packet had.
    var edns: EDNSOffer
    /// Whether the packet had a cookie and the reply EDNS, but none.
    var lacksCookie: Bool
    /// The attempt, over UDP.
    var attempt: Int?
  }

  /// Makes use of a reply that belongs to a question.
  private mutating func take(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ index: Int, from source: Source,
    recordsAt end: Int, cache: inout Cache, now: UInt64
  ) {
    if header.rcode == UInt8(ResponseCode.yxDomain.rawValue) {
      noteUpstreamErrors(packet, header, at: end, index)
      takeNameTooLong(packet, index, from: source, now: now)
      return
    }
    guard header.hasAnswerCode else {
      noteUpstreamErrors(packet, header, at: end, index)
      let hasOPT = ReplyOptions(packet, header, at: end).hasOPT
      takeError(
        ResponseCode(UInt16(header.rcode)), hasOPT: hasOPT, index, from: source, now: now)
      return
    }
    guard packet.count > MessageHeader.size else {
      takeMalformed(index, from: source, now: now)
      return
    }
    if let attempt = source.attempt, !servers[source.server].keepsCase,
      doubtDenial(header, index, attempt: attempt, server: source.server, now: now)
    {
      return
    }
    let isPositive = header.answerCount > 0
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    // There is no DO without EDNS.
    var needs = questions[index].needs
    let lacksDNSSEC = source.edns == .none && needs.contains(.signatures)
    if lacksDNSSEC { needs.remove(.signatures) }
    if let fault = reply.parse(packet, header, at: end) {
      switch fault {
      case .malformed: takeMalformed(index, from: source, now: now)
      case .error(let rcode):
        noteUpstreamErrors(packet, header, at: end, index)
        takeError(rcode, hasOPT: true, index, from: source, now: now)
      }
      return
    }
    let server = servers[source.server].source
    switch reply.scrub(
      as: Reply.Terms(
        type: questions[index].type, needs: needs, source: server,
        believesAD: cache.believesAD(of: server),
        route: questions[index].group.route))
    {
    case .referral: takeNoAnswer(index, .referral, from: source, now: now)
    case .tooLarge: takeNoAnswer(index, .tooLarge, from: source, now: now)
    case .nameTooLong: takeNameTooLong(packet, index, from: source, now: now)
    case .rebound:
      counters.rebound += 1
      counters.answered += 1
      noteAnswer(
        index, server: source.server, attempt: source.attempt, count: packet.count,
        isPositive: isPositive, now: now)
      rememberUnkept(index, .rebound, server: source.server, now: now)
      finish(index, .rebound)
    case .answer, .noData, .nxDomain, .partial:
      spend(index, octets: packet.count, now: now)
      let stored = cache.store(&reply, now: seconds)
      counters.outOfBailiwick += reply.leftOut
      counters.answered += 1
      if source.isStream, questions[index].phase.isTCP(because: .letterCase) {
        noteCaseFailure(index, now: now)
      }
      noteAnswer(
        index, server: source.server, attempt: source.attempt, count: packet.count,
        isPositive: isPositive, now: now)
      if let unkept = stored.unkept {
        rememberUnkept(index, unkept, server: source.server, now: now)
      }
      var remarks = UpstreamRemarks.none
      if reply.hasExtendedError {
        remarks = noteUpstreamErrors(packet, header, at: end, index)
      }
      let outcome = Outcome.answered(remarks, lacksDNSSEC: lacksDNSSEC)
      if reply.isAliased {
        followAlias(index, outcome, stored.overlay, cache: &cache, now: now)
      } else {
        finish(index, outcome, stored.overlay, &cache)
      }
    }
  }

  /// Attempts with malformed replies after which a question is asked over TCP.
  private static let malformedLimit: UInt8 = 2

  /// Handles a reply that is not to be trusted.
  ///
  /// Perhaps it isn't the upstream's, and the honest one still comes. When the next attempt's is no
  /// better, TCP tells whose they are.
  private mutating func takeMalformed(_ index: Int, from source: Source, now: UInt64) {
    counters.malformed += 1
    questions[index].cause = .upstreamError
    noteTrouble(index, .malformed, source.server)
    if source.isStream {
      giveUp(on: source, index, now: now)
      return
    }
    if let attempt = source.attempt {
      guard !attempts[attempt].isSpoiled else { return }
      attempts[attempt].isSpoiled = true
    }
    questions[index].malformed &+= 1
    guard questions[index].malformed == Resolver.malformedLimit, !questions[index].phase.isTCP
    else { return }
    questions[index].server = source.server
    startTCP(index, because: .malformed, now: now)
  }

  /// Handles an error that belongs to a question.
  private mutating func takeError(
    _ rcode: ResponseCode, hasOPT: Bool, _ index: Int, from source: Source, now: UInt64
  ) {
    noteError(source.server)
    // While TCP is being tried, what UDP has to say beside an answer is no news.
    guard source.isStream == questions[index].phase.isTCP else { return }
    switch rcode {
    case .formErr, .notImp, .badVers:
      guard source.edns != .none else { break }
      // Who understands EDNS answers with it (RFC 6891 §7), so the cookie may be what wasn't understood.
      if rcode == .formErr, source.lacksCookie {
        guard !questions[index].touched.has(.withoutCookie, source.server) else { return }
        questions[index].touched.insert(.withoutCookie, source.server)
        questions[index].server = source.server
        askAgain(index, now: now)
        return
      }
      // RFC 6891 §6.2.2: asked once more without EDNS. That has been done already when the other
      // packets with EDNS are answered, too.
      guard !questions[index].touched.has(.withoutEDNS, source.server) else { return }
      askWithoutEDNS(index, source.server, now: now)
      return
    case .servFail, .refused:
      // Some say so to EDNS; who has it, answers with it.
      guard source.edns != .none, !hasOPT, !servers[source.server].answersEDNS,
        !questions[index].touched.has(.withoutEDNS, source.server)
      else { break }
      askWithoutEDNS(index, source.server, now: now)
      return
    default: break
    }
    if rcode.mayRefuseEDNS, let attempt = source.attempt, attempts[attempt].isCased,
      !servers[source.server].keepsCase
    {
      // That there was no EDNS did not help.
      let wasWithoutEDNS = questions[index].touched.has(.withoutEDNS, source.server)
      questions[index].touched.remove(.withoutEDNS, source.server)
      if askInLowerCase(index, server: source.server, now: now) { return }
      if wasWithoutEDNS { questions[index].touched.insert(.withoutEDNS, source.server) }
    }
    questions[index].cause = .upstreamError
    noteTrouble(index, .errorCode, source.server, rcode: rcode)
    questions[index].touched.insert(.erred, source.server)
    giveUp(on: source, index, now: now)
  }

  /// Handles a reply that has no answer: a referral, or more than can be kept.
  private mutating func takeNoAnswer(
    _ index: Int, _ kind: Trouble.Kind, from source: Source, now: UInt64
  ) {
    noteError(source.server)
    questions[index].cause = .upstreamError
    noteTrouble(index, kind, source.server)
    questions[index].touched.insert(.erred, source.server)
    giveUp(on: source, index, now: now)
  }

  private mutating func askWithoutEDNS(_ index: Int, _ server: ServerID, now: UInt64) {
    questions[index].touched.insert(.withoutEDNS, server)
    questions[index].server = server
    askAgain(index, now: now)
  }

  /// Handles a header without a question that has the ID of a packet with EDNS.
  ///
  /// It shows so little that it may as well be a guess. The question is asked without EDNS, too; the reply to
  /// what was sent is still good, and comes first when the upstream has EDNS.
  private mutating func takeBare(_ place: Int, server: ServerID, now: UInt64) {
    guard servers[server].mayAnswerBare(now: now) else {
      counters.mismatched += 1
      counters.bareIgnored += 1
      return
    }
    guard !attempts[place].isSpoiled else { return }
    attempts[place].isSpoiled = true
    let index = Int(attempts[place].question)
    hear(server, now: now)
    noteError(server)
    guard !noteSpoofAttempt(index, isCertain: false, now: now), !questions[index].phase.isTCP,
      !questions[index].touched.has(.withoutEDNS, server)
    else { return }
    askWithoutEDNS(index, server, now: now)
  }

  /// Handles the answer that a DNAME makes a name which is too long.
  private mutating func takeNameTooLong(
    _ packet: Span<UInt8>, _ index: Int, from source: Source, now: UInt64
  ) {
    counters.answered += 1
    noteAnswer(
      index, server: source.server, attempt: source.attempt, count: packet.count,
      isPositive: false, now: now)
    noteTrouble(index, .errorCode, source.server, rcode: .yxDomain)
    var failure = Failure(.nameTooLong)
    if !questions[index].isUnasked {
      failure.place = rememberFailure(index, failure.cause, now: now)
      failure.nameHash = questions[index].nameHash
    }
    finish(index, .failed(failure))
  }

  /// Asks the same server again without what it did not understand, for the same reason if over TCP.
  private mutating func askAgain(_ index: Int, now: UInt64) {
    if let attempt = questions[index].phase.tcp {
      endTCP(index)
      startTCP(index, because: attempt.reason, now: now)
    } else if questions[index].attemptCount < ResolverTiming.attempts {
      send(index, now: now)
    } else {
      fail(index, now: now)
    }
  }

  /// An upstream's error counts for the question; the next one is asked, if there is one.
  ///
  /// A late error of an upstream that is no longer the one asked changes nothing but the choice of
  /// those to come.
  private mutating func giveUp(on source: Source, _ index: Int, now: UInt64) {
    guard source.isStream == questions[index].phase.isTCP else { return }
    questions[index].touched.insert(.failed, source.server)
    guard questions[index].server == source.server else { return }
    endTCP(index)
    moveOn(index, now: now)
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

extension BufferPool {
  /// Fills a key with a name that was kept, and its hash.
  func load(in index: Int, count: Int, hash: UInt32, into key: inout NameKey) {
    key.load(octets(in: index, count: count), withHash: hash)
  }
}
