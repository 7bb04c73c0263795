import DNSWire

// Questions asked over TCP.

extension Resolver {
  /// Starts a TCP attempt.
  mutating func startStream(_ index: Int, now: UInt64) {
    let id = UInt16(truncatingIfNeeded: random.next())
    let upstream = Int(questions[index].upstream)
    // There is nothing that a reply is too large for.
    let edns: EDNSOffer = ednsOffer(index, attempt: 0, now: now) == .none ? .none : .full
    let hasCookie = offersCookie(index, edns, now: now)
    questions[index].isStreaming = true
    questions[index].streamID = id
    questions[index].streamHasCookie = hasCookie
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
    _ = actions.push(.closeStream(handle(index)))
  }
}
