import DNSWire

/// An upstream, for people.
public struct UpstreamView: Sendable {
  /// Its number.
  public let number: Int
  /// Where it stands in the order in which they were given.
  public let rank: Int
  /// Whether it answers.
  public let state: State
  /// Smoothed round-trip time and its variance, in milliseconds; nothing before the first reply.
  public let roundTrip: UInt64?
  /// See ``roundTrip``.
  public let variance: UInt64?
  /// How long the first attempt of a question waits for it, in milliseconds.
  public let timeout: UInt64
  /// Packets whose reply would still be good.
  public let inFlight: Int
  /// What was sent and what came back.
  public let counters: UpstreamCounters
  /// The size that EDNS offers; 0 without EDNS.
  public let udpSize: UInt16
  /// Whether it is asked in lower case because it doesn't keep letter case.
  public let isFolded: Bool
  /// Whether it speaks cookies.
  public let cookies: CookieUse
  /// Why it failed last.
  public let cause: Failure.Cause?
  /// Milliseconds since then.
  public let sinceFailure: UInt64?
  /// Milliseconds until the next probe, while it is down.
  public let untilProbe: UInt64?

  /// Whether an upstream answers.
  public enum State: String, Sendable {
    /// It does, as far as is known.
    case up
    /// It failed again and again; it is probed, and asked when there is no other.
    case probing
    /// It has been silent for so long that it is only probed.
    case down
  }
}

extension Resolver {
  /// The upstreams that are not down, a bit each.
  public var upstreamsUp: UInt64 { choice.up }

  /// Whether there is an upstream that a question would be sent to.
  public func canResolve(now: UInt64) -> Bool {
    for number in 0..<UpstreamChoice.limit
    where choice.isPresent(number) && !choice.upstreams[number].isGivenUp(now: now) {
      return true
    }
    return false
  }

  /// Visits the upstreams in their order.
  public func visitUpstreams(now: UInt64, _ body: (UpstreamView) -> Void) {
    for number in 0..<UpstreamChoice.limit where choice.isPresent(number) {
      let upstream = choice.upstreams[number]
      let isMeasured = upstream.roundTrip.isMeasured
      body(
        UpstreamView(
          number: number, rank: choice.rank(of: number),
          state: !upstream.isDown ? .up : upstream.isGivenUp(now: now) ? .down : .probing,
          roundTrip: isMeasured ? upstream.roundTrip.milliseconds : nil,
          variance: isMeasured ? upstream.roundTrip.varianceMilliseconds : nil,
          timeout: upstream.roundTrip.timeout, inFlight: Int(upstream.inFlight),
          counters: upstream.counters, udpSize: upstream.edns(now: now).octets,
          isFolded: now < upstream.foldedUntil,
          cookies: upstream.cookie.use,
          cause: upstream.cause,
          sinceFailure: upstream.cause == nil ? nil : now &- upstream.failedAt,
          untilProbe: upstream.isDown
            ? upstream.nextProbe &- min(now, upstream.nextProbe) : nil))
    }
  }
}
