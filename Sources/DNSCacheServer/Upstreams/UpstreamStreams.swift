import Configuration
import DNSExchange
import DNSResolver
import DNSWire
import EventLoop
import Memory
import System

/// The TCP connections to upstreams: few, kept for further questions, with many under way on each
/// (RFC 7766 §6.2).
///
/// A question that finds no room waits, as long as the resolver waits for its reply: that we are busy
/// is no fault of the upstream's. One whose connection ends before its reply is sent once more, on a
/// connection made since, for an upstream may close an idle connection at any time (§6.2.4).
final class UpstreamStreams {
  /// Connections to one upstream at most.
  private(set) var connectionLimit: Int
  /// Questions under way on a connection from which on another one is made, up to ``connectionLimit``.
  ///
  /// Some upstreams answer in the order of the questions only, so that one that takes long holds up all behind
  /// it: questions share a connection when there can be no other.
  private static let spread = 1
  /// Connections at most for each that there may be, those among them that have fallen silent.
  private static let mostForEach = 2
  /// Questions on one connection at most, over its life.
  private(set) var questionsPerConnection: Int
  /// Milliseconds that a connection without a question stays open (RFC 7766 §6.2.3: a few seconds).
  static let idleTimeout: UInt64 = 10_000
  /// Questions for one upstream at most that wait for a connection; those beyond wait for their time to
  /// be over.
  private static let queueLimit = 1_024
  /// An upstream that closes so soon after a reply, in milliseconds, means to.
  private static let promptly: UInt64 = 500
  /// Milliseconds after which it is forgotten that an upstream takes few questions on a connection.
  private static let memory: UInt64 = 600_000

  let loop: EventLoop
  private let worker: Pinned<Worker>
  let budget: TickBudget
  /// By the servers' slots.
  private var lanes: [Lane] = []
  /// Where questions are under way: on one connection, or on a silent one and another.
  private var places: [Purpose: [UpstreamConnection]] = [:]
  /// Questions that wait for a connection.
  private var waiting: [Purpose: StreamQuery] = [:]
  private var nextNumber: UInt64 = 1
  /// Connections that were closed and may be in the middle of a call.
  private var closed: [UpstreamConnection] = []
  private var isDispatchDue = false
  /// A reply with the ID that the resolver knows its question by.
  private let reply = Pinned(FixedArray<UInt8>(repeating: 0, count: Int(UInt16.max)))

  /// What the connections have done so far.
  private(set) var counters = Counters()

  struct Counters {
    /// Connections made.
    var made: UInt64 = 0
    /// Questions sent on a connection that had been used before.
    var reused: UInt64 = 0
    /// Questions sent again because their connection ended before the reply.
    var repeated: UInt64 = 0
    /// Questions sent behind others on a connection since there can be no other.
    var shared: UInt64 = 0
    /// Questions that had to wait because of the limits on connections.
    var limited: UInt64 = 0
    /// Questions that could not even wait.
    var queueLimit: UInt64 = 0
    /// Messages that answer nothing that was asked on their connection.
    var unexpected: UInt64 = 0
    /// Connections that were silent for so long that they got no more questions.
    var silent: UInt64 = 0
  }

  /// Questions that get no reply over TCP, until they are taken.
  private var failed: [Purpose] = []
  private lazy var whenFailed = EndOfTick(on: loop) { [worker] in
    worker.value.takeStreamFailures()
  }

  /// What there is for one upstream.
  private struct Lane {
    let address: Endpoint
    /// Whether the upstream is asked no more.
    var isRetired = false
    var connections: [UpstreamConnection] = []
    /// Who waits, first come first; some may wait no more.
    var queue: [Purpose] = []
    /// Questions after which the upstream was seen to close a connection, and when.
    var closesAfter: (questions: Int, since: UInt64)?
  }

  init(
    on loop: EventLoop, limits: Settings.ResolverLimits, worker: Pinned<Worker>, budget: TickBudget
  ) {
    self.loop = loop
    connectionLimit = limits.connections
    questionsPerConnection = limits.questionsPerConnection
    self.worker = worker
    self.budget = budget
  }

  // MARK: Changes

  /// Takes over other limits; connections beyond them end in their time.
  func reconfigure(_ limits: Settings.ResolverLimits) {
    connectionLimit = limits.connections
    questionsPerConnection = limits.questionsPerConnection
  }

  /// Has connections made to a server; those to another that had its slot end.
  func add(_ upstream: Endpoint, for server: ServerID) {
    let place = server.slot
    while lanes.count <= place { lanes.append(Lane(address: upstream)) }
    for connection in lanes[place].connections { end(connection) }
    lanes[place] = Lane(address: upstream)
  }

  /// Ends the connections to an upstream that is asked no more: what is under way on them, or waits for
  /// one, is asked elsewhere.
  func retire(_ server: ServerID) {
    let place = server.slot
    guard place < lanes.count else { return }
    lanes[place].isRetired = true
    for connection in lanes[place].connections { end(connection) }
    let queue = lanes[place].queue
    lanes[place].queue = []
    for question in queue where waiting[question]?.outgoing.server == server {
      waiting[question] = nil
      fail(question)
    }
  }

  deinit { reply.destroy() }

  /// Connections open now.
  var count: Int { lanes.reduce(0) { $0 + $1.connections.count } }

  /// Connections to one upstream open now.
  func count(to server: ServerID) -> Int {
    server.slot < lanes.count ? lanes[server.slot].connections.count : 0
  }

  // MARK: What the resolver wants

  /// Sends a query, at once or when a connection has room; false when there is no way to the upstream.
  func open(_ outgoing: OutgoingQuery, query: Span<UInt8>) -> Bool {
    let query = StreamQuery(outgoing: outgoing, octets: query.indices.map { query[$0] })
    let upstream = outgoing.server.slot
    guard upstream < lanes.count else { return false }
    if lanes[upstream].queue.isEmpty {
      switch place(query) {
      case .sent: return true
      case .unreachable: return false
      case .noRoom: break
      }
    }
    counters.limited += 1
    guard lanes[upstream].queue.count < UpstreamStreams.queueLimit else {
      counters.queueLimit += 1
      return true
    }
    waiting[outgoing.purpose] = query
    lanes[upstream].queue.append(outgoing.purpose)
    return true
  }

  /// Forgets a question that has ended or is given up.
  func close(_ question: Purpose) {
    waiting[question] = nil
    for connection in places.removeValue(forKey: question) ?? []
    where connection.forget(question) {
      // What else is under way on it has to be asked elsewhere, but not now: the resolver is in the
      // middle of something, perhaps of giving up those, too.
      loop.onNextTick { [weak self] in self?.end(connection) }
    }
    dispatchSoon()
  }

  /// Gives up all connections: the host's addresses or routes have changed.
  func networkChanged() {
    for connection in lanes.flatMap(\.connections) { end(connection) }
  }

  // MARK: Sending

  private enum Placement {
    case sent
    case noRoom
    case unreachable
  }

  private func place(_ query: StreamQuery) -> Placement {
    let upstream = query.outgoing.server.slot
    forgetIfOld(upstream)
    let limit = lanes[upstream].closesAfter?.questions ?? questionsPerConnection
    for connection in lanes[upstream].connections where connection.isDone(limit: limit) {
      end(connection)
    }
    let best = lanes[upstream].connections.filter { $0.canTake(query, limit: limit) }
      .min { $0.load < $1.load }
    if let best, best.load < UpstreamStreams.spread {
      send(query, on: best)
      return .sent
    }
    if hasRoom(for: upstream) {
      if let connection = connect(upstream) {
        send(query, on: connection)
        return .sent
      }
      if best == nil { return .unreachable }
    }
    guard let best else { return .noRoom }
    counters.shared += 1
    send(query, on: best)
    return .sent
  }

  /// Whether there may be one more connection to an upstream; beside one that has fallen silent there may,
  /// for what waits on that.
  private func hasRoom(for upstream: Int) -> Bool {
    let connections = lanes[upstream].connections
    return connections.count { !$0.isSilent } < connectionLimit
      && connections.count < connectionLimit * UpstreamStreams.mostForEach
  }

  private func send(_ query: StreamQuery, on connection: UpstreamConnection) {
    if connection.asked > 0 { counters.reused += 1 }
    places[query.outgoing.purpose, default: []].append(connection)
    connection.send(query)
  }

  private func connect(_ upstream: Int) -> UpstreamConnection? {
    guard
      let connection = try? UpstreamConnection(
        to: lanes[upstream].address, upstream: upstream, number: nextNumber, owner: self)
    else { return nil }
    nextNumber += 1
    counters.made += 1
    lanes[upstream].connections.append(connection)
    return connection
  }

  private func forgetIfOld(_ upstream: Int) {
    guard let since = lanes[upstream].closesAfter?.since,
      EventLoop.now() >= since + UpstreamStreams.memory
    else { return }
    lanes[upstream].closesAfter = nil
  }

  /// Sends what waits, on the next tick.
  private func dispatchSoon() {
    guard !isDispatchDue, !waiting.isEmpty else { return }
    isDispatchDue = true
    loop.onNextTick { [weak self] in
      guard let self else { return }
      isDispatchDue = false
      for upstream in lanes.indices { dispatch(upstream) }
    }
  }

  private func dispatch(_ upstream: Int) {
    var unreachable: [Purpose] = []
    sending: while let next = lanes[upstream].queue.first {
      guard let query = waiting[next] else {
        lanes[upstream].queue.removeFirst()
        continue
      }
      switch place(query) {
      case .noRoom: break sending
      case .sent: break
      case .unreachable: unreachable.append(next)
      }
      waiting[next] = nil
      lanes[upstream].queue.removeFirst()
    }
    for question in unreachable { fail(question) }
  }

  /// Notes that a question gets no reply over TCP.
  ///
  /// The worker takes it at the end of the tick: it may be the worker that had a connection ended.
  private func fail(_ question: Purpose) {
    failed.append(question)
    whenFailed.request()
  }

  /// The questions that get no reply over TCP, each once.
  func takeFailed() -> [Purpose] {
    defer { failed = [] }
    return failed
  }

  // MARK: What connections tell

  /// Hands a message to the resolver under the ID that it chose.
  func receive(_ message: Span<UInt8>, for outgoing: OutgoingQuery, now: UInt64) {
    let buffer = reply
    var target = buffer.value.mutableSpan
    target.store(message, 0)
    target[0] = UInt8(outgoing.id >> 8)
    target[1] = UInt8(truncatingIfNeeded: outgoing.id)
    worker.value.receive(
      buffer.value.span.extracting(0..<message.count), for: outgoing.purpose, now: now)
  }

  /// Does what follows from the messages that were handed in.
  func drainActions(now: UInt64, _ upstream: Int) {
    worker.value.drainActions(now: now)
    dispatch(upstream)
  }

  func noteUnexpected() { counters.unexpected += 1 }

  func noteSilence() { counters.silent += 1 }

  /// A connection has not had a reply for a while.
  func checkSilence(of connection: UpstreamConnection) {
    let silenced = connection.takeSilenced(now: EventLoop.now())
    guard !silenced.isEmpty else { return }
    repeatOnFresh(silenced, to: connection.upstream)
  }

  /// Ends a connection, if that was not done before: what it owes is sent once more, or has failed.
  func end(_ connection: UpstreamConnection) {
    let upstream = connection.upstream
    guard let index = lanes[upstream].connections.firstIndex(where: { $0 === connection })
    else { return }
    lanes[upstream].connections.remove(at: index)
    if closed.isEmpty { loop.onNextTick { [weak self] in self?.closed.removeAll() } }
    closed.append(connection)
    let now = EventLoop.now()
    let open = connection.end()
    if connection.answered > 0, !open.isEmpty,
      now < connection.lastReply + UpstreamStreams.promptly
    {
      lanes[upstream].closesAfter = (connection.answered, now)
    }
    // Twice several questions and no reply: an upstream that closes with questions unread resets the
    // connection, which takes its reply away, too. Each is sent alone then.
    let isReset = connection.answered == 0 && open.count > 1 && open.contains { $0.isRepeated }
    if isReset { lanes[upstream].closesAfter = (1, now) }
    var again: [StreamQuery] = []
    var lost: [Purpose] = []
    for query in open {
      let question = query.outgoing.purpose
      places[question]?.removeAll { $0 === connection }
      guard places[question]?.isEmpty ?? true, waiting[question] == nil else { continue }
      places[question] = nil
      // A connection that never came to be would not the next time either. What the upstream closed in
      // front of after a reply to another question is not at fault, and the limit learned ends that.
      if !lanes[upstream].isRetired,
        connection.isConnected && (!query.isRepeated || connection.answered > 0 || isReset)
      {
        again.append(query)
      } else {
        lost.append(question)
      }
    }
    repeatOnFresh(again, to: upstream)
    for question in lost { fail(question) }
  }

  /// Puts questions in front of the queue, for connections not made yet.
  private func repeatOnFresh(_ queries: [StreamQuery], to upstream: Int) {
    counters.repeated += UInt64(queries.count)
    for var query in queries {
      query.firstConnection = nextNumber
      waiting[query.outgoing.purpose] = query
    }
    lanes[upstream].queue.insert(contentsOf: queries.map(\.outgoing.purpose), at: 0)
    dispatchSoon()
  }
}
