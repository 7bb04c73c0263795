import DNSWire
import Memory

// What attempts and replies tell of the upstreams, and whom a question asks because of it.

extension Exchanges {
  // MARK: Whom to ask

  /// Whether a question that is asked now would be sent to one of a group's servers.
  public func prospect(of group: ServerGroupID, now: UInt64) -> ServerProspect {
    servers.prospect(of: group, now: now)
  }

  /// Whom a question asks first, as ``prospect(of:now:)`` says.
  @inline(__always)
  mutating func firstServer(
    of group: ServerGroupID, isTrial: Bool, _ draw: UInt64, now: UInt64
  ) -> ServerID? {
    guard isTrial else {
      return servers.first(of: group, draw: UInt32(truncatingIfNeeded: draw >> 32), now: now)
    }
    counters.trials += 1
    return servers.trial(of: group, now: now)
  }

  /// Perhaps has a new question ask another upstream than the best.
  ///
  /// - Returns: how long to wait for it at most: for as long as for the best.
  mutating func explore(_ exchange: ExchangeID, _ draw: UInt64) -> UInt64 {
    guard settings.exploration > 0,
      UInt32(truncatingIfNeeded: draw >> 16) % settings.exploration == 0,
      let server = servers.timedLongestAgo(of: exchanges[exchange].group)
    else { return .max }
    counters.explored += 1
    exchanges[exchange].server = server
    return servers.leastTimeout(of: exchanges[exchange].group)
  }

  /// Sets whom a question asks next; false when nobody is left.
  mutating func chooseNext(_ exchange: ExchangeID, now: UInt64) -> Bool {
    guard
      let next = servers.next(
        of: exchanges[exchange].group, after: exchanges[exchange].server,
        exchanges[exchange].met,
        now: now)
    else { return false }
    // When all were asked, the round begins anew.
    if exchanges[exchange].met.has(.tried, next) { exchanges[exchange].met.remove(.tried) }
    exchanges[exchange].server = next
    return true
  }

  /// Sends a question again because no reply came.
  mutating func retry(_ exchange: ExchangeID, now: UInt64) {
    guard exchanges[exchange].attemptCount < ExchangeTiming.attempts else {
      setTimer(exchange, at: exchanges[exchange].deadline, now: now)
      return
    }
    if chooseNext(exchange, now: now) {
      counters.retries += 1
      send(exchange, now: now)
    } else if exchanges[exchange].isTrial {
      // Perhaps they only take long: a reply still counts, and one that comes back is asked.
      exchanges[exchange].phase = .waitingForServers
      let due = min(now + ExchangeTiming.mostProbeInterval, exchanges[exchange].deadline)
      setTimer(exchange, at: due, now: now)
    } else if servers.first(of: exchanges[exchange].group, draw: 0, now: now) == nil {
      // All are silent for so long that a reply is not to be expected.
      fail(exchange, now: now)
    } else {
      setTimer(exchange, at: exchanges[exchange].deadline, now: now)
    }
  }

  // MARK: What came back

  /// An upstream answered something that it was asked.
  mutating func markAlive(_ server: ServerID, now: UInt64) {
    if servers[server].failures > 0 { servers.reconsider() }
    servers[server].markAlive(now: now)
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
  @inline(__always)
  mutating func noteAnswer(
    _ exchange: ExchangeID, server: ServerID, attempt: TransmissionID?, count: Int,
    isPositive: Bool, now: UInt64
  ) {
    var isUsual = !exchanges[exchange].isSimplified && !servers[server].isInDoubt
    if let attempt {
      servers[server].measure(sent: transmissions[attempt].sent, now: now)
      if transmissions[attempt].simplicity == .usual {
        // What shows no case, where another would, proves nothing.
        if showsCase(attempt) || exchanges[exchange].usesLowerCase
          || servers[server].isInLowerCase
        {
          servers[server].provenUntil = now + Server.provenLife
        }
      } else {
        isUsual = false
      }
      if transmissions[attempt].edns != .none { servers[server].answersEDNS = true }
      if !isUsual, count > Int(EDNSOffer.smallSize) { servers[server].small.end() }
    }
    servers[server].badAnswers = 0
    if servers[server].isDown { comeUp(server, now: now) }
    if !isUsual {
      noteWays(exchange, server, attempt: attempt, isPositive: isPositive, now: now)
    }
    if exchanges[exchange].met.all.contains(.erred) { noteBadAnswers(exchange, now: now) }
    if now >= servers[server].knownAt + KnownQuestion.pause
      || servers[server].knownCount == 0
    {
      noteKnown(exchange, server, now: now)
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
  private mutating func noteBadAnswers(_ exchange: ExchangeID, now: UInt64) {
    let met = exchanges[exchange].met
    for index in 0..<met.count {
      guard let server = met.server(index, with: .erred) else { continue }
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
  mutating func noteTruncated(_ attempt: TransmissionID, server: ServerID, now: UInt64) {
    servers[server].measure(sent: transmissions[attempt].sent, now: now)
    guard transmissions[attempt].edns == .small, !servers[server].small.isInForce else {
      return
    }
    let name = exchanges[transmissions[attempt].exchange].nameHash
    note(.small, server, name, limit: Exchanges.smallHintLimit, now: now)
  }

  /// Names in a row that an upstream answered only when few octets were offered, after which it is
  /// offered no more; any larger reply that arrives begins the count anew.
  private static let smallHintLimit: UInt8 = 3

  // MARK: What did not

  /// No reply came to a question's last attempt in time.
  mutating func noteTimeout(_ exchange: ExchangeID, isShared: Bool, now: UInt64) {
    let latest = exchanges[exchange].firstTransmission
    guard latest != .none, !transmissions[latest].isRefused else { return }
    let server = transmissions[latest].socket.server
    servers[server].counters.timeouts += 1
    noteFailure(server, .silence, sent: transmissions[latest].sent, now: now)
    if isShared { sendLoopProbe(server, now: now) }
  }

  mutating func noteFailure(
    _ server: ServerID, _ cause: ResolutionError, sent: UInt64, now: UInt64
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
    guard let id, let transmission = findTransmission(socket: socket, id: id),
      !transmissions[transmission].isRefused
    else { return }
    let exchange = transmissions[transmission].exchange
    let server = socket.server
    transmissions[transmission].isRefused = true
    servers[server].counters.refusals += 1
    noteFailure(server, .unreachable, sent: transmissions[transmission].sent, now: now)
    // Saturates: each change of the network is good for further attempts.
    if exchanges[exchange].refusals < UInt8.max { exchanges[exchange].refusals += 1 }
    exchanges[exchange].cause = .unreachable
    noteTrouble(exchange, .unreachable, server)
    guard !exchanges[exchange].phase.isTCP, exchanges[exchange].firstTransmission == transmission
    else {
      return
    }
    var limit = max(ExchangeTiming.leastRefusals, servers.count(of: exchanges[exchange].group) + 1)
    // In strict order one upstream has to be down before the next has its turn.
    if servers.isStrict(exchanges[exchange].group) { limit += Int(Server.failuresUntilDown) }
    let hasMore =
      exchanges[exchange].refusals < limit
      && exchanges[exchange].attemptCount < ExchangeTiming.attempts
    if hasMore, chooseNext(exchange, now: now) {
      send(exchange, now: now)
    } else if exchanges[exchange].refusals == exchanges[exchange].attemptCount {
      fail(exchange, now: now)
    }
  }

  // MARK: Failures

  /// Notes what was in the way of a question, should somebody wonder.
  ///
  /// What an upstream said tells more than that another one can't be reached.
  public mutating func noteTrouble(
    _ exchange: ExchangeID, _ kind: FailureDetail.Kind, _ server: ServerID,
    rcode: ResponseCode = ResponseCode(rawValue: 0)
  ) {
    let known = exchanges[exchange].detail.kind
    if kind == .unreachable && known != .silence && known != .unreachable { return }
    exchanges[exchange].detail.kind = kind
    exchanges[exchange].detail.rcode = rcode
    exchanges[exchange].detail.source = servers[server].source
  }
}
