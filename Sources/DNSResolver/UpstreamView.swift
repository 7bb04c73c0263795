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
  /// What it is asked with, as it was set.
  public let rules: UpstreamRules
  /// What it turned out not to bear, in words: "edns", "cookies", "letter-case", "large-replies", "udp".
  public let without: [String]
  /// Milliseconds until the first of that is tried again.
  public let untilRetry: UInt64?
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
    where choice.isPresent(number) && !choice.isLooping(number)
      && !choice.upstreams[number].isGivenUp(now: now)
    {
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
          state: !upstream.isDown
            ? .up
            : choice.isLooping(number) || upstream.isGivenUp(now: now) ? .down : .probing,
          roundTrip: isMeasured ? upstream.roundTrip.milliseconds : nil,
          variance: isMeasured ? upstream.roundTrip.varianceMilliseconds : nil,
          timeout: upstream.roundTrip.timeout, inFlight: Int(upstream.inFlight),
          counters: upstream.counters, udpSize: upstream.offer(now: now).octets,
          isFolded: upstream.lowerCase.isInForce || !upstream.rules.usesLetterCase,
          cookies: upstream.cookie.use, rules: upstream.rules,
          without: Fallback.Kind.allCases.filter { upstream.isDone($0, now: now) }.map(\.word),
          untilRetry: Fallback.Kind.allCases.filter { upstream.isDone($0, now: now) }
            .map { max(upstream[$0].until, now) - now }.min(),
          cause: choice.cause(of: number),
          sinceFailure: upstream.cause == nil ? nil : now &- upstream.failedAt,
          untilProbe: upstream.isDown
            ? upstream.nextProbe &- min(now, upstream.nextProbe) : nil))
    }
  }
}

extension Upstream {
  /// What EDNS a query to it has.
  fileprivate func offer(now: UInt64) -> EDNSOffer {
    if !rules.usesEDNS || withoutEDNS.isInForce { return .none }
    return isDone(.small, now: now) ? .small : .full
  }

  /// Whether something is done because it turned out to be needed.
  fileprivate func isDone(_ kind: Fallback.Kind, now: UInt64) -> Bool {
    // This one simply ends.
    kind == .small ? now < small.until : self[kind].isInForce
  }
}

extension Fallback.Kind {
  /// What an upstream is asked without.
  fileprivate var word: String {
    switch self {
    case .withoutEDNS: "edns"
    case .withoutCookies: "cookies"
    case .lowerCase: "letter-case"
    case .small: "large-replies"
    case .overStream: "udp"
    }
  }
}
