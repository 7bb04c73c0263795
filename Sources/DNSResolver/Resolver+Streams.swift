import DNSWire

// Questions asked over TCP.

extension Resolver {
  /// Starts a TCP attempt.
  ///
  /// - Parameter isTrial: whether it is made because UDP is silent.
  mutating func startStream(_ index: Int, isTrial: Bool = false, now: UInt64) {
    let id = UInt16(truncatingIfNeeded: random.next())
    let upstream = Int(questions[index].upstream)
    // There is nothing that a reply is too large for.
    let edns = streamOffer(index)
    let hasCookie = offersStreamCookie(index, edns, now: now)
    questions[index].isStreaming = true
    questions[index].isStreamTrial = isTrial
    questions[index].streamID = id
    questions[index].streamHasCookie = hasCookie
    questions[index].streamEDNS = edns
    questions[index].streamSent = now
    setTimer(index, at: now + ResolverTiming.stream, now: now)
    let query = OutgoingQuery(
      question: handle(index), id: id, upstream: upstream, socket: nil,
      // Nobody else can answer here, so there is nothing to guess.
      isCased: false,
      edns: edns, hasCookie: hasCookie)
    guard actions.push(.openStream(query)) else {
      fail(index, .overload, now: now)
      return
    }
    counters.streams += 1
    choice.upstreams[upstream].counters.streams += 1
  }

  mutating func endStream(_ index: Int) {
    guard questions[index].isStreaming else { return }
    questions[index].isStreaming = false
    questions[index].isStreamTrial = false
    _ = actions.push(.closeStream(handle(index)))
  }

  /// No reply came over TCP for a while.
  mutating func noteStreamTimeout(_ index: Int, now: UInt64) {
    let upstream = Int(questions[index].upstream)
    guard
      choice.upstreams[upstream].rules.isStreamOnly
        || choice.upstreams[upstream].overStream.isInForce
    else {
      abandonStream(index, now: now)
      return
    }
    choice.upstreams[upstream].counters.timeouts += 1
    noteFailure(upstream, .silence, sent: questions[index].streamSent, now: now)
    // Where there is nobody else, the reply may still come.
    let next = choice.next(
      after: upstream, tried: questions[index].triedUpstreams,
      failed: questions[index].failedUpstreams | 1 << UInt64(upstream), now: now)
    if next == nil {
      setTimer(index, at: questions[index].deadline, now: now)
    } else {
      abandonStream(index, now: now)
    }
  }
}
