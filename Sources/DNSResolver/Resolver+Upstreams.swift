import DNSCache
import DNSWire
import Memory

// What attempts and replies tell of the upstreams, and whom a question asks because of it.

extension Resolver {
  // MARK: Whom to ask

  /// Whom a client's question asks first; nothing when all are given up.
  ///
  /// - Parameter isTrial: becomes true when all are given up and it may ask one all the same.
  @inline(__always)
  mutating func firstServer(
    of group: ServerGroupID, _ draw: UInt64, isTrial: inout Bool, now: UInt64
  ) -> ServerID? {
    if let server = servers.first(
      of: group, draw: UInt32(truncatingIfNeeded: draw >> 32), now: now)
    {
      return server
    }
    guard let server = servers.trial(of: group, now: now) else { return nil }
    counters.trials += 1
    isTrial = true
    return server
  }

  /// Perhaps has a new question ask another upstream than the best.
  ///
  /// - Returns: how long to wait for it at most: for as long as for the best.
  mutating func explore(_ index: Int, _ draw: UInt64) -> UInt64 {
    guard settings.exploration > 0,
      UInt32(truncatingIfNeeded: draw >> 16) % settings.exploration == 0,
      let server = servers.neglected(of: questions[index].group)
    else { return .max }
    counters.explored += 1
    questions[index].server = server
    return servers.leastTimeout(of: questions[index].group)
  }

  /// Sets whom a question asks next; false when nobody is left.
  mutating func chooseNext(_ index: Int, now: UInt64) -> Bool {
    guard
      let next = servers.next(
        of: questions[index].group, after: questions[index].server, questions[index].touched,
        now: now)
    else { return false }
    // When all were asked, the round begins anew.
    if questions[index].touched.has(.tried, next) { questions[index].touched.remove(.tried) }
    questions[index].server = next
    return true
  }

  /// Sends a question again because no reply came.
  mutating func retry(_ index: Int, now: UInt64) {
    guard questions[index].attemptCount < ResolverTiming.attempts else {
      setTimer(index, at: questions[index].deadline, now: now)
      return
    }
    if chooseNext(index, now: now) {
      counters.retries += 1
      send(index, now: now)
    } else if questions[index].isTrial {
      // Perhaps they only take long: a reply still counts, and one that comes back is asked.
      questions[index].phase = .waitingForServers
      let due = min(now + ResolverTiming.mostProbeInterval, questions[index].deadline)
      setTimer(index, at: due, now: now)
    } else if servers.first(of: questions[index].group, draw: 0, now: now) == nil {
      // All are silent for so long that a reply is not to be expected.
      fail(index, now: now)
    } else {
      setTimer(index, at: questions[index].deadline, now: now)
    }
  }

  // MARK: What came back

  /// An upstream answered something that it was asked.
  mutating func hear(_ server: ServerID, now: UInt64) {
    if servers[server].failures > 0 { servers.reconsider() }
    servers[server].hear(now: now)
    // One that is down for its errors stays so until it has an answer.
    if servers[server].isDown,
      servers[server].badAnswers < Server.failuresUntilDown
    {
      comeUp(server, now: now)
    }
  }

  /// An upstream had an answer to a question.
  ///
  /// - Parameters:
  ///   - count: the reply's octets.
  ///   - isPositive: whether there are records.
  mutating func noteAnswer(
    _ index: Int, server: ServerID, attempt: Int?, count: Int, isPositive: Bool, now: UInt64
  ) {
    var isUsual = !questions[index].isSimplified && !servers[server].isInDoubt
    if let attempt {
      servers[server].measure(sent: attempts[attempt].sent, now: now)
      if attempts[attempt].simplicity == .usual {
        // What shows no case, where another would, proves nothing.
        if showsCase(attempt) || questions[index].isFolded
          || servers[server].isInLowerCase
        {
          servers[server].provenUntil = now + Server.provenLife
        }
      } else {
        isUsual = false
      }
      if attempts[attempt].edns != .none { servers[server].answersEDNS = true }
      if !isUsual, count > Int(EDNSOffer.smallSize) { servers[server].small.end() }
    }
    servers[server].badAnswers = 0
    if servers[server].isDown { comeUp(server, now: now) }
    if !isUsual {
      noteWays(index, server, attempt: attempt, isPositive: isPositive, now: now)
    }
    if questions[index].touched.all.contains(.erred) { noteBadAnswers(index, now: now) }
    if failures.count > 0 {
      names.forgetFailure(
        in: index, count: Int(questions[index].nameCount), hash: questions[index].nameHash,
        type: questions[index].type, needs: questions[index].needs, &failures)
    }
    if now >= servers[server].knownAt + KnownQuestion.pause
      || servers[server].knownCount == 0
    {
      noteKnown(index, server, now: now)
    }
  }

  /// An upstream answered with an error, or with what is no answer.
  mutating func noteError(_ server: ServerID) {
    counters.errors += 1
    servers[server].counters.errors += 1
  }

  /// Upstreams gave errors to a question that another one had an answer to.
  ///
  /// Only then the error is the upstream's and not the name's.
  private mutating func noteBadAnswers(_ index: Int, now: UInt64) {
    let touched = questions[index].touched
    for place in 0..<touched.count {
      guard let server = touched.server(place, with: .erred) else { continue }
      if servers[server].badAnswers < UInt16.max {
        servers[server].badAnswers += 1
      }
      servers[server].failedAt = now
      servers[server].cause = .upstreamError
      if servers[server].badAnswers >= Server.failuresUntilDown,
        !servers[server].isDown
      {
        goDown(server, now: now)
      }
    }
  }

  /// A reply was cut: perhaps the larger one, offered before, was lost on the way for its size.
  mutating func noteTruncated(_ attempt: Int, server: ServerID, now: UInt64) {
    servers[server].measure(sent: attempts[attempt].sent, now: now)
    guard attempts[attempt].edns == .small, !servers[server].small.isInForce else {
      return
    }
    let name = questions[Int(attempts[attempt].question)].nameHash
    note(.small, server, name, limit: Resolver.smallHintLimit, now: now)
  }

  /// Names in a row that an upstream answered only when few octets were offered, after which it is
  /// offered no more; any larger reply that arrives begins the count anew.
  private static let smallHintLimit: UInt8 = 3

  // MARK: What did not

  /// No reply came to a question's last attempt in time.
  mutating func noteTimeout(_ index: Int, now: UInt64) {
    let latest = questions[index].firstAttempt
    guard latest != Resolver.nobody, !attempts[Int(latest)].isRefused else { return }
    let server = attempts[Int(latest)].socket.server
    servers[server].counters.timeouts += 1
    noteFailure(server, .silence, sent: attempts[Int(latest)].sent, now: now)
    suspectLoop(server, index, now: now)
  }

  mutating func noteFailure(
    _ server: ServerID, _ cause: Failure.Cause, sent: UInt64, now: UInt64
  ) {
    let isDown = servers[server].fail(cause, sent: sent, now: now)
    // The next question looks for one that is better.
    servers.reconsider()
    if isDown { goDown(server, now: now) }
  }

  /// Notices that a packet sent from a socket didn't reach its upstream (ICMP, or no route).
  ///
  /// ICMP can be forged, so it only has the next attempt made sooner, from another port; the reply is
  /// still good. When the network refuses attempt after attempt, the question fails.
  ///
  /// - Parameter id: the packet's transaction ID; nothing when that isn't known.
  public mutating func socketFailed(_ socket: SocketID, id: UInt16?, now: UInt64) {
    counters.unreachable += 1
    guard let id, let place = findAttempt(socket: socket, id: id), !attempts[place].isRefused
    else { return }
    let index = Int(attempts[place].question)
    let server = socket.server
    attempts[place].isRefused = true
    servers[server].counters.refusals += 1
    noteFailure(server, .unreachable, sent: attempts[place].sent, now: now)
    // Saturates: each change of the network is good for further attempts.
    if questions[index].refusals < UInt8.max { questions[index].refusals += 1 }
    questions[index].cause = .unreachable
    noteTrouble(index, .unreachable, server)
    guard !questions[index].phase.isTCP, questions[index].firstAttempt == UInt32(place) else {
      return
    }
    var limit = max(ResolverTiming.leastRefusals, servers.count(of: questions[index].group) + 1)
    // In strict order one upstream has to be down before the next has its turn.
    if servers.isStrict(questions[index].group) { limit += Int(Server.failuresUntilDown) }
    let hasMore =
      questions[index].refusals < limit
      && questions[index].attemptCount < ResolverTiming.attempts
    if hasMore, chooseNext(index, now: now) {
      send(index, now: now)
    } else if questions[index].refusals == questions[index].attemptCount {
      fail(index, now: now)
    }
  }

  // MARK: Failures

  /// Remembers that a question failed.
  ///
  /// - Returns: where.
  mutating func rememberFailure(_ index: Int, _ cause: Failure.Cause, now: UInt64) -> UInt16 {
    let question = questions[index]
    var trouble = question.trouble
    if trouble.kind == .silence {
      trouble.source = servers[question.server].source
    }
    let (place, isForced) = names.rememberFailure(
      in: index, count: Int(question.nameCount), hash: question.nameHash, type: question.type,
      needs: question.needs, cause: cause, trouble: trouble, errorsCount: Int(question.errorsCount),
      of: upstreamErrors, now: now, &failures)
    if isForced { counters.failuresDisplaced += 1 }
    return UInt16(truncatingIfNeeded: place)
  }

  /// Notes that a prefetch failed, for its data to be asked for again with the next question.
  mutating func noteFailedPrefetch(_ index: Int, now: UInt64) {
    let question = questions[index]
    names.note(
      in: index, count: Int(question.nameCount), hash: question.nameHash, type: question.type,
      needs: question.needs, trouble: question.trouble, isPrefetch: true, now: now, &failures)
  }

  /// Whether ``takeFailedPrefetch(into:)`` may have something.
  public var hasFailedPrefetches: Bool { failures.hasFailedPrefetches }

  /// Takes out a question that was to be asked before its data expires and failed.
  ///
  /// - Parameter key: gets the name.
  /// - Returns: the type, and DO and CD.
  public mutating func takeFailedPrefetch(
    into key: inout NameKey
  ) -> (type: RecordType, needs: DNSSECNeeds)? {
    failures.takeFailedPrefetch(into: &key)
  }

  /// Notes what was in the way of a question, should somebody wonder.
  ///
  /// What an upstream said tells more than that another one can't be reached.
  mutating func noteTrouble(
    _ index: Int, _ kind: Trouble.Kind, _ server: ServerID,
    rcode: ResponseCode = ResponseCode(rawValue: 0)
  ) {
    let known = questions[index].trouble.kind
    if kind == .unreachable && known != .silence && known != .unreachable { return }
    questions[index].trouble.kind = kind
    questions[index].trouble.rcode = rcode
    questions[index].trouble.source = servers[server].source
  }

  /// Notes why a question's answer is not kept, should somebody wonder.
  mutating func rememberUnkept(
    _ index: Int, _ kind: Trouble.Kind, server: ServerID, now: UInt64
  ) {
    noteTrouble(index, kind, server)
    let question = questions[index]
    names.note(
      in: index, count: Int(question.nameCount), hash: question.nameHash, type: question.type,
      needs: question.needs, trouble: question.trouble, now: now, &failures)
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

extension BufferPool {
  // Two parts of the resolver at once: the compiler sees that only with a method of one of them.

  fileprivate func rememberFailure(
    in index: Int, count: Int, hash: UInt32, type: RecordType, needs: DNSSECNeeds,
    cause: Failure.Cause, trouble: Trouble, errorsCount: Int, of errors: borrowing BufferPool,
    now: UInt64, _ failures: inout FailureCache
  ) -> (place: Int, isForced: Bool) {
    failures.remember(
      octets(in: index, count: count), hash: hash, type: type, needs: needs, cause: cause,
      trouble: trouble, upstreamErrors: errors.octets(in: index, count: errorsCount), now: now)
  }

  fileprivate func note(
    in index: Int, count: Int, hash: UInt32, type: RecordType, needs: DNSSECNeeds,
    trouble: Trouble, isPrefetch: Bool = false, now: UInt64, _ failures: inout FailureCache
  ) {
    failures.note(
      octets(in: index, count: count), hash: hash, type: type, needs: needs, trouble: trouble,
      isPrefetch: isPrefetch, now: now)
  }

  fileprivate func forgetFailure(
    in index: Int, count: Int, hash: UInt32, type: RecordType, needs: DNSSECNeeds,
    _ failures: inout FailureCache
  ) {
    failures.forget(octets(in: index, count: count), hash: hash, type: type, needs: needs)
  }
}
