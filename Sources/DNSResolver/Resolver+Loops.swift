import DNSCache
import DNSWire
import Memory

// A query of ours may come back to us as a client's: from an upstream that asks us, or by a rule that sends whatever
// goes to port 53 here. It would wait for itself until its time is over.
//
// A forwarder in between may change all by which a query is known: ID, letter case and cookie. Then it joins the very
// question that it was sent for, and no reply comes. So silence to a question that others have joined is looked into,
// by a probe whose name only a loop can bring back.

extension Resolver {
  /// Whether a client's query is one that went from here to an upstream, which is noted then.
  ///
  /// It is known by our cookie for that upstream; where none is left, as long as its reply would still be good, by
  /// ID and letter case.
  ///
  /// - Parameter question: the question as it came; its name is the key's, unless that is where an alias led.
  public mutating func takeOwnQuery(
    _ question: Span<UInt8>, id: UInt16, cookie: UInt64?, _ key: borrowing NameKey,
    type: RecordType, needs: DNSSECNeeds, now: UInt64
  ) -> Bool {
    if takeLoopProbe(key, now: now) { return true }
    if let cookie {
      var left = choice.present
      while left != 0 {
        let upstream = left.trailingZeroBitCount
        left &= left - 1
        if choice.upstreams[upstream].cookie.isOurs(cookie, now: now) {
          noteLoop(upstream)
          return true
        }
      }
    }
    guard let index = find(key, type, needs) else { return false }
    var attempt = questions[index].firstAttempt
    while attempt != Resolver.nobody {
      let place = Int(attempt)
      let upstream = Int(attempts[place].socket) / settings.socketsPerUpstream
      if attempts[place].id == id,
        question.holds(sentName(index, isCased: attempts[place].isCased), 0),
        // In lower case it may be another's whose ID is the same by chance.
        looping & 1 << UInt64(upstream) != 0
          || !question.holds(sentName(index, isCased: false), 0)
      {
        noteLoop(upstream)
        return true
      }
      attempt = attempts[place].next
    }
    return false
  }

  private mutating func noteLoop(_ upstream: Int) {
    counters.looped += 1
    looping |= 1 << UInt64(upstream)
  }

  // MARK: Probes

  /// Milliseconds between two loop probes of an upstream at least, and exactly while it gives our queries back.
  private static let loopProbePause: UInt64 = 30_000

  /// EMPTY.AS112.ARPA, of which RFC 7535 says that it has nothing below.
  ///
  /// A forwarder has no answer of its own for names there, as many have for `test` and `invalid` (RFC 6761 §6), nor
  /// does it make one from a denial that it has: the zone is there, and is not signed. Its servers are nobody's who
  /// could have a client here ask for the name, as those of a client's name might be.
  private static let loopZone: InlineArray<18, UInt8> = [
    5, 0x65, 0x6D, 0x70, 0x74, 0x79, 5, 0x61, 0x73, 0x31, 0x31, 0x32, 4, 0x61, 0x72, 0x70, 0x61, 0,
  ]
  /// 64 bits as hexadecimal digits: too many to be guessed.
  private static let loopLabelOctets = 16
  static let loopNameOctets = 1 + loopLabelOctets + loopZone.count

  /// A question had no reply in time.
  ///
  /// If others have joined it, one of them may be the upstream.
  mutating func suspectLoop(_ upstream: Int, _ index: Int, now: UInt64) {
    guard questions[index].waiterCount > (questions[index].isRefresh ? 0 : 1) else { return }
    sendLoopProbe(upstream, now: now)
  }

  /// Asks an upstream for a name that nobody knows, unless that was done not long before.
  mutating func sendLoopProbe(_ upstream: Int, now: UInt64) {
    guard choice.isPresent(upstream) else { return }
    if now >= choice.upstreams[upstream].nextLoopProbe,
      let (socket, id) = drawTransaction(upstream)
    {
      drawLoopName(upstream)
      choice.upstreams[upstream].nextLoopProbe = now + Resolver.loopProbePause
      choice.upstreams[upstream].hasLoopProbeReturned = false
      choice.upstreams[upstream].loopProbe = Upstream.Probe(
        socket: UInt16(socket), id: id, isPending: true, sent: now)
      counters.probes += 1
      choice.upstreams[upstream].counters.queries += 1
      let query = OutgoingQuery(
        question: QuestionHandle(Resolver.nobody, 0), id: id, upstream: upstream, socket: socket,
        isCased: false, edns: .none, hasCookie: false, isProbe: true, isLoopProbe: true)
      _ = actions.push(.send(query))
    }
    if choice.isLooping(upstream) { scheduleLoopProbe(upstream, now: now) }
  }

  private mutating func scheduleLoopProbe(_ upstream: Int, now: UInt64) {
    let next = max(choice.upstreams[upstream].nextLoopProbe, now + 1)
    choice.upstreams[upstream].nextProbe = next
    timers.schedule(settings.inFlightLimit + upstream, at: next, now: now)
  }

  private mutating func drawLoopName(_ upstream: Int) {
    var bits = random.next()
    var name = loopNames.mutableOctets(in: upstream, count: Resolver.loopNameOctets)
    name[0] = UInt8(Resolver.loopLabelOctets)
    for position in 1...Resolver.loopLabelOctets {
      let digit = UInt8(truncatingIfNeeded: bits & 0xF)
      name[position] = digit + (digit < 10 ? 0x30 : 0x61 - 10)
      bits >>= 4
    }
    name.store(Resolver.loopZone.span, 1 + Resolver.loopLabelOctets)
  }

  func writeLoopProbe(_ upstream: Int, into writer: inout MessageWriter) -> Int {
    writer.octets(loopNames.octets(in: upstream, count: Resolver.loopNameOctets))
    writer.number16(RecordType.a.rawValue)
    writer.number16(RecordClass.internet.rawValue)
    return writer.finish(flags: MessageHeader.Flag.recursionDesired)
  }

  /// Whether a client asks for the name of a loop probe: then its upstream gives our queries back.
  @inline(__always)
  private mutating func takeLoopProbe(_ key: borrowing NameKey, now: UInt64) -> Bool {
    // Hardly any other name is of just this length.
    guard key.count == Resolver.loopNameOctets else { return false }
    return findLoopProbe(key, now: now)
  }

  @inline(never)
  private mutating func findLoopProbe(_ key: borrowing NameKey, now: UInt64) -> Bool {
    for upstream in 0..<UpstreamChoice.limit
    where choice.isPresent(upstream) && choice.upstreams[upstream].loopProbe.isPending
      && key.matches(loopNames.octets(in: upstream, count: Resolver.loopNameOctets))
    {
      noteLoop(upstream)
      choice.upstreams[upstream].hasLoopProbeReturned = true
      if !choice.isLooping(upstream) { endAsking(upstream, now: now) }
      return true
    }
    return false
  }

  /// Has an upstream that gives our queries back asked no more; what waits for it asks elsewhere, or fails.
  private mutating func endAsking(_ upstream: Int, now: UInt64) {
    if !choice.upstreams[upstream].isDown { goDown(upstream, now: now) }
    choice.mark(upstream, isLooping: true)
    scheduleLoopProbe(upstream, now: now)
    endStreamProbe(upstream)
    for index in 0..<questions.end
    where questions.contains(index) && Int(questions[index].upstream) == upstream {
      questions[index].cause = .looping
      questions[index].isTrial = false
      askAgainSoon(index, now: now)
    }
  }

  /// Handles a packet that may answer a loop probe; false when it doesn't.
  ///
  /// An answer to a name that has not come back tells that the loop is gone.
  mutating func takeLoopReply(
    _ packet: Span<UInt8>, _ header: MessageHeader, socket: Int, now: UInt64
  ) -> Bool {
    let upstream = socket / settings.socketsPerUpstream
    guard choice.upstreams[upstream].loopProbe.matches(socket: socket, id: header.id),
      header.questionCount == 1, reply.loadQuestion(packet) != nil,
      reply.question.matches(loopNames.octets(in: upstream, count: Resolver.loopNameOctets))
    else { return false }
    choice.upstreams[upstream].loopProbe.isPending = false
    guard choice.isLooping(upstream), !choice.upstreams[upstream].hasLoopProbeReturned else {
      return true
    }
    choice.mark(upstream, isLooping: false)
    looping &= ~(1 << UInt64(upstream))
    comeUp(upstream, now: now)
    return true
  }
}
