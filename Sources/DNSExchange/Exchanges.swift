import DNSWire
import Memory

/// Questions to servers, as a state machine without I/O: whom to ask, which reply to believe, when to ask again.
///
/// An exchange is one question to one group of servers, over any transport, until there is a believable reply or none
/// is to be had. Each packet to a server is a ``Transmission``; its reply is good until the exchange ends. What is to
/// be done comes out by ``nextAction()``, and which exchanges have failed by ``nextFailed()``; take both until they
/// return nothing after every call that changes state. What a reply says is for the owner to judge: what it makes of
/// ``Received`` it tells by ``accept(_:octets:isPositive:now:)`` or ``refuse(_:as:now:)``.
///
/// An exchange's identifier is good until ``remove(_:)``; the owner may keep what it likes by its slot.
public struct Exchanges: ~Copyable {
  /// What bounds the work.
  public internal(set) var settings: ExchangeSettings
  /// What has been done so far.
  public internal(set) var counters = ExchangeCounters()
  /// Groups of servers that may have any.
  var groupCount = 1
  /// Servers that turned out to send us our own queries, up to now.
  var loopsFound: UInt64 = 0

  var exchanges: Slab<Exchange>
  /// The names asked for in lower case, and as they are sent.
  var names: BufferPool
  var mixedCaseNames: BufferPool
  var transmissions: Slab<Transmission>
  var byQuestion: ChainTable
  var byTransaction: ChainTable
  var timers: TimerWheel
  var actions: Queue<Action>
  /// Those that have failed and whose owner doesn't know yet.
  var failed: Queue<ExchangeHandle>
  /// The name of a reply's question.
  var question: NameKey
  /// For each exchange what a server said of its error.
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
  /// Whether a server came back that had been down for a while: what failed meanwhile would be answered now.
  var hasOutageEnded = false

  /// Makes a state with nothing in flight.
  ///
  /// - Parameters:
  ///   - seed: what names are hashed with.
  ///   - random: where IDs and sockets are drawn from: the system's generator, except in tests.
  public init(
    settings: ExchangeSettings, seed: HashSeed, random: any RandomNumberGenerator, now: UInt64
  ) {
    self.settings = settings
    self.random = random
    let limit = settings.inFlightLimit
    exchanges = Slab(capacity: limit)
    names = BufferPool(count: limit, size: WireName.longest)
    mixedCaseNames = BufferPool(count: limit, size: WireName.longest)
    upstreamErrors = BufferPool(count: limit, size: UpstreamErrors.size)
    let transmissionLimit = limit * ExchangeTiming.attemptsPerPlace
    transmissions = Slab(capacity: transmissionLimit)
    byQuestion = ChainTable(buckets: limit)
    byTransaction = ChainTable(buckets: transmissionLimit / 2)
    // Behind the exchanges, each server has its probes' deadline.
    timers = TimerWheel(capacity: limit + ServerTable.capacity, now: now)
    actions = Queue(
      capacity: limit * 3 + ServerTable.capacity * 3,
      filler: .closeStream(.question(ExchangeHandle(.none, 0))))
    failed = Queue(capacity: limit, filler: ExchangeHandle(.none, 0))
    question = NameKey(seed: seed)
    let knownLimit = ServerTable.capacity * KnownQuestion.perServer
    known = FixedArray(repeating: KnownQuestion(), count: knownLimit)
    knownNames = BufferPool(count: knownLimit, size: WireName.longest)
    loopNames = BufferPool(count: ServerTable.capacity, size: Exchanges.loopNameOctets)
    serverCookies = BufferPool(
      count: ServerTable.capacity, size: CookieView.serverOctets.upperBound)
  }

  /// Takes over the numbers of sockets, the only ones of the settings that nothing is reserved for.
  public mutating func reconfigure(_ new: ExchangeSettings) {
    settings.sockets = new.sockets
    settings.otherSockets = new.otherSockets
    shareSockets()
  }

  // MARK: Beginning

  /// Takes a slot for a question; nothing is sent, and no table leads to it, before ``start(_:_:now:)``.
  ///
  /// - Parameters:
  ///   - isTrial: whether all servers have been given up, and one is asked all the same.
  ///   - draw: random bits.
  /// - Returns: its name; nothing when all slots are taken, or no server may be asked: ``prospect(of:now:)``.
  public mutating func insert(
    _ key: borrowing NameKey, _ type: RecordType, _ queryFlags: QueryFlags, of group: ServerGroupID,
    isTrial: Bool, draw: UInt64, now: UInt64
  ) -> ExchangeID? {
    guard let server = firstServer(of: group, isTrial: isTrial, draw, now: now),
      let slot = exchanges.insert(
        Exchange(
          type: type, queryFlags: queryFlags, nameHash: key.hash, nameCount: UInt8(key.count),
          group: group,
          server: server, isTrial: isTrial, draw: draw, now: now))
    else { return nil }
    return ExchangeID(slot)
  }

  /// Sends a question that was inserted.
  ///
  /// - Parameter draw: random bits.
  public mutating func start(
    _ exchange: ExchangeID, _ key: borrowing NameKey, draw: UInt64, now: UInt64
  ) {
    names.store(key.octets, in: exchange.slot)
    drawCase(of: key.octets, for: exchange)
    byQuestion.insert(exchange.slot, in: &exchanges)
    send(exchange, now: now, waitingAtMost: explore(exchange, draw))
  }

  /// Gives up a slot whose question was not sent.
  public mutating func discard(_ exchange: ExchangeID) { exchanges.remove(exchange.slot) }

  /// Random bits.
  public mutating func draw() -> UInt64 { random.next() }

  /// Asks a question again of a group of servers, as if it had not been asked.
  public mutating func restart(_ exchange: ExchangeID, now: UInt64) {
    let isBegun = !exchanges[exchange].phase.isEnded
    let deadline = exchanges[exchange].deadline
    end(exchange)
    exchanges[exchange].reset()
    exchanges[exchange].deadline = isBegun ? deadline : now + ExchangeTiming.deadline
    let isTrial = servers.prospect(of: exchanges[exchange].group, now: now) == .trial
    guard
      let server = firstServer(
        of: exchanges[exchange].group, isTrial: isTrial, random.next(), now: now)
    else {
      fail(exchange, cause(ofSilent: exchanges[exchange].group), now: now)
      return
    }
    exchanges[exchange].isTrial = isTrial
    exchanges[exchange].server = server
    send(exchange, now: now)
  }

  // MARK: Time

  /// An exchange for which it is time, for its owner or for ``goOn(_:isShared:now:)``; nothing when there is none now.
  public mutating func popDue(now: UInt64) -> ExchangeID? {
    while let slot = timers.popDue(now: now) {
      if slot < settings.inFlightLimit { return ExchangeID(slot) }
      sendProbe(ServerID(slot - settings.inFlightLimit), now: now)
    }
    return nil
  }

  /// Handles the time-out of a packet, if it is due.
  ///
  /// - Parameter isShared: whether others wait who came later: perhaps the server that it was sent to.
  public mutating func goOn(_ exchange: ExchangeID, isShared: Bool, now: UInt64) {
    guard now >= exchanges[exchange].due else {
      setTimer(exchange, at: exchanges[exchange].due, now: now)
      return
    }
    switch exchanges[exchange].phase {
    case .tcp(let attempt): noteTCPTimeout(exchange, attempt, now: now)
    case .udp:
      noteTimeout(exchange, isShared: isShared, now: now)
      retry(exchange, now: now)
    case .waitingForServers: retry(exchange, now: now)
    case .ended: break
    }
  }

  /// When ``popDue(now:)`` has something.
  public var nextDeadline: UInt64? { timers.next }

  /// Has an exchange popped at some time, not later; its own deadlines may come first.
  ///
  /// Unless its timer is known to go off before, ``setTimer(_:now:)`` follows.
  public mutating func setAlarm(_ exchange: ExchangeID, at time: UInt64) {
    exchanges[exchange].alarm = time
  }

  /// Sets an exchange's timer anew.
  public mutating func setTimer(_ exchange: ExchangeID, now: UInt64) {
    setTimer(exchange, at: exchanges[exchange].due, now: now)
  }

  // MARK: Out

  /// Whether there may be something to be done.
  public var hasActions: Bool { actions.count > 0 }

  /// The next thing to be done, or nothing.
  public mutating func nextAction() -> Action? {
    while let action = actions.pop() {
      switch action {
      case .send(let query), .openStream(let query):
        // The exchange may have ended since, and its slot may be another's.
        if case .question(let handle) = query.purpose {
          guard let exchange = find(handle), !exchanges[exchange].phase.isEnded else { continue }
        }
        return action
      case .closeStream: return action
      }
    }
    return nil
  }

  /// The next exchange that has failed; nothing when there is none.
  public mutating func nextFailed() -> ExchangeHandle? { failed.pop() }

  /// Whether a server has come back, since this was asked last, that had been down for a while.
  public mutating func takeOutageEnd() -> Bool {
    guard hasOutageEnded else { return false }
    hasOutageEnded = false
    return true
  }

  /// Writes the packet that an action says to send.
  public func writeQuery(_ query: OutgoingQuery, into writer: inout MessageWriter) -> Int {
    guard case .question(let handle) = query.purpose else {
      return writeProbe(query, into: &writer)
    }
    let exchange = handle.exchange
    let queryFlags = exchanges[exchange].queryFlags
    writer.header(id: query.id, questionCount: 1)
    writer.octets(sentName(exchange, isMixedCase: query.isMixedCase))
    writer.number16(exchanges[exchange].type.rawValue)
    writer.number16(RecordClass.internet.rawValue)
    if query.edns != .none {
      let begin = writer.beginOPT(
        udpSize: query.edns.octets, extendedRcode: 0,
        dnssecOK: queryFlags.contains(.signatures))
      if query.hasCookie { writeCookie(to: query.server, into: &writer) }
      writer.endRecord(begin, in: .additional)
    }
    // AD asks to be told AD (RFC 6840 §5.7).
    var flags = MessageHeader.Flag.recursionDesired | MessageHeader.Flag.authenticData
    if queryFlags.contains(.unchecked) { flags |= MessageHeader.Flag.checkingDisabled }
    return writer.finish(flags: flags)
  }

  // MARK: Going on

  /// Asks the next server that has not failed for this question, or fails.
  mutating func moveOn(_ exchange: ExchangeID, now: UInt64) {
    guard exchanges[exchange].attemptCount < ExchangeTiming.attempts, chooseNext(exchange, now: now)
    else {
      fail(exchange, now: now)
      return
    }
    send(exchange, now: now)
  }

  // MARK: Ending

  /// Ends an exchange without an answer, for what was in the way last or what is given; its owner is told.
  mutating func fail(_ exchange: ExchangeID, _ cause: ResolutionError? = nil, now: UInt64) {
    if exchanges[exchange].phase.isEnded { return }
    if let cause { exchanges[exchange].cause = cause }
    end(exchange)
    _ = failed.push(handle(exchange))
  }

  /// Ends an exchange: nothing is sent any more, and what comes for what was sent is no reply.
  public mutating func end(_ exchange: ExchangeID) {
    endTCP(exchange)
    timers.cancel(exchange.slot)
    forgetTransmissions(of: exchange)
    exchanges[exchange].phase = .ended
    exchanges[exchange].deadline = .max
    exchanges[exchange].due = .max
  }

  /// Ends an exchange and gives its slot back.
  public mutating func remove(_ exchange: ExchangeID) {
    end(exchange)
    byQuestion.remove(exchange.slot, in: &exchanges)
    exchanges.remove(exchange.slot)
  }
}
