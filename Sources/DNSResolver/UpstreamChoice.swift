import Memory

/// Whom to ask first, and whom next.
///
/// First comes the upstream that answers fastest; those that are about as fast share. Now and then
/// another one is asked, so that what is known of it stays true. A retry goes to one that was not asked
/// yet for this question. Upstreams that are down are asked when there is no other, until they are given
/// up.
///
/// In strict order it is always the first one, as they were given, that is not down.
struct UpstreamChoice: ~Copyable {
  /// What is known of each, by its place.
  var upstreams: FixedArray<Upstream>
  /// Whether they are asked in the order in which they were given, rather than the fastest first.
  var isStrict = false
  /// The order in which they were given: for each place a number, the least first.
  private var ranks: FixedArray<UInt8>
  /// The places that are taken, a bit each: of upstreams that may be asked.
  private(set) var present: UInt64
  /// Those that are not down, a bit each.
  private(set) var up: UInt64
  /// Those that give our own queries back, a bit each: they are not asked at all.
  private(set) var looping: UInt64 = 0
  /// Those that are asked first, a bit each.
  private var favourites: UInt64 = 1
  /// When ``favourites`` is to be found anew.
  private var favouritesUntil: UInt64 = 0

  /// Upstreams at most: a bit of a word for each.
  static let limit = ResolverSettings.upstreamPlaces
  /// Milliseconds that an upstream may be slower than the best and still have its share.
  private static let leastBand: UInt64 = 10
  /// The same as a part of the best one's round-trip time: a quarter.
  private static let bandShift: UInt64 = 2
  /// Milliseconds for which a choice stands when no upstream goes down or comes back.
  private static let favouritesLife: UInt64 = 100

  init(count: Int) {
    // UNREACHABLE: settings have 32 upstreams at most; none before the system names one.
    precondition((0...UpstreamChoice.limit).contains(count))
    upstreams = FixedArray(repeating: Upstream(), count: UpstreamChoice.limit)
    ranks = FixedArray(repeating: 0, count: UpstreamChoice.limit)
    for place in 0..<UpstreamChoice.limit { ranks[place] = UInt8(place) }
    present = UInt64.max >> UInt64(UpstreamChoice.limit - count)
    up = present
  }

  /// Upstreams there are.
  var count: Int { present.nonzeroBitCount }

  /// Whether an upstream may be asked; else its place is free, or replies of it may still come.
  func isPresent(_ upstream: Int) -> Bool { present & (1 << UInt64(upstream)) != 0 }

  /// Has an upstream asked from now on.
  ///
  /// - Parameter isNew: whether nothing is known of it; else what was known when it left still counts.
  mutating func open(_ upstream: Int, isNew: Bool) {
    if isNew { upstreams[upstream] = Upstream() }
    present |= 1 << UInt64(upstream)
    mark(upstream, isLooping: false)
    mark(upstream, isDown: false)
  }

  /// Has an upstream asked no more.
  mutating func retire(_ upstream: Int) {
    mark(upstream, isDown: false)
    present &= ~(1 << UInt64(upstream))
    up &= present
    upstreams[upstream].failures = 0
    upstreams[upstream].badAnswers = 0
    upstreams[upstream].probe.isPending = false
    upstreams[upstream].earlierProbe.isPending = false
  }

  /// Notes that an upstream is down, or back.
  mutating func mark(_ upstream: Int, isDown: Bool) {
    guard isPresent(upstream) else { return }
    upstreams[upstream].isDown = isDown
    if isDown { up &= ~(1 << UInt64(upstream)) } else { up |= 1 << UInt64(upstream) }
    favouritesUntil = 0
  }

  /// Whether an upstream gives our own queries back.
  func isLooping(_ upstream: Int) -> Bool { looping & (1 << UInt64(upstream)) != 0 }

  /// Notes that an upstream, which is down, gives our own queries back, or no longer does.
  mutating func mark(_ upstream: Int, isLooping: Bool) {
    if isLooping {
      looping |= 1 << UInt64(upstream)
    } else {
      looping &= ~(1 << UInt64(upstream))
    }
  }

  /// Why an upstream is not asked, or failed last.
  func cause(of upstream: Int) -> Failure.Cause? {
    isLooping(upstream) ? .looping : upstreams[upstream].cause
  }

  /// Where an upstream stands in the order in which they were given.
  func rank(of upstream: Int) -> Int { Int(ranks[upstream]) }

  /// Says where an upstream stands in the order in which they were given.
  mutating func setRank(_ rank: Int, of upstream: Int) {
    ranks[upstream] = UInt8(clamping: rank)
    favouritesUntil = 0
  }

  /// Of some upstreams, at least one, a bit each, the one that was given first.
  private func given(firstOf upstreamBits: UInt64) -> Int {
    var first = upstreamBits.trailingZeroBitCount
    var left = upstreamBits & (upstreamBits - 1)
    while left != 0 {
      let upstream = left.trailingZeroBitCount
      left &= left - 1
      if ranks[upstream] < ranks[first] { first = upstream }
    }
    return first
  }

  /// Makes the next choice look at all upstreams again.
  mutating func reconsider() { favouritesUntil = 0 }

  /// Whom to ask first; nothing when all have been given up.
  ///
  /// - Parameter draw: 32 random bits.
  mutating func first(draw: UInt32, now: UInt64) -> Int? {
    guard up != 0 else { return next(after: nil, tried: 0, failed: 0, now: now) }
    if now >= favouritesUntil {
      favourites = findFavourites(now: now)
      favouritesUntil = now + UpstreamChoice.favouritesLife
    }
    var left = favourites
    if left.nonzeroBitCount > 1 {
      for _ in 0..<draw % UInt32(left.nonzeroBitCount) { left &= left - 1 }
    }
    return left.trailingZeroBitCount
  }

  /// When all have been given up: one that may be asked all the same, for it may have been silent about some
  /// names only; each at most once in ``ResolverTiming/mostProbeInterval``.
  mutating func trial(now: UInt64) -> Int? {
    guard up == 0 else { return nil }
    var left = present & ~looping
    var ready: UInt64 = 0
    while left != 0 {
      let upstream = left.trailingZeroBitCount
      left &= left - 1
      if now >= upstreams[upstream].nextTrial { ready |= 1 << UInt64(upstream) }
    }
    guard ready != 0 else { return nil }
    let upstream = isStrict ? given(firstOf: ready) : ready.trailingZeroBitCount
    upstreams[upstream].nextTrial = now + ResolverTiming.mostProbeInterval
    return upstream
  }

  /// An upstream that is up and not among those asked first: the one that was timed longest ago.
  func neglected() -> Int? {
    if isStrict { return nil }
    var left = up & ~favourites
    var found: Int?
    while left != 0 {
      let upstream = left.trailingZeroBitCount
      left &= left - 1
      if let best = found, upstreams[best].measuredAt <= upstreams[upstream].measuredAt { continue }
      found = upstream
    }
    return found
  }

  /// What the fastest would be waited for.
  var leastTimeout: UInt64 {
    upstreams[favourites.trailingZeroBitCount & (UpstreamChoice.limit - 1)].roundTrip.timeout
  }

  /// Whom to ask next; nothing when nobody is left.
  ///
  /// - Parameters:
  ///   - last: the upstream asked last.
  ///   - tried: those asked so far, a bit each; begun anew when all were.
  ///   - failed: those that are not to be asked, a bit each.
  func next(after last: Int?, tried: UInt64, failed: UInt64, now: UInt64) -> Int? {
    var usable = up & ~failed
    if usable == 0 {
      var left = present & ~up & ~failed & ~looping
      while left != 0 {
        let upstream = left.trailingZeroBitCount
        left &= left - 1
        if !upstreams[upstream].isGivenUp(now: now) { usable |= 1 << UInt64(upstream) }
      }
    }
    guard usable != 0 else { return nil }
    // One that has only been silent for a while is not down yet.
    if isStrict && usable & up != 0 { return given(firstOf: usable) }
    var left = usable & ~tried
    if left == 0, let last { left = usable & ~(1 << UInt64(last)) }
    if left == 0 { left = usable }
    guard left & (left - 1) != 0 else { return left.trailingZeroBitCount }
    if isStrict { return given(firstOf: left) }
    return best(of: left, now: now).upstream
  }

  /// All upstreams in the order in which a question that is asked now comes to them.
  func order(now: UInt64) -> [(upstream: Int, turn: QuestionFacts.Turn)] {
    let first = up == 0 ? 0 : findFavourites(now: now)
    func turn(_ upstream: Int) -> QuestionFacts.Turn {
      let bit: UInt64 = 1 << UInt64(upstream)
      if first & bit != 0 { return .first }
      if up & bit != 0 { return .later }
      return isLooping(upstream) || upstreams[upstream].isGivenUp(now: now) ? .never : .last
    }
    func score(_ upstream: Int) -> UInt64 {
      isStrict ? UInt64(ranks[upstream]) : upstreams[upstream].score(now: now)
    }
    var order: [(upstream: Int, turn: QuestionFacts.Turn)] = []
    for wanted in [QuestionFacts.Turn.first, .later, .last, .never] {
      let some = (0..<UpstreamChoice.limit).filter { isPresent($0) && turn($0) == wanted }
      order += some.sorted { score($0) < score($1) }.map { ($0, wanted) }
    }
    return order
  }

  /// The upstream with the least score of some, at least one, a bit each; the first of equals.
  private func best(of upstreamBits: UInt64, now: UInt64) -> (upstream: Int, score: UInt64) {
    var best = upstreamBits.trailingZeroBitCount
    var bestScore = upstreams[best].score(now: now)
    var left = upstreamBits & (upstreamBits - 1)
    while left != 0 {
      let upstream = left.trailingZeroBitCount
      left &= left - 1
      let score = upstreams[upstream].score(now: now)
      if score < bestScore {
        best = upstream
        bestScore = score
      }
    }
    return (best, bestScore)
  }

  /// The best of those that are up, and those that are about as good.
  private func findFavourites(now: UInt64) -> UInt64 {
    guard up & (up - 1) != 0 else { return up }
    if isStrict { return 1 << UInt64(given(firstOf: up)) }
    let (best, bestScore) = best(of: up, now: now)
    // Of those that nothing is known of, the first is asked first, as they were given.
    guard upstreams[best].roundTrip.isMeasured else { return 1 << UInt64(best) }
    let band =
      bestScore + max(UpstreamChoice.leastBand, bestScore >> UpstreamChoice.bandShift)
    var found: UInt64 = 0
    var left = up
    while left != 0 {
      let upstream = left.trailingZeroBitCount
      left &= left - 1
      if upstreams[upstream].roundTrip.isMeasured, upstreams[upstream].score(now: now) <= band {
        found |= 1 << UInt64(upstream)
      }
    }
    return found
  }
}
