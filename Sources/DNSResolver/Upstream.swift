import DNSWire

/// What is known of one upstream: how fast it answers, whether it does, what it doesn't understand.
struct Upstream: BitwiseCopyable {
  // MARK: Speed

  var roundTrip = RoundTripTime()
  /// When the last reply was timed.
  var measuredAt: UInt64 = 0

  // MARK: Health

  /// Attempts in a row that were not answered; all of them were sent after the last reply came.
  var failures: UInt16 = 0
  /// When the first of them was sent.
  var failingSince: UInt64 = 0
  /// When the last of them was noticed, and why it failed.
  var failedAt: UInt64 = 0
  var cause: Failure.Cause?
  /// When anything came last that answered an attempt.
  var heardAt: UInt64 = 0
  /// Errors in a row to questions that another upstream had an answer to.
  var badAnswers: UInt16 = 0
  /// Whether it is asked by probes, and by questions only when there is nobody better.
  var isDown = false
  var downSince: UInt64 = 0

  // MARK: Probes

  /// The last two probes: the earlier one may still be answered when the next is under way.
  var probe = Probe()
  var earlierProbe = Probe()
  /// Milliseconds until the probe after the next.
  var probeInterval: UInt64 = 0
  var nextProbe: UInt64 = 0
  /// Probes sent since it went down: each one asks for another name than the one before.
  var probeCount: UInt8 = 0
  /// Questions that it answered not long ago, as many as are kept for its probes.
  var knownCount: UInt8 = 0
  /// Which of them is replaced next, and when the last one was.
  var knownNext: UInt8 = 0
  var knownAt: UInt64 = 0
  /// When a question may be sent to it although it was given up.
  var nextTrial: UInt64 = 0

  /// A packet that asks whether an upstream is back.
  struct Probe: BitwiseCopyable {
    var socket: UInt16 = 0
    var id: UInt16 = 0
    var isPending = false
    /// Which question it asks: 0 for the root's name servers, else one more than the place of the known one.
    var question: UInt8 = 0
    var sent: UInt64 = 0
  }

  // MARK: What it doesn't understand

  /// Until when it is asked without EDNS.
  var plainUntil: UInt64 = 0
  /// Until when it is offered no more octets than fit anywhere.
  var smallUntil: UInt64 = 0
  /// Until when it is asked in lower case.
  var foldedUntil: UInt64 = 0
  /// How often in a row it was seen to answer when offered few octets and not when offered many.
  var smallHints: UInt8 = 0
  /// How often it was seen not to keep letter case.
  var caseFailures: UInt8 = 0

  var cookie = UpstreamCookie()

  // MARK: Origin

  /// The number that the cache knows its address by; 0 for none.
  var source: UInt8 = 0

  // MARK: Figures

  /// Attempts whose reply would still be good.
  var inFlight: UInt32 = 0
  var counters = UpstreamCounters()

  /// Failures in a row after which an upstream is down.
  ///
  /// One packet lost, or one name that takes long, is no reason; with another upstream at hand being down
  /// costs nothing, and without one it changes nothing until ``giveUpAfter``.
  static let failuresUntilDown: UInt16 = 3
  /// Milliseconds of silence after which a question is no longer sent to an upstream that is down.
  ///
  /// Shorter than a question's life: what is asked after the first failure fails at once.
  static let giveUpAfter: UInt64 = 4_000
  /// Milliseconds for which what an upstream doesn't understand is remembered.
  static let fallbackLife: UInt64 = 3_600_000
  /// Milliseconds by which an unanswered attempt makes an upstream look slower; halved each second.
  static let failurePenalty: UInt64 = 200
  /// Milliseconds after which a round-trip time counts half: an upstream that was not asked for long may
  /// have become better.
  static let halfLife: UInt64 = 60_000
  /// Halvings at most.
  private static let mostHalvings: UInt64 = 6

  /// Whether it has been silent for so long that asking it is of no use.
  func isGivenUp(now: UInt64) -> Bool {
    isDown && failures > 0 && now >= failingSince + Upstream.giveUpAfter
  }

  /// How good it looks: milliseconds, less being better.
  func score(now: UInt64) -> UInt64 {
    var score = RoundTripTime.initialTimeout
    if roundTrip.isMeasured {
      let age = now &- min(measuredAt, now)
      score = roundTrip.milliseconds >> min(age / Upstream.halfLife, Upstream.mostHalvings)
    }
    if failures > 0 {
      let seconds = (now &- min(failedAt, now)) / 1_000
      score += (UInt64(failures) * Upstream.failurePenalty) >> min(seconds, 16)
    }
    return score
  }

  /// Takes a reply in: the upstream is there.
  mutating func hear(now: UInt64) {
    counters.replies += 1
    failures = 0
    heardAt = now
  }

  /// Takes a reply's time in.
  mutating func measure(sent: UInt64, now: UInt64) {
    roundTrip.note(now &- min(sent, now))
    measuredAt = now
  }

  /// Takes an attempt in that was not answered.
  ///
  /// - Returns: whether the upstream is to be taken as down from now on.
  mutating func fail(_ cause: Failure.Cause, sent: UInt64, now: UInt64) -> Bool {
    // What was sent before the last reply came says nothing of what is now.
    guard sent >= heardAt else { return false }
    if failures == 0 { failingSince = sent }
    if failures < UInt16.max { failures += 1 }
    failedAt = now
    self.cause = cause
    return !isDown && failures >= Upstream.failuresUntilDown
  }

  /// What EDNS a query to it has.
  // Inlined: a call gets a copy of all that is known of the upstream.
  @inline(__always)
  func edns(now: UInt64) -> EDNSOffer {
    if now < plainUntil { return .none }
    return now < smallUntil ? .small : .full
  }
}

/// What a query offers by EDNS.
enum EDNSOffer: UInt8, BitwiseCopyable {
  /// What passes without fragments nearly everywhere.
  case full
  /// What passes everywhere (RFC 1035 §4.2.1); more comes over TCP.
  case small
  /// No OPT at all.
  case none

  /// Octets that the reply may take; 0 without EDNS, which sets no size.
  var octets: UInt16 {
    switch self {
    case .full: EDNS.defaultUDPSize
    case .small: EDNSOffer.smallSize
    case .none: 0
    }
  }

  /// What passes everywhere.
  static let smallSize: UInt16 = 512
}

/// What was sent to an upstream and what came back.
public struct UpstreamCounters: Sendable, BitwiseCopyable {
  /// Packets sent over UDP, probes among them.
  public var queries: UInt64 = 0
  /// Packets that answered one of them.
  public var replies: UInt64 = 0
  /// Packets that were not answered in the time that the upstream usually needs.
  public var timeouts: UInt64 = 0
  /// Replies with an error code, or with what is no answer.
  public var errors: UInt64 = 0
  /// Packets that the network refused.
  public var refusals: UInt64 = 0
  /// Questions asked over TCP.
  public var streams: UInt64 = 0
  /// How often it was taken as down.
  public var downs: UInt64 = 0
}
