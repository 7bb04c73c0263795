import DNSCache
import DNSWire

// Where an alias leads is a question of its own, which all share who need it; the one with the alias waits for it.

/// What a question has cost, with all that was asked for its sake: nothing begins this count anew.
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
    _ index: Int, _ outcome: Outcome, _ overlay: Overlay, isAgain: Bool = false,
    cache: inout Cache, now: UInt64
  ) {
    guard case .answered(let remarks, let lacksDNSSEC) = outcome else { return }
    questions[index].lacksDNSSEC = questions[index].lacksDNSSEC || lacksDNSSEC
    let outcome = Outcome.answered(remarks, lacksDNSSEC: questions[index].lacksDNSSEC)
    // Whoever renews an alias has no use for what it leads to.
    guard questions[index].waiterCount > 0 else {
      finish(index, outcome, overlay, &cache)
      return
    }
    let type = questions[index].type
    let needs = questions[index].needs
    var target = NameKey(seed: seed)
    names.load(
      in: index, count: Int(questions[index].nameCount), hash: questions[index].nameHash,
      into: &target)
    let end = cache.follow(
      &target, type: type, needs: questions[index].lacksDNSSEC ? needs.orUnsigned : needs,
      overlays: OverlayPair(overlay, held: questions[index].held),
      now: UInt32(truncatingIfNeeded: now / 1_000))
    guard end == .missing, case .route = reply.policy.decide(target.octets, asked: type) else {
      finish(index, outcome, overlay, &cache)
      return
    }
    guard !isName(of: index, target) else {
      if isAgain {
        // The alias has expired meanwhile, or there was no room to hold it.
        cache.release(overlay)
        if spendQuestion(index, now: now) { beginAnew(index, now: now) }
      } else {
        finish(index, outcome, overlay, &cache)
      }
      return
    }
    cache.hold(overlay, in: &questions[index].held)
    wait(index, for: target, &cache, now: now)
  }

  /// Has a question wait for another, which is asked for its sake if nobody else has asked it.
  private mutating func wait(
    _ index: Int, for target: borrowing NameKey, _ cache: inout Cache, now: UInt64
  ) {
    endExchange(index)
    questions[index].phase = .ended
    // Those who wait have deadlines; so has the question that it waits for.
    questions[index].deadline = .max
    dequeue(index)
    enqueue(index)
    guard spendQuestion(index, now: now) else { return }
    let handle = handle(index)
    let type = questions[index].type
    let needs = questions[index].needs
    let requested = request(
      target, type, needs, for: .lookup(handle), since: now, patience: nil, now: now)
    // All places may have been taken, and this one given up for the other.
    guard self.index(handle) != nil else { return }
    switch requested {
    case .failed(let failure): finishWaiting(index, failure, &cache)
    case .began(let next), .joined(let next):
      questions[index].waitsFor = UInt32(next)
      if case .began = requested, questions.contains(next) {
        questions[next].starter = UInt32(index)
      }
      setPatience(
        index, begin: questions[next].started,
        takesStale: hasStaleAnswer(target, type, needs, in: &cache, now: now),
        isTrial: questions[next].isTrial, now: now)
    }
  }

  /// Goes on with a question when the one that it waited for has ended.
  mutating func resume(_ handle: QuestionHandle, _ ended: Ended, cache: inout Cache, now: UInt64) {
    guard let index = index(handle), questions[index].phase.isEnded,
      questions[index].waitsFor == Resolver.nobody
    else {
      cache.release(ended.overlays)
      return
    }
    switch ended.outcome {
    case .answered:
      cache.hold(allOf: ended.overlays.held, in: &questions[index].held)
      cache.release(ended.overlays.held)
      followAlias(
        index, ended.outcome, ended.overlays.overlay, isAgain: true, cache: &cache, now: now)
    case .failed(let failure):
      cache.release(ended.overlays)
      finishWaiting(index, failure, &cache)
    case .rebound, .overdue:
      cache.release(ended.overlays)
      finish(index, ended.outcome)
    }
  }

  /// Ends a question because what its alias leads to can't be had; clients may be given that with something stale.
  private mutating func finishWaiting(_ index: Int, _ failure: Failure, _ cache: inout Cache) {
    finish(index, .failed(failure), .none, &cache)
  }

  /// Sets when those who wait for a question, and for others by way of it, are given something stale.
  ///
  /// - Parameters:
  ///   - begin: when what it waits for was first asked.
  ///   - takesStale: whether something stale would answer.
  ///   - isTrial: whether that was asked only to see whether anybody is there.
  private mutating func setPatience(
    _ index: Int, begin: UInt64, takesStale: Bool, isTrial: Bool, now: UInt64
  ) {
    var waiter = questions[index].firstWaiter
    while waiter != Resolver.nobody {
      let place = Int(waiter)
      switch waiters[place].recipient {
      case .client:
        let since = waiters[place].deadline - ResolverTiming.deadline
        let end = isTrial ? now : min(since, begin) + ResolverTiming.patience
        waiters[place].patienceEnd = takesStale ? end : .max
      case .lookup(let parent):
        setPatience(
          Int(parent.index), begin: begin, takesStale: takesStale, isTrial: isTrial, now: now)
      }
      waiter = waiters[place].next
    }
    recountEarliest(index)
    setTimer(index, at: questions[index].deadline, now: now)
  }

  /// Finds out when the first of those who wait has waited long enough.
  mutating func recountEarliest(_ index: Int) {
    var earliest = questions[index].deadline
    var waiter = questions[index].firstWaiter
    while waiter != Resolver.nobody {
      let place = Int(waiter)
      earliest = min(earliest, waiters[place].deadline, waiters[place].patienceEnd)
      waiter = waiters[place].next
    }
    questions[index].earliest = earliest
  }

  /// Whether something is known that would answer a question if data that has expired will do.
  func hasStaleAnswer(
    _ key: borrowing NameKey, _ type: RecordType, _ needs: DNSSECNeeds, in cache: inout Cache,
    now: UInt64
  ) -> Bool {
    let seconds = UInt32(truncatingIfNeeded: now / 1_000)
    guard cache.hasStale(key, now: seconds) else { return false }
    var name = NameKey(seed: seed)
    name.load(key)
    return cache.follow(
      &name, type: type, needs: needs, overlays: OverlayPair(), stale: true, now: seconds)
      == .found
  }

  // MARK: Not waiting any longer

  /// Has a question that waits for another wait no more.
  ///
  /// Unless others need that, it ends, and what was sent for it is forgotten.
  ///
  /// - Parameter isOver: whether there was time enough for an answer, so that it has failed.
  mutating func stopWaiting(_ index: Int, isOver: Bool = false, now: UInt64) {
    guard questions[index].waitsFor != Resolver.nobody else { return }
    let next = Int(questions[index].waitsFor)
    questions[index].waitsFor = Resolver.nobody
    if questions[next].starter == UInt32(index) { questions[next].starter = Resolver.nobody }
    removeWaiter(UInt32(index), from: next)
    guard questions[next].waiterCount == 0 else { return }
    if questions[next].phase.isEnded {
      leave(next, isOver: isOver, now: now)
    } else if !questions[next].isRefresh {
      if isOver { fail(next, now: now) } else { finish(next, .failed(Failure(.silence))) }
    }
  }

  /// Ends a question that has its answer but for what an alias leads to, since nobody waits for it any more.
  ///
  /// If the data is wanted all the same, the last link goes on.
  mutating func leave(_ index: Int, isOver: Bool = true, now: UInt64) {
    if questions[index].isRefresh, questions[index].waitsFor != Resolver.nobody {
      questions[Int(questions[index].waitsFor)].isRefresh = true
    }
    stopWaiting(index, isOver: isOver, now: now)
    finish(index, .failed(Failure(.silence)))
  }

  /// Releases what a question held of its answer, as soon as the cache is at hand.
  mutating func dropOverlays(_ index: Int) {
    guard questions[index].held != HeldOverlays() else { return }
    _ = dropped.push(questions[index].held)
    questions[index].held = HeldOverlays()
  }

  /// Takes a question from those who wait for another.
  private mutating func removeWaiter(_ parent: UInt32, from index: Int) {
    var waiter = questions[index].firstWaiter
    var previous = Resolver.nobody
    while waiter != Resolver.nobody {
      let place = Int(waiter)
      let next = waiters[place].next
      if case .lookup(let handle) = waiters[place].recipient, handle.index == parent {
        if previous == Resolver.nobody {
          questions[index].firstWaiter = next
        } else {
          waiters[Int(previous)].next = next
        }
        questions[index].waiterCount -= 1
        waiters.remove(place)
        return
      }
      previous = waiter
      waiter = next
    }
  }

  // MARK: Chains

  /// Whether a question waits, perhaps by way of others, for the one that is to wait for it.
  func isNeeded(
    by key: borrowing NameKey, _ type: RecordType, _ needs: DNSSECNeeds, _ recipient: Recipient
  ) -> Bool {
    guard case .lookup(let parent) = recipient else { return false }
    var index = byQuestion.first(Question.hash(key.hash, type, needs))
    while let place = match(key, type, needs, from: index) {
      var next = UInt32(place)
      while next != Resolver.nobody {
        if next == parent.index { return true }
        next = questions[Int(next)].waitsFor
      }
      index = questions[place].chain
    }
    return false
  }

  /// The question that a question waits for in the end: itself, if for none.
  func lastLink(of index: Int) -> Int {
    var place = index
    while questions[place].waitsFor != Resolver.nobody { place = Int(questions[place].waitsFor) }
    return place
  }

  // MARK: Budget

  /// Counts what was sent or received for a question, and for whose sake it was asked.
  @inline(__always)
  mutating func spend(_ index: Int, packets: UInt8 = 0, octets: Int = 0, now: UInt64) {
    var place = UInt32(index)
    repeat {
      let payer = Int(place)
      questions[payer].spent.packets &+= packets
      questions[payer].spent.octets &+= UInt32(truncatingIfNeeded: octets)
      if questions[payer].spent.isOver { timers.schedule(payer, at: now, now: now) }
      place = questions[payer].starter
    } while place != Resolver.nobody
  }

  /// Counts that one more question is to be asked for the sake of this one.
  ///
  /// The first of the chain for which that is one too many ends, and those that only it needed.
  ///
  /// - Returns: whether this one goes on.
  private mutating func spendQuestion(_ index: Int, now: UInt64) -> Bool {
    let handle = handle(index)
    var place = UInt32(index)
    var over = Resolver.nobody
    while place != Resolver.nobody {
      questions[Int(place)].spent.questions &+= 1
      if questions[Int(place)].spent.questions > Budget.questionLimit { over = place }
      place = questions[Int(place)].starter
    }
    if over != Resolver.nobody { fail(Int(over), .endlessAliases, now: now) }
    return self.index(handle) != nil
  }
}
