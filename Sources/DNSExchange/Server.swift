import DNSWire

/// What is known of one server: how fast it answers, whether it does, what it doesn't understand.
struct Server: BitwiseCopyable {
  /// Where it is asked, and how.
  let address: ServerAddress
  /// Whether it is asked; else replies of it may still come.
  var isPresent = true
  /// See ``Exchanges/sockets(of:)``.
  var sockets: UInt16 = 1
  /// Which retirement its own was.
  var retirement: UInt64 = 0
  /// Whether one of our own queries has come back from it.
  var isLooping = false
  /// Whether a probe has proven that: then it is asked nothing else.
  var isLoopProven = false

  init(_ address: ServerAddress) { self.address = address }

  /// Whether it is asked over TCP alone.
  @inline(__always)
  var isStreamOnly: Bool { address.transport == .tcp }

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
  var cause: ResolutionError?
  /// When anything came last that answered an attempt.
  var aliveAt: UInt64 = 0
  /// Errors in a row to questions that another upstream had an answer to.
  var badAnswers: UInt16 = 0
  /// Whether it is asked by probes, and by questions only when there is nobody better.
  var isDown = false
  var downSince: UInt64 = 0

  // MARK: Probes

  /// The last two probes: the earlier one may still be answered when the next is under way.
  var probe = Probe()
  var earlierProbe = Probe()
  /// The last probe over TCP.
  var streamProbe = Probe()
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

  /// The last probe that was sent to see whether our own queries come back from it, whether that one did, and when
  /// the next may be sent.
  var loopProbe = Probe()
  var hasLoopProbeReturned = false
  var nextLoopProbe: UInt64 = 0

  /// A packet that asks whether an upstream is back.
  struct Probe: BitwiseCopyable {
    var socket = SocketID(.none, member: 0)
    var id: UInt16 = 0
    var isPending = false
    /// Which question it asks: 0 for the root's name servers, else one more than the number of the known one.
    var question: UInt8 = 0
    var sent: UInt64 = 0
  }

  // MARK: What it doesn't understand

  var rules = ServerRules()
  /// Whether it is asked without EDNS, without cookies, in lower case, offered few octets, over TCP.
  var withoutEDNS = Fallback()
  var withoutCookies = Fallback()
  var lowerCase = Fallback()
  var small = Fallback()
  var overStream = Fallback()
  /// Whether any of them may have to be taken back.
  private(set) var isInDoubt = false
  /// Until when silence to a usual packet is the name's, because another one was answered not long ago.
  var provenUntil: UInt64 = 0
  /// Until when it counts as one that doesn't talk TCP, because an attempt failed.
  var tcpFailedUntil: UInt64 = 0
  /// Whether it has answered a packet with EDNS since it was down; then an error is no answer to that.
  var answersEDNS = false
  /// Whether it has given data for a name in mixed letter case since it was down; then it denies none because of that.
  var keepsCase = false
  /// A usual packet to it whose question was ended by a simpler one.
  var watched = Watched()
  /// Headers without a question that answer nothing, since when.
  var bareGuesses: UInt8 = 0
  var bareSince: UInt64 = 0

  /// A packet whose reply would tell that nothing is amiss.
  struct Watched: BitwiseCopyable {
    var socket = SocketID(.none, member: 0)
    var id: UInt16 = 0
    var isPending = false
    /// Whether the letter case of its name showed.
    var showsCase = false
  }

  var cookie = ServerCookie()

  // MARK: Origin

  /// The number that the cache knows its address by; 0 for none.
  var source: UInt8 = 0

  // MARK: Figures

  /// Attempts whose reply would still be good.
  var inFlight: UInt32 = 0
  var counters = ServerCounters()

  /// Failures in a row after which an upstream is down.
  ///
  /// One packet lost, or one name that takes long, is no reason; with another upstream at hand being down
  /// costs nothing, and without one it changes nothing until ``giveUpAfter``.
  static let failuresUntilDown: UInt16 = 3
  /// Milliseconds of silence after which a question is no longer sent to an upstream that is down.
  ///
  /// Shorter than a question's life: what is asked after the first failure fails at once.
  static let giveUpAfter: UInt64 = 4_000
  /// Milliseconds for which an upstream that has answered a usual packet is not asked in simpler ways because
  /// it says nothing to a name.
  static let provenLife: UInt64 = 60_000
  /// Milliseconds after a failed attempt over TCP for which a guess at a question leads to another port instead.
  static let tcpPause: UInt64 = 60_000
  /// Milliseconds by which an unanswered attempt makes an upstream look slower; halved each second.
  static let failurePenalty: UInt64 = 200
  /// Milliseconds after which a round-trip time counts half: an upstream that was not asked for long may
  /// have become better.
  static let halfLife: UInt64 = 60_000
  /// Halvings at most.
  private static let mostHalvings: UInt64 = 6

  /// Whether it has been silent for so long that asking it is of no use.
  func isGivenUp(now: UInt64) -> Bool {
    isDown && failures > 0 && now >= failingSince + Server.giveUpAfter
  }

  /// Why it is not asked, or failed last.
  var lastCause: ResolutionError? { isLoopProven ? .looping : cause }

  /// How good it looks: milliseconds, less being better.
  func score(now: UInt64) -> UInt64 {
    var score = RoundTripTime.initialTimeout
    if roundTrip.isMeasured {
      let age = now &- min(measuredAt, now)
      score = roundTrip.milliseconds >> min(age / Server.halfLife, Server.mostHalvings)
    }
    if failures > 0 {
      let seconds = (now &- min(failedAt, now)) / 1_000
      score += (UInt64(failures) * Server.failurePenalty) >> min(seconds, 16)
    }
    return score
  }

  /// Whether names go to it in lower case, as it turned out or as it was set.
  @inline(__always)
  var isInLowerCase: Bool { lowerCase.isInForce || !rules.usesLetterCase }

  /// Takes a reply in: the upstream is there.
  mutating func markAlive(now: UInt64) {
    counters.replies += 1
    failures = 0
    aliveAt = now
  }

  /// Takes a reply's time in.
  mutating func measure(sent: UInt64, now: UInt64) {
    roundTrip.note(now &- min(sent, now))
    measuredAt = now
  }

  /// Takes an attempt in that was not answered.
  ///
  /// - Returns: whether the upstream is to be taken as down from now on.
  mutating func fail(_ cause: ResolutionError, sent: UInt64, now: UInt64) -> Bool {
    // What was sent before the last reply came says nothing of what is now.
    guard sent >= aliveAt else { return false }
    if failures == 0 { failingSince = sent }
    if failures < UInt16.max { failures += 1 }
    failedAt = now
    self.cause = cause
    return !isDown && failures >= Server.failuresUntilDown
  }

  subscript(fallback: Fallback.Kind) -> Fallback {
    get {
      switch fallback {
      case .withoutEDNS: withoutEDNS
      case .withoutCookies: withoutCookies
      case .lowerCase: lowerCase
      case .small: small
      case .overStream: overStream
      }
    }
    set {
      switch fallback {
      case .withoutEDNS: withoutEDNS = newValue
      case .withoutCookies: withoutCookies = newValue
      case .lowerCase: lowerCase = newValue
      case .small: small = newValue
      case .overStream: overStream = newValue
      }
    }
  }

  /// Sees whether anything is left that may have to be taken back.
  mutating func noteDoubts() {
    isInDoubt =
      withoutEDNS.isDoubted || withoutCookies.isDoubted || lowerCase.isDoubted || small.isDoubted
      || overStream.isDoubted
  }

  /// The way to it is another one: what it bears is tried again.
  mutating func retryFallbacks(now: UInt64) {
    for kind in Fallback.Kind.allCases { self[kind].retry(now: now) }
    provenUntil = 0
    watched.isPending = false
    forgetSkills()
    noteDoubts()
  }

  /// Forgets what it understood: another program may be there when it is back.
  mutating func forgetSkills() {
    answersEDNS = false
    keepsCase = false
    tcpFailedUntil = 0
  }

  /// Takes in a header without a question that answers nothing.
  mutating func noteBareGuess(now: UInt64) {
    if now >= bareSince + Server.bareWindow {
      bareSince = now
      bareGuesses = 0
    }
    if bareGuesses < UInt8.max { bareGuesses += 1 }
  }

  /// Whether a header without a question may be what it answers what it doesn't understand with.
  func mayAnswerBare(now: UInt64) -> Bool {
    bareGuesses < Server.bareLimit || now >= bareSince + Server.bareWindow
  }

  /// Headers without a question that answer nothing after which none is believed, and milliseconds for which
  /// they are counted.
  ///
  /// Such a header shows nothing but port and ID: with thousands of packets in flight one guess in some
  /// thousands hits one of them.
  static let bareLimit: UInt8 = 3
  static let bareWindow: UInt64 = 60_000
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
public struct ServerCounters: Sendable, BitwiseCopyable {
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
