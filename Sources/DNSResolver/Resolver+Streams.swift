import DNSWire

// Questions asked over TCP.

extension Resolver {
  /// Starts a TCP attempt.
  ///
  /// - Parameter isTrial: whether it is made because UDP is silent.
  mutating func startStream(_ index: Int, isTrial: Bool = false, now: UInt64) {
    let id = UInt16(truncatingIfNeeded: random.next())
    let server = questions[index].server
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
      purpose: .question(handle(index)), id: id, server: server, socket: nil,
      // Nobody else can answer here, so there is nothing to guess.
      isCased: false,
      edns: edns, hasCookie: hasCookie)
    guard actions.push(.openStream(query)) else {
      fail(index, .overload, now: now)
      return
    }
    counters.streams += 1
    servers[server].counters.streams += 1
  }

  mutating func endStream(_ index: Int) {
    guard questions[index].isStreaming else { return }
    questions[index].isStreaming = false
    questions[index].isStreamTrial = false
    _ = actions.push(.closeStream(.question(handle(index))))
  }

  /// No reply came over TCP for a while.
  mutating func noteStreamTimeout(_ index: Int, now: UInt64) {
    let server = questions[index].server
    guard servers[server].isStreamOnly || servers[server].overStream.isInForce else {
      abandonStream(index, now: now)
      return
    }
    servers[server].counters.timeouts += 1
    noteFailure(server, .silence, sent: questions[index].streamSent, now: now)
    // Where there is nobody else, the reply may still come.
    var touched = questions[index].touched
    touched.insert(.failed, server)
    let next = servers.next(of: questions[index].group, after: server, touched, now: now)
    if next == nil {
      setTimer(index, at: questions[index].deadline, now: now)
    } else {
      abandonStream(index, now: now)
    }
  }
}
