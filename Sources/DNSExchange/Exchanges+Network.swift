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
    for slot in 0..<end {
      guard let exchange = exchange(at: slot) else { continue }
      if exchanges[exchange].phase.isTCP(because: .silence) { endTCP(exchange) }
      guard !exchanges[exchange].phase.isTCP else { continue }
      exchanges[exchange].met.remove(.failed)
      askAgainSoon(exchange, now: now)
    }
  }

  /// Has a question asked again soon, not all of them at once, and further attempts left for it.
  mutating func askAgainSoon(_ exchange: ExchangeID, now: UInt64) {
    guard !exchanges[exchange].phase.isEnded else { return }
    exchanges[exchange].attemptCount = min(
      exchanges[exchange].attemptCount,
      UInt8(ExchangeTiming.attempts - Exchanges.attemptsAfterChange))
    let due = now + UInt64(exchange.slot % Exchanges.networkChangeSpread)
    if due < exchanges[exchange].due { setTimer(exchange, at: due, now: now) }
  }

  private mutating func renewHealth(_ server: ServerID, now: UInt64) {
    // Another address of ours: the same cookie would tell that we are who we were (RFC 7873 §6).
    renewCookie(server, now: now)
    servers[server].retryFallbacks(now: now)
    servers[server].roundTrip = RoundTripTime()
    servers[server].failures = 0
    servers[server].failingSince = now
    // What was sent before tells nothing of the way that there is now.
    servers[server].aliveAt = now
    guard servers[server].isDown else { return }
    servers[server].probeInterval = ExchangeTiming.firstProbe
    sendProbe(server, now: now)
  }
}
