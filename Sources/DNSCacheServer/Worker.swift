import DNSCache
import DNSFrontend
import DNSResolver
import DNSWire
import EventLoop
import Insight
import Memory

/// All that one event loop changes: what clients may have, what is known, what is being asked, and who waits.
///
/// One value for each loop, pinned in place; sockets, timers and control reach it by handle. Nothing that
/// it calls calls back into it.
struct Worker: ~Copyable {
  var frontend: Frontend
  /// What is known.
  var cache: Cache
  /// What is being asked.
  var resolver: Resolver
  /// Where answers that had to wait, and those for streams, are written.
  private let reply: Pinned<FixedArray<UInt8>>
  private let query: Pinned<FixedArray<UInt8>>
  private let inbox: Pinned<UpstreamInbox>
  /// Whether something came lately that nobody had asked for.
  private var isFlooded = false

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
  /// What ``Resolver/upstreamsUp`` was when it was told last.
  private var upstreamsUp: UInt64
  /// The same of ``Resolver/looping``.
  private var upstreamsLooping: UInt64 = 0
  private var turnEnd: EndOfTurn?
  /// When the first reply of the present turn came, in microseconds.
  private var repliesBegan: UInt64?
  private var isTurnEndRequested = false
  private var deadline: Timer?
  /// When ``deadline`` goes off.
  private var deadlineAt: UInt64?
  /// How long the loop was held up by work that is no client's.
  var slices = SliceTimes()
  /// What is seen of queries, and how long they take.
  let seen: Pinned<Observations>
  /// When those came whose answers leave at the end of the turn, in microseconds.
  private var answered = FixedArray<UInt64>(repeating: 0, count: Worker.answersPerTurn)
  private var answeredCount = 0
  /// Where each query gets a line, if that is wanted.
  private var queryLog: QueryLog?
  /// Whether it is: all that it costs when it isn't.
  private var logsQueries = false

  /// Answers that had to wait whose time is taken together, at the end of a turn.
  private static let answersPerTurn = 256

  /// Octets that a query to an upstream takes at most: header, question, OPT.
  private static let querySize = 512

  /// Datagrams read from an upstream socket in one call while somebody sends what nobody asked for.
  private static let floodReads = 32

  /// Datagrams read from one client socket before others have their turn; the batch that gets
  /// there is answered whole.
  private static let datagramsPerTurn = 128

  /// Datagrams of a batch from which on another is looked for at once.
  private static let busyBatch = 2

  init(
    _ frontend: consuming Frontend, _ cache: consuming Cache, _ resolver: consuming Resolver
  ) {
    seen = Pinned(
      Observations(upstreams: ResolverSettings.upstreamPlaces, seed: cache.seed))
    upstreamsUp = resolver.upstreamsUp
    self.frontend = frontend
    self.cache = cache
    self.resolver = resolver
    reply = Pinned(FixedArray(repeating: 0, count: FrontendSettings.streamSize))
    query = Pinned(FixedArray(repeating: 0, count: Worker.querySize))
    inbox = Pinned(UpstreamInbox())
  }

  deinit {
    reply.destroy()
    query.destroy()
    inbox.destroy()
    seen.destroy()
  }

  /// Sets what calls ``finishTurn()``, and the timer for the resolver's deadlines.
  mutating func setTimers(_ turnEnd: EndOfTurn, _ deadline: Timer) {
    self.turnEnd = turnEnd
    self.deadline = deadline
  }

  /// Reads the clock, for whatever comes next.
  ///
  /// - Returns: microseconds; a thousandth of it is `now` to all but ``seen``.
  fileprivate mutating func readClock() -> UInt64 {
    let time = EventLoop.preciseNow()
    resolver.stopwatch = UInt32(truncatingIfNeeded: time)
    return time
  }

  // MARK: Clients over UDP

  /// Answers what waits on a client socket.
  ///
  /// While several come together, more will have come by the time that they are answered: looking for
  /// them at once is cheaper than by way of the loop.
  mutating func serve(_ socket: DatagramSocket, number: UInt32) {
    var began = readClock()
    var taken = 0
    while taken < Worker.datagramsPerTurn {
      let count = socket.receiveBatch()
      if count == 0 { break }
      let hits = serveBatch(socket, count, number: number, began: began)
      socket.flush()
      let ended = readClock()
      seen.value.noteHits(hits, microseconds: ended &- began)
      if frontend.hasFailed { noteFailures() }
      if hasFollowUp { settle(now: ended / 1_000) }
      if count < Worker.busyBatch { break }
      taken &+= count
      began = ended
    }
  }

  /// Answers what waits on all client sockets, in the midst of other work.
  mutating func serveDatagrams() {
    for (number, socket) in datagrams.enumerated() { serve(socket, number: UInt32(number)) }
  }

  /// Answers the datagrams of a batch.
  ///
  /// - Returns: how many were hits.
  @inline(__always)
  private mutating func serveBatch(
    _ socket: DatagramSocket, _ count: Int, number: UInt32, began: UInt64
  ) -> UInt64 {
    let now = began / 1_000
    for index in 0..<count { frontend.note(socket.received(index), as: index) }
    if count > 1 { frontend.anticipate(count, in: cache) }
    sample(socket, of: count, at: began)
    var hits: UInt64 = 0
    if logsQueries {
      for index in 0..<count where serveLogged(socket, index, number: number, now: now) {
        hits &+= 1
      }
    } else {
      for index in 0..<count
      where serve(socket, index, number: number, began: began, now: now) {
        hits &+= 1
      }
    }
    return hits
  }

  /// Whether queries left something for ``settle(now:)``: hits alone leave nothing, and are most.
  private var hasFollowUp: Bool {
    resolver.hasWork || cache.hasAgeing || deadlineToSet != nil
  }

  /// Counts a query of a batch for all of them.
  @inline(never)
  private func sample(_ socket: DatagramSocket, of count: Int, at time: UInt64) {
    guard let sample = seen.value.sample(of: count, at: time) else { return }
    note(
      sample, noted: sample.index, socket.received(sample.index),
      from: IPAddress(socket.sender(sample.index)))
  }

  /// Counts who sent a packet that was noted, and what it asks for.
  private func note(
    _ sample: Sampler.Sample, noted index: Int, _ packet: Span<UInt8>, from client: IPAddress
  ) {
    seen.value.noteClient(client, weight: sample.weight)
    if let type = frontend.notedType(index, of: packet) {
      seen.value.noteName(
        frontend.notedName(index), hash: frontend.notedHash(index), type, weight: sample.weight)
    }
  }

  /// Counts the questions that were answered with SERVFAIL.
  @inline(never)
  private mutating func noteFailures() {
    let seen = seen
    frontend.takeFailed { name, hash, type, reason in
      seen.value.noteFailure(name, hash: hash, type, reason: UInt16(reason.rawValue))
    }
  }

  /// Answers one datagram: all that a hit costs beside its share of the batch.
  ///
  /// - Returns: whether it was a hit.
  @inline(never)
  private mutating func serve(
    _ socket: DatagramSocket, _ index: Int, number: UInt32, began: UInt64, now: UInt64
  ) -> Bool {
    var client: UInt32?
    var isHit = false
    socket.withReply(toReceived: index) { reply in
      switch frontend.receive(
        socket.received(index), noted: index, from: IPAddress(socket.sender(index)), over: .udp,
        reply: &reply, cache: &cache, resolver: &resolver, now: now)
      {
      case .reply(let count, let source):
        isHit = source == .hit
        return count
      case .withheld, .ignored: return 0
      case .waiting(let number):
        client = number
        return 0
      }
    }
    if let client {
      frontend.keep(ReturnPath(socket.peer(index), source: number, arrived: began), for: client)
    }
    return isHit
  }

  /// Has each query get a line of the log from now on, or none.
  mutating func logQueries(to sink: LogSink?) {
    queryLog = sink.map { QueryLog($0) }
    logsQueries = queryLog != nil
  }

  /// Answers one datagram, and writes its line.
  ///
  /// - Returns: whether it was a hit.
  @inline(never)
  private mutating func serveLogged(
    _ socket: DatagramSocket, _ index: Int, number: UInt32, now: UInt64
  ) -> Bool {
    guard let queryLog else { return false }
    let began = EventLoop.preciseNow()
    let address = IPAddress(socket.sender(index))
    var client: UInt32?
    var isHit = false
    socket.withReply(toReceived: index) { reply in
      let query = socket.received(index)
      let verdict = frontend.receive(
        query, noted: index, from: address, over: .udp, reply: &reply, cache: &cache,
        resolver: &resolver, now: now)
      queryLog.note(
        query, verdict, reply.span, from: address, isTCP: false, began: began)
      switch verdict {
      case .reply(let count, let source):
        isHit = source == .hit
        return count
      case .withheld, .ignored: return 0
      case .waiting(let number):
        client = number
        return 0
      }
    }
    if let client {
      frontend.keep(ReturnPath(socket.peer(index), source: number, arrived: began), for: client)
    }
    return isHit
  }

  // MARK: Clients over TCP

  /// Answers a message that came on a stream.
  ///
  /// - Returns: what became of it.
  mutating func serve(
    _ message: Span<UInt8>, from peer: SocketAddress, stream: UInt32,
    _ answer: (Span<UInt8>) -> Void
  ) -> Frontend.Verdict {
    let began = readClock()
    let address = IPAddress(peer)
    frontend.note(message, as: 0)
    if let sample = seen.value.sample(of: 1, at: began) {
      note(sample, noted: 0, message, from: address)
    }
    // Copied: borrowing `self.reply` would overlap with the change of what else is in `self`.
    let buffer = reply
    var target = buffer.value.mutableSpan
    let verdict = frontend.receive(
      message, noted: 0, from: address, over: .tcp, reply: &target, cache: &cache,
      resolver: &resolver, now: began / 1_000)
    if logsQueries {
      queryLog?.note(
        message, verdict, buffer.value.span, from: address, isTCP: true, began: began)
    }
    if frontend.hasFailed { noteFailures() }
    switch verdict {
    case .reply(let count, let source):
      answer(buffer.value.span.extracting(0..<count))
      if source == .hit { seen.value.noteHits(1, microseconds: EventLoop.preciseNow() &- began) }
    case .waiting(let client):
      frontend.keep(ReturnPath(source: stream, arrived: began), for: client)
    case .withheld, .ignored: break
    }
    return verdict
  }

  // MARK: Upstream

  /// Reads what waits on an upstream socket; it is taken in at the end of the turn.
  mutating func receive(from member: DatagramGroup.Member, number: Int, in group: DatagramGroup) {
    beginReplies()
    // One reply at a time: with hundreds of sockets there is seldom another on the same.
    for _ in 0..<(isFlooded ? Worker.floodReads : 1) {
      guard inbox.value.read(from: member, number: number, in: group) else { break }
      if inbox.value.isFull { takeReplies() }
    }
    requestTurnEnd()
  }

  /// Takes in what was read from upstream.
  ///
  /// Whatever else changes what is in flight does it first, so that things keep their order.
  mutating func takeReplies() {
    // A handle of our own: the compiler sees that the datagrams are no part of what else changes.
    let inbox = inbox
    let count = inbox.value.count
    if count == 0 { return }
    let now = readClock() / 1_000
    let mismatched = resolver.counters.mismatched
    if count > 1 {
      for index in 0..<count {
        frontend.noteUpstream(
          inbox.value.octets(index), socket: inbox.value.socket(index), resolver: resolver)
      }
      frontend.anticipateReplies(cache: cache, resolver: resolver)
    }
    var lent = LentSocket()
    for index in 0..<count {
      resolver.receive(
        inbox.value.octets(index), socket: inbox.value.socket(index), cache: &cache, now: now)
      if let trip = resolver.takeRoundTrip() {
        seen.value.noteRoundTrip(
          upstream: trip.upstream, microseconds: UInt64(trip.microseconds))
      }
      settleReplies(now: now, &lent)
    }
    inbox.value.removeAll()
    settle(now: now)
    isFlooded = resolver.counters.mismatched != mismatched
  }

  /// Takes in a message that came on a TCP connection to an upstream; ``settle(now:)`` follows.
  mutating func receive(_ message: Span<UInt8>, for question: QuestionHandle, now: UInt64) {
    beginReplies()
    _ = readClock()
    resolver.receiveStream(message, for: question, cache: &cache, now: now)
    settleReplies(now: now)
  }

  /// Notes when the replies of a turn began.
  private mutating func beginReplies() {
    if repliesBegan == nil { repliesBegan = EventLoop.microseconds() }
  }

  // MARK: What follows

  /// The same, at a time when nothing has read the clock.
  mutating func settle() { settle(now: readClock() / 1_000) }

  /// Does what the resolver wants done and composes the answers that are ready, to be sent at the end of
  /// the turn; call it after everything that changes the resolver.
  mutating func settle(now: UInt64) {
    settleReplies(now: now)
    // Held once for all that there is to do.
    if let upstreams, let upstreamStreams {
      while let action = resolver.nextAction() {
        perform(action, upstreams, upstreamStreams, now: now)
        if resolver.hasCompletions { settleReplies(now: now) }
      }
    }
    requestTurnEnd()
  }

  private mutating func requestTurnEnd() {
    if isTurnEndRequested { return }
    isTurnEndRequested = true
    turnEnd?.request()
  }

  /// Takes in the turn's replies, sends the answers that were composed in it, and sets the timer.
  ///
  /// Once a turn: replies come from upstream one a call, and their answers leave in batches.
  mutating func finishTurn() {
    takeReplies()
    isTurnEndRequested = false
    if let repliesBegan { slices.noteReplies(since: repliesBegan) }
    repliesBegan = nil
    for socket in datagrams { socket.flush() }
    let time = readClock()
    noteAnswered(at: time)
    setDeadline(now: time / 1_000)
    if resolver.upstreamsUp != upstreamsUp
      || resolver.looping != upstreamsLooping
    {
      upstreamsUp = resolver.upstreamsUp
      upstreamsLooping = resolver.looping
      healthLog?.noteChange()
    }
  }

  private mutating func perform(
    _ action: Action, _ upstreams: UpstreamSockets, _ streams: UpstreamStreams, now: UInt64
  ) {
    let buffer = query
    switch action {
    case .send(let outgoing):
      var target = buffer.value.mutableSpan
      var writer = MessageWriter(&target, limit: target.count)
      let count = resolver.writeQuery(outgoing, into: &writer)
      guard let socket = outgoing.socket else { return }
      if !upstreams.send(buffer.value.span.extracting(0..<count), from: socket) {
        resolver.socketFailed(socket, id: outgoing.id, now: now)
      }
    case .openStream(let outgoing):
      var target = buffer.value.mutableSpan
      var writer = MessageWriter(&target, limit: target.count)
      let count = resolver.writeQuery(outgoing, into: &writer)
      if !streams.open(outgoing, query: buffer.value.span.extracting(0..<count)) {
        resolver.streamFailed(outgoing.question, now: now)
      }
    case .closeStream(let question):
      streams.close(question)
    }
  }

  /// The client socket that the last answer left from, held so that the next needn't count references.
  private struct LentSocket {
    var number = UInt32.max
    var socket: DatagramSocket?
  }

  private mutating func settleReplies(now: UInt64) {
    var lent = LentSocket()
    settleReplies(now: now, &lent)
  }

  /// Sends the answers that no longer have to wait.
  private mutating func settleReplies(now: UInt64, _ lent: inout LentSocket) {
    let buffer = reply
    while true {
      var target = buffer.value.mutableSpan
      guard
        let ready = frontend.nextReply(
          into: &target, cache: &cache, resolver: &resolver, now: now)
      else { return }
      if frontend.hasFailed { noteFailures() }
      if answeredCount == answered.count { noteAnswered(at: EventLoop.preciseNow()) }
      answered[answeredCount] = ready.path.arrived
      answeredCount += 1
      let octets = buffer.value.span.extracting(0..<ready.count)
      if logsQueries { queryLog?.note(ready, answer: octets) }
      switch ready.transport {
      case .udp:
        let number = ready.path.source
        if lent.number != number {
          lent = LentSocket(number: number, socket: datagrams[Int(number)])
        }
        lent.socket?.withReply(to: Peer(ready)) { target in
          target.store(octets, 0)
          return octets.count
        }
      case .tcp:
        streams?.send(octets, to: ready.path.source)
      }
    }
  }

  /// Notes how long those waited who were answered since the last call.
  private mutating func noteAnswered(at time: UInt64) {
    for index in 0..<answeredCount {
      seen.value.noteMiss(microseconds: time &- min(answered[index], time))
    }
    answeredCount = 0
  }

  /// The resolver's next deadline, unless the timer goes off by then.
  private var deadlineToSet: UInt64? {
    guard let due = resolver.nextDeadline else { return nil }
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
    deadlineAt = nil
    let now = readClock() / 1_000
    resolver.expire(now: now)
    settle(now: now)
  }
}

extension Worker {
  /// Tells every client that waits that there is no answer: for the end of the program.
  mutating func failWaiting() {
    let now = readClock() / 1_000
    resolver.failAll(now: now)
    settle(now: now)
    finishTurn()
  }

  /// Whether answers wait for the kernel to take them.
  var hasUnsentAnswers: Bool {
    datagrams.contains { $0.unsentReplies > 0 } || streams?.isFlushing == true
  }

  /// What was sent from an upstream socket can't reach its upstream.
  ///
  /// - Parameter query: the packet, as far as the network sent it back.
  mutating func upstreamFailed(_ socket: Int, query: Span<UInt8>) {
    takeReplies()
    let now = readClock() / 1_000
    resolver.socketFailed(
      socket, id: query.count >= 2 ? query.load16(0) : nil, now: now)
    settle(now: now)
  }

  /// This host's links, addresses or routes have changed.
  mutating func networkChanged() {
    takeReplies()
    let now = readClock() / 1_000
    resolver.networkChanged(now: now)
    settle(now: now)
  }

  /// A question's TCP connection ended.
  mutating func upstreamStreamFailed(_ question: QuestionHandle) {
    let now = readClock() / 1_000
    resolver.streamFailed(question, now: now)
    settle(now: now)
  }
}
