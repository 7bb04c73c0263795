import DNSCache
import DNSWire
import Memory

/// Whom to ask, which reply to believe, when to ask again: forwarding as a state machine without I/O.
///
/// Questions, packets and time come in by calls, each with `now` in milliseconds on a clock that never
/// goes back. What is to be done comes out by ``nextAction()`` and ``nextCompletion(cache:now:)``; take both until
/// they return nothing after every call that changes state, and call ``expire(cache:now:)`` at
/// ``nextDeadline``. Records go into the cache that is passed in.
public struct Resolver: ~Copyable {
  /// What bounds the work.
  public internal(set) var settings: ResolverSettings
  /// What has been done so far.
  public internal(set) var counters = ResolverCounters()
  /// Groups of servers that may have any.
  var groupCount = 1
  /// Servers that turned out to send us our own queries, up to now.
  var loopsFound: UInt64 = 0

  var questions: Slab<Question>
  /// The questions' names in lower case, and as they are sent.
  var names: BufferPool
  var casedNames: BufferPool
  var attempts: Slab<Attempt>
  var waiters: Slab<Waiter>
  var byQuestion: ChainTable
  var byTransaction: ChainTable
  var timers: TimerWheel
  var actions: Queue<Action>
  var completions: Queue<Ended>
  /// What lookups held that have ended, to be released when the cache is at hand.
  var dropped: Queue<HeldOverlays>
  var reply: Reply
  /// What names are hashed with.
  let seed: HashSeed
  /// For each question what an upstream said of its error.
  var upstreamErrors: BufferPool
  /// What is known of the servers.
  var servers = ServerTable()
  /// For each server some questions that it had an answer to, and their names.
  var known: FixedArray<KnownQuestion>
  var knownNames: BufferPool
  /// For each server the name that its loop probe asks for.
  var loopNames: BufferPool
  /// For each server the cookie that it gave.
  var serverCookies: BufferPool
  /// Questions that failed not long ago.
  var failures = FailureCache()
  /// Packets whose replies come too late.
  var finished = FinishedTransactions()
  /// Questions that moved to TCP for a single wrong reply, since when.
  var spoofMoves: UInt8 = 0
  var spoofMovesSince: UInt64 = 0
  var random: any RandomNumberGenerator
  /// Microseconds modulo 2³², as the caller told them last: round trips are timed by it, and nothing else
  /// depends on it.
  public var stopwatch: UInt32 = 0
  /// What the last packet taken in has ended.
  var timed: RoundTrip?

  /// The first and the last of the questions in flight, in the order in which they were asked.
  var oldest = Resolver.nobody
  var newest = Resolver.nobody

  static let nobody = UInt32.max

  /// A question in flight.
  struct Question: Chained {
    var type: RecordType
    /// DO and CD.
    var needs: DNSSECNeeds
    var nameHash: UInt32
    var nameCount: UInt8
    /// Attempts made so far, over UDP.
    var attemptCount: UInt8 = 0
    /// The servers that it may be sent to.
    var group: ServerGroupID
    /// The server asked last.
    var server: ServerID
    /// The servers that it has met.
    var touched = Touched()
    /// Attempts that the network refused.
    var refusals: UInt8 = 0
    /// Replies to what is under way over UDP that may be forged.
    var mismatches: UInt8 = 0
    /// What was in the way last.
    var cause = Failure.Cause.silence
    /// The same, for people.
    var trouble = Trouble(.silence)
    /// Octets of what an upstream said of its error (``UpstreamErrors``).
    var errorsCount: UInt8 = 0
    /// Whether it goes out in lower case.
    var isFolded = false
    /// Whether its drawn letter case differs from lower case: a name without letters never does.
    var showsCase = false
    /// How often TCP could not tell whose reply had no cookie.
    var cookieDoubts: UInt8 = 0
    /// Whether it was asked again for a server's cookie.
    var hasRenewedCookie = false
    /// Attempts at it that had malformed replies.
    var malformed: UInt8 = 0
    /// How it is being asked.
    var phase = Phase.udp
    /// The question whose answer this one waits for: what its alias leads to.
    var waitsFor = Resolver.nobody
    /// The hash of that one's name.
    var waitedFor: UInt32 = 0
    /// The question for whose sake this one was asked, as long as that waits for it: it pays for both.
    var starter = Resolver.nobody
    /// What it has cost so far, with what was asked for its sake.
    var spent = Budget()
    /// Whether one of its exchanges brought no DNSSEC data though it was asked for.
    var lacksDNSSEC = false
    /// What of its answer may not be kept, while it waits for the rest.
    var held = HeldOverlays()
    /// Whether it was asked over TCP because a server is silent, or asked over TCP alone.
    var hasTriedTCP = false
    /// Tells this question from others that had the same place.
    var generation: UInt32
    var started: UInt64
    /// When the question fails; never by itself while it waits for another.
    var deadline: UInt64
    /// When the attempt under way is over.
    var due: UInt64 = 0
    /// When the first of those who wait has waited long enough; not beyond ``deadline``.
    var earliest: UInt64
    var firstAttempt = Resolver.nobody
    var firstWaiter = Resolver.nobody
    var waiterCount: UInt32 = 0
    /// Whether it goes on when nobody waits for it.
    var isRefresh = false
    /// Whether it was sent although all upstreams were given up.
    var isTrial = false
    /// Whether nobody has waited for it yet: a prefetch, whose failure is nobody's.
    var isUnasked = false
    var chain = Resolver.nobody
    /// The question asked before this one, and the one after.
    var older = Resolver.nobody
    var newer = Resolver.nobody

    // Inlined: while the resolver is being changed, a call that only borrows gets a copy of the whole.

    @inline(__always)
    var hash: UInt32 { Question.hash(nameHash, type, needs) }

    @inline(__always)
    static func hash(_ nameHash: UInt32, _ type: RecordType, _ needs: DNSSECNeeds) -> UInt32 {
      let kind = UInt32(needs.rawValue) << 16 | UInt32(type.rawValue)
      return nameHash &+ kind &* 0x9E37_79B1
    }

    /// Whether it was sent without something that a server didn't bear.
    @inline(__always)
    var isSimplified: Bool {
      !touched.all.isDisjoint(with: .simplified) || phase.isTCP(because: .silence)
    }
  }

  /// A packet that was sent and whose reply is still good.
  struct Attempt: Chained {
    var question: UInt32
    var socket: SocketID
    var id: UInt16
    /// What EDNS it had.
    var edns: EDNSOffer
    /// Whether the name's letters had random case.
    var isCased: Bool
    /// Whether it had a cookie.
    var hasCookie: Bool
    /// What it did without because its upstream said nothing.
    var simplicity: Simplicity
    /// Whether a malformed reply came, or one that shows nothing but its ID.
    var isSpoiled = false
    /// Whether a reply with another's cookie came.
    var hasWrongCookie = false
    /// Whether the network said that it didn't arrive.
    var isRefused = false
    var sent: UInt64
    /// The same by ``Resolver/stopwatch``.
    var stopwatch: UInt32
    /// Next attempt of the same question.
    var next: UInt32
    var chain = Resolver.nobody

    @inline(__always)
    var hash: UInt32 { Attempt.hash(socket, id) }

    @inline(__always)
    static func hash(_ socket: SocketID, _ id: UInt16) -> UInt32 {
      UInt32(id) ^ socket.rawValue &* 0x9E37_79B1
    }
  }

  /// A client that waits for a question, or another question.
  struct Waiter: BitwiseCopyable {
    var recipient: Recipient
    /// When it has waited long enough; a question has deadlines of its own.
    var deadline = UInt64.max
    /// When it is given something stale.
    ///
    /// Counted from the question's beginning: who comes late to one that is slow doesn't wait through the same
    /// silence again.
    var patienceEnd = UInt64.max
    var next = Resolver.nobody
  }

  /// Makes a resolver with nothing in flight.
  ///
  /// - Parameter random: where IDs and sockets are drawn from: the system's generator, except in tests.
  public init(
    settings: ResolverSettings, seed: HashSeed, random: any RandomNumberGenerator, now: UInt64
  ) {
    self.settings = settings
    self.random = random
    let limit = settings.inFlightLimit
    questions = Slab(capacity: limit)
    names = BufferPool(count: limit, size: WireName.longest)
    casedNames = BufferPool(count: limit, size: WireName.longest)
    upstreamErrors = BufferPool(count: limit, size: UpstreamErrors.size)
    let attemptLimit = limit * ResolverTiming.attemptsPerPlace
    attempts = Slab(capacity: attemptLimit)
    // Each question may wait for another.
    let waiterLimit = settings.waiterLimit + limit
    waiters = Slab(capacity: waiterLimit)
    byQuestion = ChainTable(buckets: limit)
    byTransaction = ChainTable(buckets: attemptLimit / 2)
    // Behind the questions, each server has its probes' deadline.
    timers = TimerWheel(capacity: limit + ServerTable.capacity, now: now)
    actions = Queue(
      capacity: limit * 3 + ServerTable.capacity * 3,
      filler: .closeStream(.question(QuestionHandle(0, 0))))
    completions = Queue(
      capacity: waiterLimit, filler: Ended(recipient: .client(0), outcome: .overdue))
    dropped = Queue(capacity: limit, filler: HeldOverlays())
    self.seed = seed
    reply = Reply(seed: seed, rebind: settings.rebindProtection)
    let knownLimit = ServerTable.capacity * KnownQuestion.perServer
    known = FixedArray(repeating: KnownQuestion(), count: knownLimit)
    knownNames = BufferPool(count: knownLimit, size: WireName.longest)
    loopNames = BufferPool(count: ServerTable.capacity, size: Resolver.loopNameOctets)
    serverCookies = BufferPool(
      count: ServerTable.capacity, size: CookieView.serverOctets.upperBound)
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
  /// When an alias leads on, what it leads to is asked for, too; when something stale would answer, the client is
  /// completed with ``Outcome/overdue`` after ``ResolverTiming/patience``, and the question goes on without it.
  ///
  /// - Parameters:
  ///   - needs: the client's DO and CD, which go upstream as they are.
  ///   - client: a number that comes back with the completion.
  ///   - since: when the client began to wait; ``ResolverTiming/deadline`` counts from then.
  ///   - takesStale: whether it may be completed with ``Outcome/overdue``.
  public mutating func ask(
    _ key: borrowing NameKey, type: RecordType, needs: DNSSECNeeds = [], client: UInt32,
    since: UInt64, takesStale: Bool = true, cache: inout Cache, now: UInt64
  ) -> Asked {
    let needs = needs.subtracting(.unsignedToo)
    let patience =
      takesStale && hasStaleAnswer(key, type, needs, in: &cache, now: now)
      ? ResolverTiming.patience : nil
    switch request(
      key, type, needs, for: .client(client), since: since, patience: patience, now: now)
    {
    case .began: return .accepted
    case .joined: return .joined
    case .failed(let failure): return .failed(failure)
    }
  }

  /// What became of somebody's wish for an answer.
  enum Requested {
    /// A question that is new.
    case began(Int)
    /// One that was in flight already.
    case joined(Int)
    /// There is no answer, and none is waited for.
    case failed(Failure)
  }

  /// Has somebody wait for a question, which is asked if it isn't in flight.
  ///
  /// - Parameter patience: milliseconds after which a client is given something stale.
  mutating func request(
    _ key: borrowing NameKey, _ type: RecordType, _ needs: DNSSECNeeds, for recipient: Recipient,
    since: UInt64, patience: UInt64?, now: UInt64
  ) -> Requested {
    if isNeeded(by: key, type, needs, recipient) { return .failed(Failure(.endlessAliases)) }
    if let index = find(key, type, needs) {
      if let patience, min(since, questions[index].started) + patience <= now,
        completions.push(Ended(recipient: recipient, outcome: .overdue))
      {
        questions[index].isRefresh = true
        questions[index].isUnasked = false
        counters.joined += 1
        return .joined(index)
      }
      guard questions[index].waiterCount < settings.waitersPerQuestion,
        addWaiter(recipient, since: since, patience: patience, to: index)
      else {
        counters.inFlightLimit += 1
        return .failed(Failure(.overload))
      }
      if since < now || patience != nil || questions[index].phase.isEnded {
        setTimer(index, at: questions[index].due, now: now)
      }
      counters.joined += 1
      return .joined(index)
    }
    if let failure = failures.find(key, type, needs, now: now) {
      counters.failedBefore += 1
      return .failed(failure)
    }
    let draw = random.next()
    var isTrial = false
    guard let group = group(for: key.octets, type) else { return .failed(Failure(.noUpstream)) }
    guard let server = firstServer(of: group, draw, isTrial: &isTrial, now: now) else {
      return .failed(Failure(noServer(of: group)))
    }
    if questions.count == settings.inFlightLimit { displaceOldest(now: now) }
    guard let index = insertQuestion(key, type, needs, of: group, to: server, draw, now: now) else {
      counters.inFlightLimit += 1
      return .failed(Failure(.overload))
    }
    questions[index].isTrial = isTrial
    // Who has something else is not the one to find out whether anybody is there.
    if isTrial, patience != nil, completions.push(Ended(recipient: recipient, outcome: .overdue)) {
      questions[index].isRefresh = true
    } else if !addWaiter(recipient, since: since, patience: patience, to: index) {
      questions.remove(index)
      counters.inFlightLimit += 1
      return .failed(Failure(.overload))
    }
    start(index, key, draw, now: now)
    return .began(index)
  }

  /// Asks upstream for what no client waits for, to have it renewed.
  ///
  /// It takes nobody's place: a share of ``ResolverSettings/inFlightLimit`` is all that there may be
  /// in flight when it comes (``ResolverSettings/refreshShare``). A client that asks the same in the meantime joins it.
  ///
  /// - Parameter needs: as the data was asked for, or its reply would not replace it.
  public mutating func refresh(
    _ key: borrowing NameKey, type: RecordType, needs: DNSSECNeeds, now: UInt64
  ) -> Refreshed {
    if find(key, type, needs) != nil { return .isInFlight }
    guard failures.find(key, type, needs, now: now) == nil else { return .refused }
    if failures.isTooSoon(key, type, needs, now: now) { return .tooSoon }
    let draw = random.next()
    guard questions.count * 100 < settings.inFlightLimit * settings.refreshShare,
      let group = group(for: key.octets, type),
      let server = servers.first(
        of: group, draw: UInt32(truncatingIfNeeded: draw >> 32), now: now),
      let index = insertQuestion(key, type, needs, of: group, to: server, draw, now: now)
    else { return .refused }
    questions[index].isRefresh = true
    questions[index].isUnasked = true
    start(index, key, draw, now: now)
    return .started
  }

  /// Why nobody can be asked.
  mutating func noServer(of group: ServerGroupID) -> Failure.Cause {
    guard let first = servers.firstMember(of: group) else { return .noUpstream }
    counters.allDown += 1
    return servers[first].lastCause ?? .silence
  }

  /// What became of a question that nobody waits for.
  public enum Refreshed: Sendable {
    /// It was sent.
    case started
    /// It was being asked already.
    case isInFlight
    /// The same failed a moment ago.
    case tooSoon
    /// Too much is in flight, or it has failed not long before, or nobody is there to be asked.
    case refused
  }

  /// Takes a place for a question, which no table leads to yet.
  private mutating func insertQuestion(
    _ key: borrowing NameKey, _ type: RecordType, _ needs: DNSSECNeeds, of group: ServerGroupID,
    to server: ServerID, _ draw: UInt64, now: UInt64
  ) -> Int? {
    questions.insert(
      Question(
        type: type, needs: needs, nameHash: key.hash, nameCount: UInt8(key.count),
        group: group, server: server, generation: UInt32(truncatingIfNeeded: draw), started: now,
        deadline: now + ResolverTiming.deadline, earliest: now + ResolverTiming.deadline))
  }

  /// Makes a question known and sends it.
  ///
  /// - Parameter draw: random bits.
  private mutating func start(
    _ index: Int, _ key: borrowing NameKey, _ draw: UInt64, now: UInt64
  ) {
    names.store(key.octets, in: index)
    drawCase(of: key.octets, for: index)
    enqueue(index)
    byQuestion.insert(index, in: &questions)
    counters.asked += 1
    send(index, now: now, waitingAtMost: explore(index, draw))
  }

  /// Handles the deadlines that are over.
  public mutating func expire(cache: inout Cache, now: UInt64) {
    while let index = timers.popDue(now: now) {
      guard index < settings.inFlightLimit else {
        sendProbe(ServerID(index - settings.inFlightLimit), now: now)
        continue
      }
      if questions[index].spent.isOver {
        counters.overBudget += 1
        fail(index, .budget, now: now)
        continue
      }
      guard now < questions[index].deadline else {
        fail(index, now: now)
        continue
      }
      if now >= questions[index].earliest {
        guard endWaiting(index, &cache, now: now) else { continue }
        guard questions[index].waiterCount > 0 || questions[index].isRefresh else {
          fail(index, now: now)
          continue
        }
      }
      guard now >= questions[index].due else {
        setTimer(index, at: questions[index].due, now: now)
        continue
      }
      switch questions[index].phase {
      case .tcp(let attempt): noteTCPTimeout(index, attempt, now: now)
      case .udp:
        noteTimeout(index, now: now)
        retry(index, now: now)
      case .waitingForServers: retry(index, now: now)
      case .ended: break
      }
    }
  }

  /// Fails every question in flight, so that whoever waits is told: for the end of the program.
  public mutating func failAll(now: UInt64) {
    for index in 0..<questions.end where questions.contains(index) {
      fail(index, .ending, now: now)
    }
  }

  /// When ``expire(cache:now:)`` has something to do.
  public var nextDeadline: UInt64? { timers.next }

  // MARK: Out

  /// Whether ``nextAction()`` or ``nextCompletion(cache:now:)`` may have something.
  public var hasWork: Bool {
    actions.count > 0 || completions.count > 0 || dropped.count > 0
  }

  /// The next thing to be done, or nothing.
  public mutating func nextAction() -> Action? {
    while let action = actions.pop() {
      switch action {
      case .send(let query), .openStream(let query):
        // The question may have ended since, and its place may be another's.
        if case .question(let handle) = query.purpose, index(handle) == nil { continue }
        return action
      case .closeStream: return action
      }
    }
    return nil
  }

  /// The next client whose question has ended, or nothing.
  public mutating func nextCompletion(cache: inout Cache, now: UInt64) -> Completion? {
    while let ended = completions.pop() {
      switch ended.recipient {
      case .client(let client):
        return Completion(client: client, outcome: ended.outcome, overlays: ended.overlays)
      case .lookup(let handle): resume(handle, ended, cache: &cache, now: now)
      }
    }
    while let held = dropped.pop() { cache.release(held) }
    return nil
  }

  /// Whether ``nextCompletion(cache:now:)`` has something.
  public var hasCompletions: Bool { completions.count > 0 }

  /// Questions in flight.
  public var inFlight: Int { questions.count }

  /// Clients that wait for questions, and questions that wait for others.
  public var waiting: Int { waiters.count }

  /// Writes the packet that an action says to send.
  public func writeQuery(_ query: OutgoingQuery, into writer: inout MessageWriter) -> Int {
    guard case .question(let handle) = query.purpose else {
      return writeProbe(query, into: &writer)
    }
    let index = Int(handle.index)
    let needs = questions[index].needs
    writer.header(id: query.id, questionCount: 1)
    writer.octets(sentName(index, isCased: query.isCased))
    writer.number16(questions[index].type.rawValue)
    writer.number16(RecordClass.internet.rawValue)
    if query.edns != .none {
      let begin = writer.beginOPT(
        udpSize: query.edns.octets, extendedRcode: 0,
        dnssecOK: needs.contains(.signatures))
      if query.hasCookie { writeCookie(to: query.server, into: &writer) }
      writer.endRecord(begin, in: .additional)
    }
    // AD asks to be told AD (RFC 6840 §5.7).
    var flags = MessageHeader.Flag.recursionDesired | MessageHeader.Flag.authenticData
    if needs.contains(.unchecked) { flags |= MessageHeader.Flag.checkingDisabled }
    return writer.finish(flags: flags)
  }

  // MARK: Going on

  /// Asks the next upstream that has not failed for this question, or fails.
  mutating func moveOn(_ index: Int, now: UInt64) {
    guard questions[index].attemptCount < ResolverTiming.attempts, chooseNext(index, now: now)
    else {
      fail(index, now: now)
      return
    }
    send(index, now: now)
  }
}
