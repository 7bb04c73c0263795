import DNSCache
import DNSExchange
import DNSPolicy
import DNSWire
import Memory

// Where an alias leads is a question of its own, which all share who need it; the one with the alias waits for it.

/// What a lookup has cost, with the lookups that it began.
///
/// Nothing sets this count back.
struct Budget: BitwiseCopyable {
  /// Packets, over UDP and TCP, beside those that one exchange may take.
  static let packetLimit: UInt8 = 64
  /// Octets of replies: eleven aliases and an answer, most of them far beyond what UDP carries.
  static let octetLimit: UInt32 = 256 << 10
  /// Other questions: as many aliases as an answer may have.
  static let questionLimit = UInt8(Cache.longestChain)

  var packets: UInt8 = 0
  var questions: UInt8 = 0
  var octets: UInt32 = 0

  mutating func add(packets: UInt8, octets: Int) {
    self.packets = UInt8(clamping: Int(self.packets) + Int(packets))
    self.octets &+= UInt32(truncatingIfNeeded: octets)
  }

  /// Whether it is more than a question may cost.
  var isOver: Bool { packets > Budget.packetLimit || octets > Budget.octetLimit }
}

extension Resolver {
  // MARK: Waiting

  /// Goes on with a question that an alias was the answer to: it ends when what that leads to is known, or is not
  /// upstream's to say; else it waits.
  ///
  /// - Parameters:
  ///   - overlay: what of the last reply is not in the cache: one use of it.
  ///   - isAgain: whether it has waited before.
  mutating func followAlias(
    _ id: ExchangeID, _ outcome: Outcome, _ overlay: Overlay, isAgain: Bool = false,
    cache: inout Cache, now: UInt64
  ) {
    guard case .answered(let remarks, let lacksDNSSEC) = outcome else { return }
    lookups[id].lacksDNSSEC = lookups[id].lacksDNSSEC || lacksDNSSEC
    let outcome = Outcome.answered(remarks, lacksDNSSEC: lookups[id].lacksDNSSEC)
    // Only clients need the rest of the chain here: a prefetch has no use for it, and a lookup that needs this link
    // follows it by itself. So a query has two slots at most, however long its chain.
    guard isAwaitedByClient(id) else {
      finish(id, outcome, overlay, &cache)
      return
    }
    let type = exchanges[id].type
    let queryFlags = exchanges[id].queryFlags
    var target = NameKey(seed: seed)
    exchanges.loadName(of: id, into: &target)
    let end = cache.follow(
      &target, type: type,
      queryFlags: lookups[id].lacksDNSSEC ? queryFlags.allowingUnsigned : queryFlags,
      overlays: OverlayPair(overlay, held: lookups[id].held),
      now: UInt32(truncatingIfNeeded: now / 1_000)
    ) { [policy] in policy.value.keeps($0, since: $1) }
    guard end == .missing, case .route = policy.value.decide(target.octets, asked: type) else {
      finish(id, outcome, overlay, &cache)
      return
    }
    guard !exchanges.isName(of: id, target) else {
      if isAgain {
        // The alias has expired meanwhile, or there was no room to hold it.
        cache.release(overlay)
        if spendQuestion(id, now: now) { beginAnew(id, now: now) }
      } else {
        finish(id, outcome, overlay, &cache)
      }
      return
    }
    // Its answer may have found no room: asking for the same name again would change nothing.
    guard !isAgain || target.hash != lookups[id].waitedFor else {
      finish(id, .failed(Failure(.endlessAliases)), overlay, &cache)
      return
    }
    cache.hold(overlay, in: &lookups[id].held)
    wait(id, for: target, &cache, now: now)
  }

  /// Has a question wait for another, which is asked for its sake if nobody else has asked it.
  private mutating func wait(
    _ id: ExchangeID, for target: borrowing NameKey, _ cache: inout Cache, now: UInt64
  ) {
    // Those who wait have deadlines; so has the exchange of the lookup that it waits for.
    exchanges.end(id)
    lookups[id].waitedFor = target.hash
    dequeue(id)
    enqueue(id)
    guard spendQuestion(id, now: now) else { return }
    let handle = exchanges.handle(id)
    let type = exchanges[id].type
    let queryFlags = exchanges[id].queryFlags
    // This lookup ends, too, when nothing but what is evicted needed it: so this comes first.
    let plan = plan(target, type: type, queryFlags: queryFlags, now: now)
    if case .ask = plan, exchanges.count == settings.exchanges.inFlightLimit {
      evictOldest(now: now)
      guard exchanges.find(handle) != nil else { return }
    }
    if case .join(let next) = plan, isWaiting(next, for: id) {
      finish(id, .failed(Failure(.endlessAliases)), .none, &cache)
      return
    }
    var isNew = false
    switch carryOut(
      plan, target, type, queryFlags, for: .lookup(handle), since: now, timeout: nil, now: now)
    {
    case .failed(let failure): finish(id, .failed(failure), .none, &cache)
    case .began(let next):
      isNew = true
      fallthrough
    case .joined(let next):
      lookups[id].waitsFor = next
      if isNew { lookups[next].starter = id }
      setResponseTimeout(
        id, begin: exchanges[next].started,
        takesStale: hasStaleTarget(id, &cache, now: UInt32(truncatingIfNeeded: now / 1_000)),
        isTrial: isNew && exchanges[next].isTrial, now: now)
    }
  }

  /// Whether something stale would answer what a question waits for.
  mutating func hasStaleTarget(_ id: ExchangeID, _ cache: inout Cache, now: UInt32) -> Bool {
    var target = NameKey(seed: seed)
    exchanges.loadName(of: lookups[id].waitsFor, into: &target)
    let queryFlags = exchanges[id].queryFlags
    return hasStaleAnswer(
      target, exchanges[id].type,
      lookups[id].lacksDNSSEC ? queryFlags.allowingUnsigned : queryFlags, &cache,
      now: now)
  }

  /// Whether a question would be answered if data that has expired will do, and only then.
  func hasStaleAnswer(
    _ key: borrowing NameKey, _ type: RecordType, _ queryFlags: QueryFlags, _ cache: inout Cache,
    now: UInt32
  ) -> Bool {
    if cache.hasUnjudged {
      cache.judgeAnswer(
        key, type: type, queryFlags: queryFlags, overlays: OverlayPair(), stale: true, now: now
      ) { [policy] in policy.value.keeps($0, since: $1) }
    }
    return cache.hasStaleAnswer(key, type: type, queryFlags: queryFlags, now: now)
  }

  /// Goes on with a question when the one that it waited for has ended.
  mutating func resume(_ handle: ExchangeHandle, _ ended: Ended, cache: inout Cache, now: UInt64) {
    guard let id = exchanges.find(handle), exchanges[id].isEnded,
      lookups[id].waitsFor == .none
    else {
      cache.release(ended.overlays)
      return
    }
    switch ended.outcome {
    case .answered:
      cache.hold(allOf: ended.overlays.held, in: &lookups[id].held)
      cache.release(ended.overlays.held)
      followAlias(
        id, ended.outcome, ended.overlays.overlay, isAgain: true, cache: &cache, now: now)
    case .failed(let failure):
      cache.release(ended.overlays)
      finish(id, .failed(failure), .none, &cache)
    case .clientResponseTimeout:
      cache.release(ended.overlays)
      finish(id, ended.outcome)
    }
  }

  /// Sets when those who wait for a question, and for others by way of it, are given something stale.
  ///
  /// - Parameters:
  ///   - begin: when what it waits for was first asked.
  ///   - takesStale: whether something stale would answer.
  ///   - isTrial: whether that was asked only to see whether anybody is there.
  ///   - links: aliases on the way there; what is further away has no answer.
  private mutating func setResponseTimeout(
    _ id: ExchangeID, begin: UInt64, takesStale: Bool, isTrial: Bool, links: Int = 1, now: UInt64
  ) {
    guard links <= Cache.longestChain else { return }
    var waiter = lookups[id].firstWaiter
    while waiter != .none {
      switch waiters[waiter].recipient {
      case .client:
        let since = waiters[waiter].deadline - ExchangeTiming.deadline
        let end = isTrial ? now : min(since, begin) + ResolverTiming.clientResponseTimeout
        waiters[waiter].responseTimeout = takesStale ? end : .max
      case .lookup(let parent):
        setResponseTimeout(
          parent.exchange, begin: begin, takesStale: takesStale, isTrial: isTrial,
          links: links + 1, now: now)
      }
      waiter = waiters[waiter].next
    }
    recountEarliest(id, now: now)
  }

  /// Finds out when the first of those who wait has waited long enough.
  mutating func recountEarliest(_ id: ExchangeID, now: UInt64) {
    var earliest = UInt64.max
    var waiter = lookups[id].firstWaiter
    while waiter != .none {
      earliest = min(earliest, waiters[waiter].deadline, waiters[waiter].responseTimeout)
      waiter = waiters[waiter].next
    }
    lookups[id].earliest = earliest
    setTimer(id, now: now)
  }

  /// Whether a client is among those who wait for a question, rather than only others that need it.
  private func isAwaitedByClient(_ id: ExchangeID) -> Bool {
    var waiter = lookups[id].firstWaiter
    while waiter != .none {
      if case .client = waiters[waiter].recipient { return true }
      waiter = waiters[waiter].next
    }
    return false
  }

  // MARK: Not waiting any longer

  /// Has a question that waits for another wait no more.
  ///
  /// Unless others need that, it ends, and what was sent for it is forgotten.
  ///
  /// - Parameter isOver: whether there was time enough for an answer, so that it has failed.
  mutating func stopWaiting(_ id: ExchangeID, isOver: Bool = false, now: UInt64) {
    // No recursion: nothing bounds how many questions join each other.
    var left = detach(id)
    while let lookup = left {
      if exchanges[lookup].isEnded {
        handOnToTarget(lookup)
        left = detach(lookup)
        finish(lookup, .failed(Failure(.silence)))
      } else {
        left = nil
        if lookups[lookup].outlivesWaiters { continue }
        if isOver { fail(lookup, now: now) } else { finish(lookup, .failed(Failure(.silence))) }
      }
    }
  }

  /// Takes a question from those that wait for another.
  ///
  /// - Returns: the one that it waited for, if nobody waits for that any more.
  private mutating func detach(_ id: ExchangeID) -> ExchangeID? {
    guard lookups[id].waitsFor != .none else { return nil }
    let next = lookups[id].waitsFor
    lookups[id].waitsFor = .none
    if lookups[next].starter == id { lookups[next].starter = .none }
    removeWaiter(id, from: next)
    return lookups[next].waiterCount == 0 ? next : nil
  }

  /// Has what a question waits for go on without waiters if that question would.
  private mutating func handOnToTarget(_ id: ExchangeID) {
    guard lookups[id].outlivesWaiters, lookups[id].waitsFor != .none else { return }
    lookups[lookups[id].waitsFor].outlivesWaiters = true
  }

  /// Ends a question that has its answer but for what an alias leads to, since nobody waits for it any more.
  ///
  /// If the data is wanted all the same, the last link goes on.
  mutating func leave(_ id: ExchangeID, now: UInt64) {
    handOnToTarget(id)
    stopWaiting(id, isOver: true, now: now)
    finish(id, .failed(Failure(.silence)))
  }

  /// Releases what a question held of its answer, as soon as the cache is at hand.
  mutating func dropOverlays(_ id: ExchangeID) {
    guard lookups[id].held != HeldOverlays() else { return }
    _ = dropped.push(lookups[id].held)
    lookups[id].held = HeldOverlays()
  }

  /// Takes a question from those who wait for another.
  private mutating func removeWaiter(_ parent: ExchangeID, from id: ExchangeID) {
    var waiter = lookups[id].firstWaiter
    var previous = WaiterID.none
    while waiter != .none {
      let next = waiters[waiter].next
      if case .lookup(let handle) = waiters[waiter].recipient, handle.exchange == parent {
        if previous == .none {
          lookups[id].firstWaiter = next
        } else {
          waiters[previous].next = next
        }
        lookups[id].waiterCount -= 1
        waiters.remove(waiter.slot)
        return
      }
      previous = waiter
      waiter = next
    }
  }

  // MARK: Chains

  /// Whether a question waits, perhaps by way of others, for the one that is to wait for it, or by way of more than an
  /// answer may have.
  private func isWaiting(_ id: ExchangeID, for parent: ExchangeID) -> Bool {
    var lookup = id
    for _ in 0...Cache.longestChain {
      if lookup == .none { return false }
      if lookup == parent { return true }
      lookup = lookups[lookup].waitsFor
    }
    return true
  }

  /// What is in the way of a question, or of what it waits for in the end, and what all on the way there hold.
  func gather(
    from id: ExchangeID, _ cache: inout Cache
  ) -> (cause: ResolutionError, held: HeldOverlays, lacksDNSSEC: Bool) {
    var held = HeldOverlays()
    var lacksDNSSEC = false
    var lookup = id
    for _ in 0..<Cache.longestChain {
      lacksDNSSEC = lacksDNSSEC || lookups[lookup].lacksDNSSEC
      cache.hold(allOf: lookups[lookup].held, in: &held)
      guard lookups[lookup].waitsFor != .none else { break }
      lookup = lookups[lookup].waitsFor
    }
    return (exchanges[lookup].cause, held, lacksDNSSEC)
  }

  // MARK: Budget

  /// Counts the packets that were sent for a lookup since this was called last, and what was received.
  mutating func charge(_ id: ExchangeID, octets: Int = 0, now: UInt64) {
    let packets = exchanges[id].packets &- lookups[id].charged
    lookups[id].charged &+= packets
    var lookup = id
    repeat {
      let payer = lookup
      lookups[payer].spent.add(packets: packets, octets: octets)
      if lookups[payer].spent.isOver { setTimer(payer, now: now) }
      lookup = lookups[payer].starter
    } while lookup != .none
  }

  /// Counts that one more question is to be asked for the sake of this one.
  ///
  /// The first of the chain for which that is one too many ends, and those that only it needed.
  ///
  /// - Returns: whether this one goes on.
  private mutating func spendQuestion(_ id: ExchangeID, now: UInt64) -> Bool {
    let handle = exchanges.handle(id)
    var lookup = id
    var over = ExchangeID.none
    while lookup != .none {
      lookups[lookup].spent.questions &+= 1
      if lookups[lookup].spent.questions > Budget.questionLimit { over = lookup }
      lookup = lookups[lookup].starter
    }
    if over != .none { fail(over, .endlessAliases, now: now) }
    return exchanges.find(handle) != nil
  }
}
