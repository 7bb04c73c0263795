import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import Memory
import Observability

/// All that one event loop changes: what clients may have, what is known, what is being asked, and who waits.
///
/// One value for each loop, pinned in place; sockets, timers and control reach it by handle. Nothing that
/// it calls calls back into it.
struct Worker: ~Copyable {
  var service: Service
  /// What is known.
  var cache: Cache
  /// What is being asked.
  var resolver: Resolver
  /// What is decided by the name alone: lent to the service and the resolver, which changes it with the routes.
  let policy: Pinned<Policy>
  /// Where answers that had to wait, and those for streams, are written.
  let reply: Pinned<FixedArray<UInt8>>
  let query: Pinned<FixedArray<UInt8>>
  let inbox: Pinned<UpstreamInbox>
  /// Whether something came lately that nobody had asked for.
  var isFlooded = false

  /// The sockets that clients' datagrams come in on.
  ///
  /// A listener's place is its socket's number; one that is closed stays until another takes its place.
  var datagrams: [DatagramSocket] = []
  /// What sockets did whose places others have.
  var pastDatagrams = DatagramCounters()
  /// The streams that clients have open.
  var streams: ClientStreams?
  var upstreams: UpstreamSockets?
  var upstreamStreams: UpstreamStreams?
  var networkWatch: NetworkWatch?
  /// Is told when an upstream is down that was up, or the other way round, and when one sends us our own queries.
  var healthLog: UpstreamHealthLog?
  /// What ``Resolver/serverNews`` was when it was told last.
  private var serverNews: UInt64 = 0
  private var tickEnd: EndOfTick?
  /// When the first reply of the present tick came, in microseconds.
  var repliesBegan: UInt64?
  private var isTickEndRequested = false
  private var deadline: Timer?
  /// When ``deadline`` goes off.
  private var deadlineAt: UInt64?
  /// How long background work held up the loop.
  var slices = SliceTimes()
  /// What is seen of queries, and how long they take.
  let seen: Pinned<Observations>
  /// When those came whose answers leave at the end of the tick, in microseconds.
  var answered = FixedArray<UInt64>(repeating: 0, count: Worker.answersPerTick)
  var answeredCount = 0
  /// The last queries, for people.
  let ring: Pinned<QueryRing>
  /// What became of the queries of a batch.
  var outcomes = FixedArray(repeating: QueryOutcome(nil), count: Service.anticipated)
  /// Where each query gets a line; nil, for one comparison a query, when that is not wanted.
  var queryLog: QueryLog?

  /// Answers that had to wait whose time is taken together, at the end of a tick.
  private static let answersPerTick = 256

  /// Octets that a query to an upstream takes at most: header, question, OPT.
  private static let querySize = 512

  init(
    _ service: consuming Service, _ cache: consuming Cache, _ resolver: consuming Resolver,
    _ policy: Pinned<Policy>
  ) {
    self.policy = policy
    seen = Pinned(
      Observations(upstreams: ServerID.limit, seed: cache.seed))
    self.service = service
    self.cache = cache
    self.resolver = resolver
    reply = Pinned(FixedArray(repeating: 0, count: ServiceSettings.streamSize))
    query = Pinned(FixedArray(repeating: 0, count: Worker.querySize))
    inbox = Pinned(UpstreamInbox())
    ring = Pinned(QueryRing(capacity: 0))
  }

  deinit {
    reply.destroy()
    query.destroy()
    inbox.destroy()
    seen.destroy()
    ring.destroy()
    policy.destroy()
  }

  /// Sets what calls ``finishTick()``, and the timer for the resolver's deadlines.
  mutating func setTimers(_ tickEnd: EndOfTick, _ deadline: Timer) {
    self.tickEnd = tickEnd
    self.deadline = deadline
  }

  /// Reads the clock, for whatever comes next.
  ///
  /// - Returns: microseconds; a thousandth of it is `now` to all but ``seen``.
  mutating func readClock() -> UInt64 {
    let time = EventLoop.preciseNow()
    resolver.exchanges.stopwatch = UInt32(truncatingIfNeeded: time)
    return time
  }

  /// Counts who sent a packet that was noted, and what it asks for.
  mutating func note(
    _ sample: Sampler.Sample, noted index: Int, _ packet: Span<UInt8>, from client: IPAddress
  ) {
    seen.value.noteClient(client, weight: sample.weight)
    let seen = seen
    service.visitNoted(index, of: packet) { name, hash, type in
      seen.value.noteName(name, hash: hash, type, weight: sample.weight)
    }
  }

  /// Counts the questions that were answered with SERVFAIL.
  @inline(never)
  mutating func noteFailures() {
    let seen = seen
    service.takeFailed { name, hash, type, reason in
      seen.value.noteFailure(name, hash: hash, type, reason: UInt16(reason.rawValue))
    }
  }

  /// Keeps so many of the last queries from now on, and forgets those before.
  mutating func keepQueries(_ count: Int, _ privacy: QueryPrivacy) {
    if count != ring.value.capacity { ring.value = QueryRing(capacity: count) }
    ring.value.privacy = privacy
  }

  /// What became of a query that was answered at once.
  @inline(__always)
  func outcome(_ verdict: Service.Verdict, rcode: UInt8) -> QueryOutcome {
    switch verdict {
    case .reply(_, .blocked): QueryOutcome(.blocked, rcode: rcode & 0xF, list: blockingList)
    case .reply(_, let source): QueryOutcome(source, rcode: rcode & 0xF)
    case .withheld: QueryOutcome(.limited)
    case .ignored, .waiting: QueryOutcome(nil)
    }
  }

  /// The list that blocked the last question that was blocked.
  var blockingList: UInt8 {
    if case .list(let number) = service.blockedBy {
      UInt8(clamping: number)
    } else {
      QueryOutcome.none
    }
  }

  /// Has each query get a line of the log from now on, or none.
  mutating func logQueries(to sink: LogSink?) {
    queryLog = sink.map { QueryLog($0) }
  }

  // MARK: Ticks and deadlines

  mutating func requestTickEnd() {
    if isTickEndRequested { return }
    isTickEndRequested = true
    tickEnd?.request()
  }

  /// Takes in the tick's replies, sends the answers that were composed in it, and sets the timer.
  ///
  /// Once a tick: replies come from upstream one a call, and their answers leave in batches.
  mutating func finishTick() {
    takeReplies()
    isTickEndRequested = false
    if let repliesBegan { slices.noteReplies(since: repliesBegan) }
    repliesBegan = nil
    for socket in datagrams { socket.flush() }
    let time = readClock()
    noteAnswered(at: time)
    setDeadline(now: time / 1_000)
    if resolver.exchanges.serverNews != serverNews {
      serverNews = resolver.exchanges.serverNews
      healthLog?.noteChange()
    }
  }

  /// The resolver's next deadline, unless the timer goes off by then.
  var deadlineToSet: UInt64? {
    guard let due = resolver.exchanges.nextDeadline else { return nil }
    // A timer that goes off too early finds nothing to do and is set again; that is cheaper than
    // setting it for each question.
    if let deadlineAt, deadlineAt <= due { return nil }
    return due
  }

  /// Makes sure that the resolver is called at its next deadline.
  private mutating func setDeadline(now: UInt64) {
    guard let due = deadlineToSet else { return }
    deadlineAt = due
    deadline?.schedule(after: due > now ? due - now : 1)
  }

  /// The deadline timer went off.
  mutating func deadlinePassed() {
    takeReplies()
    takeStreamFailures()
    deadlineAt = nil
    let now = readClock() / 1_000
    resolver.expire(cache: &cache, now: now)
    drainActions(now: now)
  }

  // MARK: The end

  /// Tells every client that waits that there is no answer: for the end of the program.
  mutating func failWaiting() {
    let now = readClock() / 1_000
    resolver.failAll(now: now)
    drainActions(now: now)
    finishTick()
  }

  /// Whether answers wait for the kernel to take them.
  var hasUnsentAnswers: Bool {
    datagrams.contains { $0.unsentReplies > 0 } || streams?.isFlushing == true
  }
}
