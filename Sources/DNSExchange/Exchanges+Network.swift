import Memory

// What a change of this host's network means.

extension Exchanges {
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
    for server in servers.present {
      renewHealth(server, now: now)
    }
    servers.reconsider()
    for index in 0..<exchanges.end where exchanges.contains(index) {
      if exchanges[index].phase.isTCP(because: .silence) { endTCP(index) }
      guard !exchanges[index].phase.isTCP else { continue }
      exchanges[index].touched.remove(.failed)
      askAgainSoon(index, now: now)
    }
  }

  /// Has a question asked again soon, not all of them at once, and further attempts left for it.
  mutating func askAgainSoon(_ index: Int, now: UInt64) {
    guard !exchanges[index].phase.isEnded else { return }
    exchanges[index].attemptCount = min(
      exchanges[index].attemptCount,
      UInt8(ExchangeTiming.attempts - Exchanges.attemptsAfterChange))
    let due = now + UInt64(index % Exchanges.networkChangeSpread)
    if due < exchanges[index].due { setTimer(index, at: due, now: now) }
  }

  private mutating func renewHealth(_ server: ServerID, now: UInt64) {
    // Another address of ours: the same cookie would tell that we are who we were (RFC 7873 §6).
    renewCookie(server, now: now)
    servers[server].retryFallbacks(now: now)
    servers[server].roundTrip = RoundTripTime()
    servers[server].failures = 0
    servers[server].failingSince = now
    // What was sent before tells nothing of the way that there is now.
    servers[server].heardAt = now
    guard servers[server].isDown else { return }
    servers[server].probeInterval = ExchangeTiming.firstProbe
    sendProbe(server, now: now)
  }
}
