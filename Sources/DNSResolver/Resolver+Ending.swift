import DNSCache
import DNSWire

// How questions end, and who is told.

extension Resolver {
  /// Ends a question without an answer, for what was in the way last or what is given.
  mutating func fail(_ index: Int, _ cause: Failure.Cause? = nil, now: UInt64) {
    counters.failed += 1
    stopWaiting(index, now: now)
    var failure = Failure(cause ?? questions[index].cause)
    if questions[index].isUnasked {
      // What was asked early may be asked again when it is due.
      noteFailedPrefetch(index, now: now)
    } else if failure.cause.isOfResolution {
      failure.place = rememberFailure(index, failure.cause, now: now)
      failure.nameHash = questions[index].nameHash
    }
    finish(index, .failed(failure))
  }

  /// Tells the clients that have waited long enough that there is no reply, or none yet.
  ///
  /// - Returns: whether the question is still there.
  mutating func endWaiting(_ index: Int, _ cache: inout Cache, now: UInt64) -> Bool {
    let (cause, held) = gather(from: index, &cache)
    let overlays = OverlayPair(held: held)
    var waiter = questions[index].firstWaiter
    questions[index].firstWaiter = Resolver.nobody
    questions[index].waiterCount = 0
    questions[index].earliest = questions[index].deadline
    while waiter != Resolver.nobody {
      let place = Int(waiter)
      let next = waiters[place].next
      let isOver = waiters[place].deadline <= now
      if isOver || waiters[place].patienceEnd <= now {
        let outcome = isOver ? Outcome.failed(Failure(cause)) : .overdue
        cache.retain(held)
        _ = completions.push(
          Ended(recipient: waiters[place].recipient, outcome: outcome, overlays: overlays))
        waiters.remove(place)
        // The data is still wanted, for whoever asks next.
        if !isOver { questions[index].isRefresh = true }
      } else {
        link(place, to: index)
      }
      waiter = next
    }
    cache.release(held)
    if questions[index].phase.isEnded && questions[index].waiterCount == 0 {
      leave(index, now: now)
      return false
    }
    return true
  }

  /// Ends a question that has an answer.
  ///
  /// - Parameter overlay: what of the last reply is not in the cache, shared among as many as wait.
  mutating func finish(_ index: Int, _ outcome: Outcome, _ overlay: Overlay, _ cache: inout Cache) {
    let overlays = OverlayPair(overlay, held: questions[index].held)
    cache.share(overlays, among: Int(questions[index].waiterCount))
    questions[index].held = HeldOverlays()
    finish(index, outcome, overlays)
  }

  /// Ends a question: everybody who waits is told, every attempt forgotten.
  mutating func finish(
    _ index: Int, _ outcome: Outcome, _ overlays: OverlayPair = OverlayPair()
  ) {
    endExchange(index)
    dropOverlays(index)
    var waiter = questions[index].firstWaiter
    while waiter != Resolver.nobody {
      let next = waiters[Int(waiter)].next
      let recipient = waiters[Int(waiter)].recipient
      if case .lookup(let parent) = recipient {
        questions[Int(parent.index)].waitsFor = Resolver.nobody
      }
      _ = completions.push(Ended(recipient: recipient, outcome: outcome, overlays: overlays))
      waiters.remove(Int(waiter))
      waiter = next
    }
    byQuestion.remove(index, in: &questions)
    dequeue(index)
    questions.remove(index)
  }

  /// Has nothing sent for a question any more; replies to what was are nobody's from now on.
  mutating func endExchange(_ index: Int) {
    endTCP(index)
    timers.cancel(index)
    forgetAttempts(of: index)
  }

  /// When all places are taken, the question that waits longest gives way, if it has had time enough for
  /// an honest reply: so that a flood of names which nobody answers doesn't shut out all others.
  mutating func displaceOldest(now: UInt64) {
    guard oldest != Resolver.nobody,
      questions[Int(oldest)].started + ResolverTiming.graceWhenFull <= now
    else { return }
    counters.displaced += 1
    fail(Int(oldest), .overload, now: now)
  }
}
