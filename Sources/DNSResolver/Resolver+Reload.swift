import DNSCache
import DNSWire
import Memory

// Settings and upstreams that change while questions are in flight.
//
// An upstream has a place, whose number is part of its sockets' numbers and stands in what is in flight.
// So places are never moved: the place of an upstream that goes is retired, what comes for attempts made
// before is still good, and its number is given to another upstream later.

extension Resolver {
  // MARK: Settings

  /// Takes over what may change: bounds that nothing is reserved for, and which names are special.
  public mutating func reconfigure(_ new: ResolverSettings) {
    // UNREACHABLE: the files that may be open are shared out within this.
    precondition((1...settings.socketsPerUpstream).contains(new.socketsInUse))
    settings.socketsInUse = new.socketsInUse
    settings.waitersPerQuestion = new.waitersPerQuestion
    settings.refreshShare = new.refreshShare
    settings.isStrict = new.isStrict
    choice.isStrict = new.isStrict
    choice.reconsider()
    settings.policy = new.policy
    settings.rebindProtection = new.rebindProtection
    reply.forbidden = new.forbidden
  }

  // MARK: Upstreams

  /// Says in which order upstreams were given: where the one of a place stands among them.
  public mutating func setRank(_ rank: Int, of upstream: Int) {
    choice.setRank(rank, of: upstream)
  }

  /// Whether an upstream at this place may be asked.
  public func hasUpstream(_ upstream: Int) -> Bool { choice.isPresent(upstream) }

  /// Attempts under way at the upstream of a place, retired or not.
  public func attemptsUnderWay(at upstream: Int) -> Int {
    Int(choice.upstreams[upstream].inFlight)
  }

  /// Puts an upstream that nothing is known of at a free place, to be asked from now on.
  ///
  /// Attempts at the one that had the place before are forgotten; the questions go on elsewhere.
  public mutating func openUpstream(_ upstream: Int) {
    // UNREACHABLE: UpstreamTable gives out free places only.
    precondition(!choice.isPresent(upstream), "an upstream has this place")
    forgetAttempts(at: upstream)
    choice.open(upstream, isNew: true)
    looping &= ~(1 << UInt64(upstream))
    failures.forgetAll()
  }

  /// Has an upstream asked again that was retired and whose place no other has had.
  public mutating func reviveUpstream(_ upstream: Int) {
    // UNREACHABLE: UpstreamTable gives out free places only.
    precondition(!choice.isPresent(upstream), "an upstream has this place")
    choice.open(upstream, isNew: false)
    looping &= ~(1 << UInt64(upstream))
    failures.forgetAll()
  }

  /// Says what an upstream may be asked with.
  public mutating func setRules(_ rules: UpstreamRules, of upstream: Int) {
    choice.upstreams[upstream].rules = rules
  }

  /// Has an upstream asked no more.
  ///
  /// Replies to what it was asked are still good. The questions that were asked there last are asked
  /// elsewhere as well, a few at a time, so that nothing hangs on a server that is perhaps gone.
  public mutating func retireUpstream(_ upstream: Int, now: UInt64) {
    guard choice.isPresent(upstream) else { return }
    // UNREACHABLE: a reload opens new upstreams before it retires old ones, and has one at least.
    precondition(choice.count > 1, "nobody would be left to ask")
    endStreamProbe(upstream)
    choice.retire(upstream)
    timers.cancel(settings.inFlightLimit + upstream)
    for index in 0..<questions.end
    where questions.contains(index) && Int(questions[index].upstream) == upstream {
      askAgainSoon(index, now: now)
    }
  }

  /// Makes sure that nothing in flight has to do with the upstream that had a place.
  private mutating func forgetAttempts(at upstream: Int) {
    let others = ~(1 << UInt64(upstream) as UInt64)
    for index in 0..<questions.end where questions.contains(index) {
      questions[index].failedUpstreams &= others
      questions[index].erringUpstreams &= others
      questions[index].triedUpstreams &= others
      questions[index].plainUpstreams &= others
      questions[index].cookielessUpstreams &= others
      questions[index].caseDeniedUpstreams &= others
      if choice.upstreams[upstream].inFlight > 0 { forgetAttempts(of: index, at: upstream) }
    }
    // UNREACHABLE: forgetAttempts(of:at:) has just ended all that was counted.
    precondition(choice.upstreams[upstream].inFlight == 0)
  }
}
