import DNSWire
import Memory

// What an upstream, or the way there, does not bear: EDNS, cookies, random letter case, UDP at all. Found out
// by its answers, remembered for each upstream, and tried again after some minutes (`Fallback`).

extension Resolver {
  // MARK: What a packet has

  /// What the next packet of a question does without because its upstream says nothing.
  mutating func simplicity(_ index: Int, attempt: Int, _ upstream: Int, now: UInt64) -> Simplicity {
    guard attempt > 1, now >= choice.upstreams[upstream].provenUntil,
      usualAttempt(index, at: upstream) != nil
    else { return .usual }
    return Simplicity.of(
      attempt: attempt, hasTriedStream: questions[index].hasTriedStream,
      // Where nothing ever came it is better than nothing.
      wantsSignatures: questions[index].needs.contains(.signatures)
        && choice.upstreams[upstream].roundTrip.isMeasured)
  }

  /// Whether a question's upstream is asked over TCP at once.
  @inline(__always)
  mutating func isStreamUpstream(_ upstream: Int, isTrying: inout Bool, now: UInt64) -> Bool {
    choice.upstreams[upstream].rules.isStreamOnly
      || choice.upstreams[upstream].overStream.applies(isTrying: &isTrying, now: now)
  }

  /// What EDNS a question's next packet over UDP has.
  @inline(__always)
  mutating func ednsOffer(
    _ index: Int, attempt: Int, _ simplicity: Simplicity, isTrying: inout Bool, now: UInt64
  ) -> EDNSOffer {
    let upstream = Int(questions[index].upstream)
    if !choice.upstreams[upstream].rules.usesEDNS || simplicity == .plain
      || questions[index].isPlain(upstream)
      || choice.upstreams[upstream].withoutEDNS.applies(isTrying: &isTrying, now: now)
    {
      return .none
    }
    choice.upstreams[upstream].small.endWhenOver(now: now)
    // Large replies may be what gets lost.
    let isSmall = choice.upstreams[upstream].small.isInForce
    return isSmall || attempt >= ResolverTiming.smallFrom ? .small : .full
  }

  /// The same over TCP, where nothing is tried again.
  func streamOffer(_ index: Int) -> EDNSOffer {
    let upstream = Int(questions[index].upstream)
    return !choice.upstreams[upstream].rules.usesEDNS || questions[index].isPlain(upstream)
      || choice.upstreams[upstream].withoutEDNS.isInForce ? .none : .full
  }

  /// Whether a packet over UDP has a cookie.
  @inline(__always)
  mutating func offersCookie(
    _ index: Int, _ edns: EDNSOffer, _ simplicity: Simplicity, isTrying: inout Bool, now: UInt64
  ) -> Bool {
    let upstream = Int(questions[index].upstream)
    guard edns != .none, simplicity != .noCookie, choice.upstreams[upstream].rules.usesCookies,
      !questions[index].isCookieless(upstream),
      !choice.upstreams[upstream].withoutCookies.applies(isTrying: &isTrying, now: now)
    else { return false }
    renewCookieIfDue(upstream, now: now)
    return true
  }

  /// The same over TCP.
  mutating func offersStreamCookie(_ index: Int, _ edns: EDNSOffer, now: UInt64) -> Bool {
    let upstream = Int(questions[index].upstream)
    guard edns != .none, choice.upstreams[upstream].rules.usesCookies,
      !questions[index].isCookieless(upstream),
      !choice.upstreams[upstream].withoutCookies.isInForce
    else { return false }
    renewCookieIfDue(upstream, now: now)
    return true
  }

  /// Whether a packet over UDP has random letter case.
  @inline(__always)
  mutating func isCased(
    _ index: Int, _ simplicity: Simplicity, isTrying: inout Bool, now: UInt64
  ) -> Bool {
    let upstream = Int(questions[index].upstream)
    return !questions[index].isFolded && simplicity != .lowerCase && simplicity != .plain
      && choice.upstreams[upstream].rules.usesLetterCase
      && !choice.upstreams[upstream].lowerCase.applies(isTrying: &isTrying, now: now)
  }

  // MARK: What an answer says

  /// An answer came to something other than the usual packet, or from an upstream that is in doubt.
  ///
  /// - Parameters:
  ///   - attempt: the packet over UDP; nothing over TCP.
  ///   - isPositive: whether there are records.
  mutating func noteWays(
    _ index: Int, _ upstream: Int, attempt: Int?, isPositive: Bool, now: UInt64
  ) {
    let name = questions[index].nameHash
    guard let attempt else {
      noteStreamWays(index, upstream, now: now)
      return
    }
    let packet = attempts[attempt]
    // What it bears.
    choice.upstreams[upstream].overStream.end()
    if packet.edns != .none { choice.upstreams[upstream].withoutEDNS.end() }
    if packet.hasCookie { choice.upstreams[upstream].withoutCookies.end() }
    if showsCase(attempt) { choice.upstreams[upstream].lowerCase.end() }
    // What it refused, and answers without.
    if packet.edns == .none, questions[index].isPlain(upstream) {
      note(.withoutEDNS, upstream, name, limit: Fallback.refusalLimit, now: now)
    } else if packet.edns != .none, !packet.hasCookie, questions[index].isCookieless(upstream) {
      note(.withoutCookies, upstream, name, limit: Fallback.refusalLimit, now: now)
    }
    if !packet.isCased, isPositive, questions[index].isCaseDenied(upstream) {
      note(.lowerCase, upstream, name, limit: Fallback.refusalLimit, now: now)
    }
    // What it said nothing to.
    switch packet.simplicity {
    case .usual, .stream: break
    case .lowerCase:
      // Otherwise it was the same packet once more.
      if questions[index].showsCase { noteSilence(.lowerCase, index, upstream, now: now) }
    case .noCookie: noteSilence(.withoutCookies, index, upstream, now: now)
    case .plain: noteSilence(.withoutEDNS, index, upstream, now: now)
    }
    choice.upstreams[upstream].noteDoubts()
  }

  private mutating func noteStreamWays(_ index: Int, _ upstream: Int, now: UInt64) {
    let name = questions[index].nameHash
    if questions[index].streamEDNS == .none, questions[index].isPlain(upstream) {
      note(.withoutEDNS, upstream, name, limit: Fallback.refusalLimit, now: now)
    } else if questions[index].streamEDNS != .none, questions[index].isCookieless(upstream) {
      note(.withoutCookies, upstream, name, limit: Fallback.refusalLimit, now: now)
    }
    if questions[index].isStreamTrial { noteSilence(.overStream, index, upstream, now: now) }
    choice.upstreams[upstream].noteDoubts()
  }

  /// Takes in that a name's usual packets had no reply, and a simpler one had.
  ///
  /// Perhaps the name took long, and their replies are about to come: if one does, all is taken back.
  private mutating func noteSilence(
    _ fallback: Fallback.Kind, _ index: Int, _ upstream: Int, now: UInt64
  ) {
    guard let place = usualAttempt(index, at: upstream) else { return }
    choice.upstreams[upstream].watched = Upstream.Watched(
      socket: attempts[place].socket, id: attempts[place].id, isPending: true,
      showsCase: showsCase(place))
    note(fallback, upstream, questions[index].nameHash, limit: Fallback.silenceLimit, now: now)
  }

  /// The last usual packet of a question to an upstream.
  private func usualAttempt(_ index: Int, at upstream: Int) -> Int? {
    var attempt = questions[index].firstAttempt
    while attempt != Resolver.nobody {
      let place = Int(attempt)
      if attempts[place].simplicity == .usual,
        Int(attempts[place].socket) / settings.socketsPerUpstream == upstream
      {
        return place
      }
      attempt = attempts[place].next
    }
    return nil
  }

  /// Handles a reply to a usual packet of a question that a simpler one has ended; false when it isn't that.
  mutating func takeWatched(_ header: MessageHeader, socket: Int, now: UInt64) -> Bool {
    let upstream = socket / settings.socketsPerUpstream
    let watched = choice.upstreams[upstream].watched
    guard watched.isPending, Int(watched.socket) == socket, watched.id == header.id else {
      return false
    }
    counters.late += 1
    choice.upstreams[upstream].watched.isPending = false
    choice.upstreams[upstream].withoutEDNS.end()
    choice.upstreams[upstream].withoutCookies.end()
    choice.upstreams[upstream].overStream.end()
    if watched.showsCase { choice.upstreams[upstream].lowerCase.end() }
    choice.upstreams[upstream].noteDoubts()
    if watched.showsCase || choice.upstreams[upstream].isInLowerCase {
      choice.upstreams[upstream].provenUntil = now + Upstream.provenLife
    }
    return true
  }

  /// Takes in that a name was answered without something, and not with it.
  mutating func note(
    _ fallback: Fallback.Kind, _ upstream: Int, _ name: UInt32, limit: UInt8,
    now: UInt64
  ) {
    guard choice.upstreams[upstream][fallback].note(name, limit: limit, now: now) else {
      choice.upstreams[upstream].noteDoubts()
      return
    }
    begun(fallback, upstream, now: now)
  }

  /// Has an upstream asked without something from now on.
  mutating func begin(
    _ fallback: Fallback.Kind, _ upstream: Int, now: UInt64
  ) {
    let wasInForce = choice.upstreams[upstream][fallback].isInForce
    choice.upstreams[upstream][fallback].begin(now: now)
    if !wasInForce { begun(fallback, upstream, now: now) }
  }

  private mutating func begun(
    _ fallback: Fallback.Kind, _ upstream: Int, now: UInt64
  ) {
    counters.fallbacks += 1
    switch fallback {
    case .withoutEDNS: counters.withoutEDNS += 1
    case .withoutCookies:
      counters.withoutCookies += 1
      choice.upstreams[upstream].cookie.noteLoss(now: now)
    case .lowerCase:
      counters.lowerCase += 1
      choice.upstreams[upstream].keepsCase = false
    case .small: counters.small += 1
    case .overStream: counters.overStream += 1
    }
    choice.upstreams[upstream].noteDoubts()
  }
}
