import Memory

// What a change of this host's network means.

extension Resolver {
  /// Milliseconds over which questions in flight are asked again after a change.
  static let networkChangeSpread = 128
  /// Attempts that a question has at least after a change; those before may have gone nowhere.
  static let attemptsAfterChange = 3

  /// This host's addresses, routes or links have changed: an upstream that failed may be there now, and
  /// what was measured was another way.
  ///
  /// Upstreams that are down are probed at once, questions in flight are asked again, a few at a time.
  /// Changes are to come seldom, a few a second at most: each is good for further attempts.
  public mutating func networkChanged(now: UInt64) {
    failures.forgetAll()
    for upstream in 0..<UpstreamChoice.limit where choice.isPresent(upstream) {
      renewHealth(upstream, now: now)
    }
    choice.reconsider()
    for index in 0..<questions.end where questions.contains(index) {
      if questions[index].isStreamTrial { endStream(index) }
      guard !questions[index].isStreaming else { continue }
      questions[index].failedUpstreams = 0
      askAgainSoon(index, now: now)
    }
  }

  /// Has a question asked again soon, not all of them at once, and further attempts left for it.
  mutating func askAgainSoon(_ index: Int, now: UInt64) {
    questions[index].attemptCount = min(
      questions[index].attemptCount,
      UInt8(ResolverTiming.attempts - Resolver.attemptsAfterChange))
    let due = now + UInt64(index % Resolver.networkChangeSpread)
    if due < questions[index].due { setTimer(index, at: due, now: now) }
  }

  private mutating func renewHealth(_ upstream: Int, now: UInt64) {
    // Another address of ours: the same cookie would tell that we are who we were (RFC 7873 §6).
    renewCookie(upstream, now: now)
    choice.upstreams[upstream].retryFallbacks(now: now)
    choice.upstreams[upstream].roundTrip = RoundTripTime()
    choice.upstreams[upstream].failures = 0
    choice.upstreams[upstream].failingSince = now
    // What was sent before tells nothing of the way that there is now.
    choice.upstreams[upstream].heardAt = now
    guard choice.upstreams[upstream].isDown else { return }
    choice.upstreams[upstream].probeInterval = ResolverTiming.firstProbe
    sendProbe(upstream, now: now)
  }
}
