import DNSCache
import DNSExchange
import DNSPolicy
import DNSWire
import Memory

/// Lookups: what is asked for, by whom, and what their answers need beside it; a state machine without I/O.
///
/// A lookup is a name and a type that somebody wants. It has an exchange with servers, which has the same name, and
/// may wait for other lookups. Packets and time come in by calls, each with `now` in milliseconds on a clock that never
/// goes back. What is to be done comes out by ``Exchanges/nextAction()`` of ``exchanges``, and who has an answer by
/// ``nextCompletion(cache:now:)``; take both until they return nothing after every call that changes state, and call
/// ``expire(cache:now:)`` at ``Exchanges/nextDeadline``. Records go into the cache that is passed in.
public struct Resolver: ~Copyable {
  /// What bounds the work.
  public internal(set) var settings: ResolverSettings
  /// What has been done so far.
  public internal(set) var counters = ResolverCounters()
  /// What is being asked of servers, and what is known of them.
  ///
  /// What may end an exchange is to be called by way of the resolver.
  public var exchanges: Exchanges
  /// By the slots of their exchanges.
  var lookups: FixedArray<Lookup>
  var waiters: Slab<Waiter>
  /// How many of those are clients.
  var clientCount = 0
  var completions: Queue<Ended>
  /// What lookups held that have ended, to be released when the cache is at hand.
  var dropped: Queue<HeldOverlays>
  var reply: Reply
  /// Which names are answered here, and which route the others take; lent by its owner, and changed by
  /// ``setRoutes(_:isPolicyNew:cache:now:)`` alone.
  let policy: Pinned<Policy>
  /// What names are hashed with.
  let seed: HashSeed
  /// Questions that failed not long ago.
  var failures = FailureCache()
  /// The first and the last of the lookups, in the order in which their exchanges began.
  var oldest = ExchangeID.none
  var newest = ExchangeID.none

  /// Makes a resolver with nothing in flight.
  ///
  /// - Parameters:
  ///   - policy: what is decided by the name alone, lent.
  ///   - random: where IDs and sockets are drawn from: the system's generator, except in tests.
  public init(
    settings: ResolverSettings, policy: Pinned<Policy>, seed: HashSeed,
    random: any RandomNumberGenerator, now: UInt64
  ) {
    self.settings = settings
    self.policy = policy
    exchanges = Exchanges(settings: settings.exchanges, seed: seed, random: random, now: now)
    let limit = settings.exchanges.inFlightLimit
    lookups = FixedArray(repeating: Lookup(), count: limit)
    // Each question may wait for another.
    let waiterLimit = settings.waiterLimit + limit
    waiters = Slab(capacity: waiterLimit)
    completions = Queue(
      capacity: waiterLimit + ResolverSettings.untold,
      filler: Ended(recipient: .client(0), outcome: .answered()))
    dropped = Queue(capacity: limit, filler: HeldOverlays())
    self.seed = seed
    reply = Reply(seed: seed, policy: policy)
  }

  /// Takes over what may change: bounds that nothing is reserved for.
  public mutating func reconfigure(_ new: ResolverSettings) {
    exchanges.reconfigure(new.exchanges)
    settings.waitersPerQuestion = new.waitersPerQuestion
    settings.prefetchShare = new.prefetchShare
  }

  // MARK: In

  /// What became of a client's question.
  public enum Asked: Sendable {
    /// It will be completed.
    case accepted
    /// The same, and the question was in flight already.
    case joined
    /// There is no answer, and none is waited for; nothing completes.
    case failed(Failure)
  }

  /// Asks upstream, or joins the same question in flight.
  ///
  /// When an alias leads on, what it leads to is asked for, too. When something stale would answer, the client is
  /// completed with it after ``ResolverTiming/clientResponseTimeout``, and the question goes on.
  ///
  /// - Parameters:
  ///   - queryFlags: the client's DO and CD, which go upstream as they are.
  ///   - client: a number that comes back with the completion.
  ///   - since: when the client began to wait; ``ExchangeTiming/deadline`` counts from then.
  ///   - takesStale: whether it may be completed that early.
  ///   - route: the name's route, if it is known.
  public mutating func ask(
    _ key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags = [], client: UInt32,
    since: UInt64, takesStale: Bool = true, route: RouteID? = nil, cache: inout Cache, now: UInt64
  ) -> Asked {
    let queryFlags = queryFlags.subtracting(.allowUnsigned)
    let plan = plan(key, type: type, queryFlags: queryFlags, route: route, now: now)
    let seconds = UInt32(truncatingIfNeeded: now / 1_000)
    var isStale =
      takesStale && hasStaleAnswer(key, type, queryFlags, &cache, now: seconds)
    if takesStale, case .join(let id) = plan, lookups[id].waitsFor != .none {
      isStale = isStale || hasStaleTarget(id, &cache, now: seconds)
    }
    let timeout = isStale ? ResolverTiming.clientResponseTimeout : nil
    switch carryOut(
      plan, key, type, queryFlags, for: .client(client), since: since, timeout: timeout, now: now)
    {
    case .began:
      takeFailures(now: now)
      return .accepted
    case .joined: return .joined
    case .failed(let failure): return .failed(failure)
    }
  }

  /// What becomes of a question that no data answers.
  public enum Plan: Sendable {
    /// The same is in flight: it is waited for together.
    case join(ExchangeID)
    /// It failed not long before, and is not asked again yet.
    case failedBefore(Failure)
    /// No server is known for the name, or each has been silent for long.
    case noServer(Failure)
    /// One of these servers is asked; if all have been silent for long, as a trial, which each has now and then.
    case ask(ServerGroupID, isTrial: Bool)
  }

  /// Says what becomes of a question that no data answers; changes nothing.
  @inline(__always)
  public func plan(
    _ key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, route: RouteID? = nil,
    now: UInt64
  ) -> Plan {
    if let id = exchanges.match(key, type, queryFlags) { return .join(id) }
    if let failure = failures.find(key, type, queryFlags, now: now) {
      return .failedBefore(failure)
    }
    guard let group = route.map({ ServerGroupID($0) }) ?? group(for: key.octets, type) else {
      return .noServer(Failure(.noUpstream))
    }
    switch exchanges.prospect(of: group, now: now) {
    case .regular: return .ask(group, isTrial: false)
    case .trial: return .ask(group, isTrial: true)
    case .none: return .noServer(Failure(exchanges.cause(ofSilent: group)))
    }
  }

  /// What became of somebody's wish for an answer.
  enum Requested {
    /// A question that is new.
    case began(ExchangeID)
    /// One that was in flight already.
    case joined(ExchangeID)
    /// There is no answer, and none is waited for.
    case failed(Failure)
  }

  /// Has somebody wait for a question, which is asked if it isn't in flight.
  ///
  /// - Parameters:
  ///   - plan: what ``plan(_:type:needs:now:)`` says of it.
  ///   - timeout: milliseconds after which a client is given something stale.
  mutating func carryOut(
    _ plan: Plan, _ key: borrowing NameKey, _ type: RecordType, _ queryFlags: QueryFlags,
    for recipient: Recipient, since: UInt64, timeout: UInt64?, now: UInt64
  ) -> Requested {
    switch plan {
    case .join(let id):
      return join(id, recipient, since: since, timeout: timeout, now: now)
    case .failedBefore(let failure):
      counters.failedBefore += 1
      return .failed(failure)
    case .noServer(let failure):
      if failure.cause != .noUpstream { counters.allDown += 1 }
      return .failed(failure)
    case .ask(let group, let isTrial):
      if exchanges.count == settings.exchanges.inFlightLimit { evictOldest(now: now) }
      let draw = exchanges.draw()
      guard
        let id = exchanges.insert(
          key, type, queryFlags, of: group, isTrial: isTrial, draw: draw, now: now)
      else {
        counters.inFlightLimit += 1
        return .failed(Failure(.overload))
      }
      lookups[id] = Lookup()
      // Who has something else is not the one to find out whether anybody is there.
      if isTrial, timeout != nil, giveStale(recipient) {
        lookups[id].outlivesWaiters = true
      } else if !addWaiter(recipient, since: since, timeout: timeout, to: id) {
        exchanges.discard(id)
        counters.inFlightLimit += 1
        return .failed(Failure(.overload))
      }
      start(id, key, draw, now: now)
      return .began(id)
    }
  }

  /// Has somebody told at once to take something stale; false when there is no room for that.
  private mutating func giveStale(_ recipient: Recipient) -> Bool {
    hasRoomToTell
      && completions.push(
        Ended(recipient: recipient, outcome: .clientResponseTimeout(lacksDNSSEC: false)))
  }

  /// Has somebody wait for a question that is in flight.
  private mutating func join(
    _ id: ExchangeID, _ recipient: Recipient, since: UInt64, timeout: UInt64?, now: UInt64
  ) -> Requested {
    // One that waits for others has something for its clients to be given, too.
    if let timeout, !exchanges[id].isEnded,
      min(since, exchanges[id].started) + timeout <= now, giveStale(recipient)
    {
      lookups[id].outlivesWaiters = true
      lookups[id].isPrefetch = false
      counters.joined += 1
      return .joined(id)
    }
    guard lookups[id].waiterCount < settings.waitersPerQuestion,
      addWaiter(recipient, since: since, timeout: timeout, to: id)
    else {
      counters.inFlightLimit += 1
      return .failed(Failure(.overload))
    }
    if since < now || timeout != nil || exchanges[id].isEnded { setTimer(id, now: now) }
    counters.joined += 1
    return .joined(id)
  }

  /// Asks upstream for what no client waits for, to have it renewed.
  ///
  /// It competes with no client: it is only sent while less than a share of ``ResolverSettings/inFlightLimit`` is in
  /// flight (``ResolverSettings/prefetchShare``). A client that asks the same in the meantime joins it.
  ///
  /// - Parameter queryFlags: as the data was asked for, or its reply would not replace it.
  public mutating func prefetch(
    _ key: borrowing NameKey, type: RecordType, queryFlags: QueryFlags, now: UInt64
  ) -> Prefetched {
    let plan = plan(key, type: type, queryFlags: queryFlags, now: now)
    if case .join = plan { return .isInFlight }
    if case .failedBefore = plan { return .refused }
    if failures.isTooSoon(key, type, queryFlags, now: now) { return .tooSoon }
    let draw = exchanges.draw()
    guard case .ask(let group, isTrial: false) = plan,
      exchanges.count * 100 < settings.exchanges.inFlightLimit * settings.prefetchShare,
      let id = exchanges.insert(
        key, type, queryFlags, of: group, isTrial: false, draw: draw, now: now)
    else { return .refused }
    lookups[id] = Lookup()
    lookups[id].outlivesWaiters = true
    lookups[id].isPrefetch = true
    start(id, key, draw, now: now)
    takeFailures(now: now)
    return .started
  }

  /// What became of a question that nobody waits for.
  public enum Prefetched: Sendable {
    /// It was sent.
    case started
    /// It was being asked already.
    case isInFlight
    /// The same failed a moment ago.
    case tooSoon
    /// Too much is in flight, it has failed not long before, or no server is there to be asked.
    case refused
  }

  /// Sends a question that was inserted, and notes what follows.
  private mutating func start(
    _ id: ExchangeID, _ key: borrowing NameKey, _ draw: UInt64, now: UInt64
  ) {
    enqueue(id)
    counters.asked += 1
    exchanges.start(id, key, draw: draw, now: now)
  }

  // MARK: Time

  /// Handles the deadlines that are over.
  public mutating func expire(cache: inout Cache, now: UInt64) {
    while let id = exchanges.popDue(now: now) {
      charge(id, now: now)
      if lookups[id].spent.isOver {
        counters.overBudget += 1
        fail(id, .budget, now: now)
        continue
      }
      guard now < exchanges[id].deadline else {
        fail(id, now: now)
        continue
      }
      if now >= lookups[id].earliest {
        guard endWaiting(id, &cache, now: now) else { continue }
        guard lookups[id].waiterCount > 0 || lookups[id].outlivesWaiters else {
          fail(id, now: now)
          continue
        }
      }
      // Others who came later may be the server itself.
      let isShared = lookups[id].waiterCount > (lookups[id].outlivesWaiters ? 0 : 1)
      exchanges.goOn(id, isShared: isShared, now: now)
    }
    takeFailures(now: now)
  }

  /// Fails every lookup, so that all who wait are told; for the end of the program.
  public mutating func failAll(now: UInt64) {
    for slot in 0..<exchanges.end {
      guard let id = exchanges.exchange(at: slot) else { continue }
      fail(id, .ending, now: now)
    }
  }

  // MARK: Out

  /// Whether ``Exchanges/nextAction()`` or ``nextCompletion(cache:now:)`` may have something.
  public var hasWork: Bool {
    exchanges.hasActions || completions.count > 0 || dropped.count > 0
  }

  /// The next client whose question has ended, or nothing.
  public mutating func nextCompletion(cache: inout Cache, now: UInt64) -> Completion? {
    while let ended = completions.pop() {
      switch ended.recipient {
      case .client(let client):
        return Completion(client: client, outcome: ended.outcome, overlays: ended.overlays)
      case .lookup(let handle):
        resume(handle, ended, cache: &cache, now: now)
        takeFailures(now: now)
      }
    }
    while let held = dropped.pop() { cache.release(held) }
    return nil
  }

  /// Whether ``nextCompletion(cache:now:)`` has something.
  public var hasCompletions: Bool { completions.count > 0 }

  /// Questions in flight.
  public var inFlight: Int { exchanges.count }

  /// Clients that wait for questions, and questions that wait for others.
  public var waiting: Int { waiters.count }
}
