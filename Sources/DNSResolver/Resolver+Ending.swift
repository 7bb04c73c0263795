import DNSCache
import DNSExchange
import DNSWire

// How questions end, and who is told.

extension Resolver {
  /// Takes in which exchanges have failed; and if a server came back after a while, nothing counts as failed.
  ///
  /// After every call by which an exchange may have ended.
  mutating func takeFailures(now: UInt64) {
    if exchanges.takeOutageEnd() { failures.forgetAll() }
    while let handle = exchanges.nextFailed() {
      if let id = exchanges.find(handle) { fail(id, now: now) }
    }
  }

  /// Ends a question without an answer, for what was in the way last or what is given.
  mutating func fail(_ id: ExchangeID, _ cause: ResolutionError? = nil, now: UInt64) {
    counters.failed += 1
    stopWaiting(id, now: now)
    var failure = Failure(cause ?? exchanges[id].cause)
    if lookups[id].isPrefetch {
      // What was asked early may be asked again when it is due.
      noteTrouble(id, isPrefetch: true, now: now)
    } else if failure.cause.isOfResolution {
      failure.slot = rememberFailure(id, failure.cause, now: now)
      failure.nameHash = exchanges[id].nameHash
    }
    finish(id, .failed(failure))
  }

  /// Tells the clients that have waited long enough that there is no reply, or none yet.
  ///
  /// - Returns: whether the question is still there.
  mutating func endWaiting(_ id: ExchangeID, _ cache: inout Cache, now: UInt64) -> Bool {
    let (cause, held, lacksDNSSEC) = gather(from: id, &cache)
    let overlays = OverlayPair(held: held)
    var waiter = lookups[id].firstWaiter
    lookups[id].firstWaiter = .none
    lookups[id].waiterCount = 0
    lookups[id].earliest = .max
    exchanges.setAlarm(id, at: .max)
    while waiter != .none {
      let next = waiters[waiter].next
      let isOver = waiters[waiter].deadline <= now
      if isOver || waiters[waiter].responseTimeout <= now {
        cache.retain(held)
        tell(
          waiter,
          isOver ? .failed(Failure(cause)) : .clientResponseTimeout(lacksDNSSEC: lacksDNSSEC),
          overlays)
        // The data is still wanted, for those who ask next.
        if !isOver { lookups[id].outlivesWaiters = true }
      } else {
        link(waiter, to: id)
      }
      waiter = next
    }
    cache.release(held)
    if exchanges[id].isEnded && lookups[id].waiterCount == 0 {
      leave(id, now: now)
      return false
    }
    return true
  }

  /// Ends a question that has an answer.
  ///
  /// - Parameter overlay: what of the last reply is not in the cache, shared among as many as wait.
  mutating func finish(
    _ id: ExchangeID, _ outcome: Outcome, _ overlay: Overlay, _ cache: inout Cache
  ) {
    let overlays = OverlayPair(overlay, held: lookups[id].held)
    cache.share(overlays, among: Int(lookups[id].waiterCount))
    lookups[id].held = HeldOverlays()
    finish(id, outcome, overlays)
  }

  /// Ends a question: everybody who waits is told, every attempt forgotten.
  mutating func finish(
    _ id: ExchangeID, _ outcome: Outcome, _ overlays: OverlayPair = OverlayPair()
  ) {
    dropOverlays(id)
    var waiter = lookups[id].firstWaiter
    while waiter != .none {
      let next = waiters[waiter].next
      tell(waiter, outcome, overlays)
      waiter = next
    }
    dequeue(id)
    exchanges.remove(id)
  }

  /// Has somebody who waits told how it ended.
  @inline(__always)
  private mutating func tell(_ waiter: WaiterID, _ outcome: Outcome, _ overlays: OverlayPair) {
    let recipient = waiters[waiter].recipient
    switch recipient {
    case .client: clientCount -= 1
    case .lookup(let parent): lookups[parent.exchange].waitsFor = .none
    }
    // There is room: ``hasRoomToTell``.
    _ = completions.push(Ended(recipient: recipient, outcome: outcome, overlays: overlays))
    waiters.remove(waiter.slot)
  }

  /// When all slots are taken, the question that waits longest gives way, if it has had time enough for
  /// an honest reply: so that a flood of names which nobody answers doesn't shut out all others.
  mutating func evictOldest(now: UInt64) {
    guard oldest != .none,
      exchanges[oldest].started + ResolverTiming.graceWhenFull <= now
    else { return }
    counters.displaced += 1
    fail(oldest, .overload, now: now)
  }

  // MARK: What is remembered of it

  /// Remembers that a question failed.
  ///
  /// - Returns: where.
  mutating func rememberFailure(_ id: ExchangeID, _ cause: ResolutionError, now: UInt64) -> UInt16 {
    var detail = exchanges[id].detail
    if detail.kind == .silence {
      detail.source = exchanges.source(of: exchanges[id].server)
    }
    let (slot, isForced) = failures.remember(
      id, of: exchanges, cause: cause, detail: detail, now: now)
    if isForced { counters.failuresDisplaced += 1 }
    return UInt16(truncatingIfNeeded: slot)
  }

  /// Notes what was in the way of a question, should somebody wonder.
  ///
  /// - Parameter isPrefetch: whether its data is to be asked for again with the next question.
  mutating func noteTrouble(_ id: ExchangeID, isPrefetch: Bool = false, now: UInt64) {
    failures.note(id, of: exchanges, isPrefetch: isPrefetch, now: now)
  }

  /// Notes why a question's answer is not kept, should somebody wonder.
  mutating func noteUncacheable(
    _ id: ExchangeID, _ kind: FailureDetail.Kind, server: ServerID, now: UInt64
  ) {
    exchanges.noteTrouble(id, kind, server)
    noteTrouble(id, now: now)
  }

  /// Whether ``takeFailedPrefetch(into:)`` may have something.
  public var hasFailedPrefetches: Bool { failures.hasFailedPrefetches }

  /// Takes out a question that was to be asked before its data expires and failed.
  ///
  /// - Parameter key: gets the name.
  /// - Returns: the type, and DO and CD.
  public mutating func takeFailedPrefetch(
    into key: inout NameKey
  ) -> (type: RecordType, queryFlags: QueryFlags)? {
    failures.takeFailedPrefetch(into: &key)
  }

  /// Questions whose failure is remembered at most.
  public static var failureLimit: Int { FailureCache.capacity }

  /// Questions whose failure is remembered, some of them longer than it counts.
  public var failureCount: Int { failures.count }

  /// Forgets which questions failed.
  public mutating func forgetFailures() { failures.forgetAll() }

  /// Forgets which questions for a name failed.
  public mutating func forgetFailures(of key: borrowing NameKey) { failures.forget(key) }
}

extension Resolver {
  /// What upstream said beside an answer: options for an OPT record, none when it said nothing.
  @_lifetime(borrow self)
  public func remarks(of outcome: Outcome) -> Span<UInt8> {
    guard case .answered(let remarks, _) = outcome else { return exchanges.options(of: .none) }
    return exchanges.options(of: remarks)
  }

  /// What upstream said of a failure: options for an OPT record, none when it said nothing.
  @_lifetime(borrow self)
  public func upstreamErrors(of failure: Failure) -> Span<UInt8> {
    failures.upstreamErrors(of: failure)
  }
}

extension FailureCache {
  // Two parts of the resolver at once: the compiler sees that only with a method of one of them.

  fileprivate mutating func remember(
    _ id: ExchangeID, of exchanges: borrowing Exchanges, cause: ResolutionError,
    detail: FailureDetail,
    now: UInt64
  ) -> (slot: Int, isForced: Bool) {
    remember(
      exchanges.name(of: id), hash: exchanges[id].nameHash,
      type: exchanges[id].type, queryFlags: exchanges[id].queryFlags, cause: cause,
      detail: detail, upstreamErrors: exchanges.errors(of: id), now: now)
  }

  fileprivate mutating func note(
    _ id: ExchangeID, of exchanges: borrowing Exchanges, isPrefetch: Bool, now: UInt64
  ) {
    note(
      exchanges.name(of: id), hash: exchanges[id].nameHash,
      type: exchanges[id].type, queryFlags: exchanges[id].queryFlags,
      detail: exchanges[id].detail, isPrefetch: isPrefetch, now: now)
  }

  mutating func forget(_ id: ExchangeID, of exchanges: borrowing Exchanges) {
    forget(
      exchanges.name(of: id), hash: exchanges[id].nameHash,
      type: exchanges[id].type, queryFlags: exchanges[id].queryFlags)
  }
}
