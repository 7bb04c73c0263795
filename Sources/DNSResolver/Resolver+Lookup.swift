import DNSCache
import DNSWire
import Memory

// Finding questions by name and attempts by transaction.

extension Resolver {
  func handle(_ index: Int) -> QuestionHandle {
    QuestionHandle(UInt32(index), questions[index].generation)
  }

  /// The question that a handle names, if it is still in flight.
  func index(_ handle: QuestionHandle) -> Int? {
    let index = Int(handle.index)
    guard questions.contains(index), questions[index].generation == handle.generation else {
      return nil
    }
    return index
  }

  // MARK: Questions

  /// The question in flight that whoever asks now may join.
  ///
  /// One that waits with data that may not be kept has it for those who asked before it came (RFC 1035 §3.2.1).
  func find(_ key: borrowing NameKey, _ type: RecordType, _ needs: DNSSECNeeds) -> Int? {
    // Only the latest: those before it hold something, and there may be many.
    let index = byQuestion.first(Question.hash(key.hash, type, needs))
    guard let place = match(key, type, needs, from: index),
      questions[place].held == HeldOverlays()
    else { return nil }
    return place
  }

  /// The first question for a key from one of the table's chain on.
  func match(
    _ key: borrowing NameKey, _ type: RecordType, _ needs: DNSSECNeeds, from index: UInt32
  ) -> Int? {
    var index = index
    while index != Resolver.nobody {
      let place = Int(index)
      if questions[place].nameHash == key.hash && questions[place].type == type
        && questions[place].needs == needs && isName(of: place, key)
      {
        return place
      }
      index = questions[place].chain
    }
    return nil
  }

  func isName(of index: Int, _ key: borrowing NameKey) -> Bool {
    key.matches(names.octets(in: index, count: Int(questions[index].nameCount)))
  }

  mutating func addWaiter(
    _ recipient: Recipient, since: UInt64, patience: UInt64?, to index: Int
  ) -> Bool {
    var waiter = Waiter(recipient: recipient)
    if case .client = recipient {
      guard waiters.count < settings.waiterLimit else { return false }
      waiter.deadline = since + ResolverTiming.deadline
    }
    if let patience { waiter.patienceEnd = min(since, questions[index].started) + patience }
    guard let place = waiters.insert(waiter) else { return false }
    link(place, to: index)
    return true
  }

  /// Puts somebody among those who wait for a question.
  mutating func link(_ place: Int, to index: Int) {
    waiters[place].next = questions[index].firstWaiter
    questions[index].firstWaiter = UInt32(place)
    questions[index].waiterCount += 1
    questions[index].isUnasked = false
    questions[index].earliest = min(
      questions[index].earliest, waiters[place].deadline, waiters[place].patienceEnd)
  }

  // MARK: Order

  mutating func enqueue(_ index: Int) {
    questions[index].older = newest
    if newest == Resolver.nobody {
      oldest = UInt32(index)
    } else {
      questions[Int(newest)].newer = UInt32(index)
    }
    newest = UInt32(index)
  }

  mutating func dequeue(_ index: Int) {
    let older = questions[index].older
    let newer = questions[index].newer
    if older == Resolver.nobody { oldest = newer } else { questions[Int(older)].newer = newer }
    if newer == Resolver.nobody { newest = older } else { questions[Int(newer)].older = older }
  }

  // MARK: Attempts

  func findAttempt(socket: SocketID, id: UInt16) -> Int? {
    var place = byTransaction.first(Attempt.hash(socket, id))
    while place != Resolver.nobody {
      let attempt = Int(place)
      if attempts[attempt].id == id && attempts[attempt].socket == socket { return attempt }
      place = attempts[attempt].chain
    }
    return nil
  }

  /// Forgets what was sent for a question; replies to it are nobody's from now on.
  mutating func forgetAttempts(of index: Int) {
    var attempt = questions[index].firstAttempt
    questions[index].firstAttempt = Resolver.nobody
    while attempt != Resolver.nobody {
      let next = attempts[Int(attempt)].next
      forgetAttempt(Int(attempt))
      attempt = next
    }
  }

  /// Forgets a question's attempts at one upstream.
  mutating func forgetAttempts(of index: Int, at server: ServerID) {
    var attempt = questions[index].firstAttempt
    var kept = Resolver.nobody
    while attempt != Resolver.nobody {
      let place = Int(attempt)
      let next = attempts[place].next
      if attempts[place].socket.server == server {
        if kept == Resolver.nobody {
          questions[index].firstAttempt = next
        } else {
          attempts[Int(kept)].next = next
        }
        forgetAttempt(place)
      } else {
        kept = attempt
      }
      attempt = next
    }
  }

  private mutating func forgetAttempt(_ place: Int) {
    let attempt = attempts[place]
    finished.insert(attempt.socket, id: attempt.id, sent: attempt.sent)
    servers[attempt.socket.server].inFlight -= 1
    byTransaction.remove(place, in: &attempts)
    attempts.remove(place)
  }
}
