import DNSWire
import Memory

// Packets that look like replies to a question and are not: somebody may be guessing.

extension Exchanges {
  /// Replies that may be forged after which a question is asked over TCP in any case (RFC 5452 §9.3).
  ///
  /// One is enough when its ID or its question is wrong, as in BIND and Recursor since 2026: each guess has one
  /// chance in 65,536, times the ports, times the letter cases, and the second is not waited for. What may as well
  /// be a server's own way (another's cookie, a bare header) counts up to this, and so does every guess
  /// beyond ``spoofMovesPerSecond``.
  static let mismatchLimit: UInt8 = 3

  /// Questions that move to TCP for a single wrong reply, in a second.
  ///
  /// Else a packet for each name would push all misses onto a few TCP connections.
  static let spoofMovesPerSecond: UInt8 = 32

  /// What may be wanted beside a name and a type: each combination of three bits.
  private static let needsKinds: UInt8 = 8

  /// Handles a reply that answers no packet that was sent: wrong ID, or wrong socket.
  ///
  /// When its question is one in flight, it counts as a guess at that, unless it comes late.
  mutating func noteUnmatched(
    _ packet: Span<UInt8>, _ header: MessageHeader, socket: SocketID, now: UInt64
  ) {
    if header.questionCount == 0 {
      servers[socket.server].noteBareGuess(now: now)
    }
    if header.questionCount == 1, let end = loadQuestion(packet), end + 4 <= packet.count,
      packet.load16(end + 2) == RecordClass.internet.rawValue
    {
      // Which of the questions for that name and type is meant, a forger needs not say.
      for queryFlags in 0..<Exchanges.needsKinds {
        guard
          let exchange = findUnderWay(
            RecordType(packet.load16(end)), QueryFlags(rawValue: queryFlags))
        else { continue }
        if finished.contains(socket, id: header.id, now: now) {
          counters.late += 1
          return
        }
        noteSpoofAttempt(exchange, isCertain: true, now: now)
      }
    }
    counters.mismatched += 1
  }

  /// The exchange for the name in ``question`` that has something under way over UDP.
  private func findUnderWay(_ type: RecordType, _ queryFlags: QueryFlags) -> ExchangeID? {
    guard let exchange = match(question, type, queryFlags),
      exchanges[exchange].firstTransmission != .none
    else { return nil }
    return exchange
  }

  /// Handles a reply that has the right socket and ID, and another question or cookie.
  ///
  /// - Parameter isCertain: whether no server answers so.
  /// - Returns: whether the question's packets are forgotten because of it.
  mutating func takeMismatch(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ exchange: ExchangeID, isCertain: Bool,
    now: UInt64
  ) -> Bool {
    counters.mismatched += 1
    // Without a question it is no guess, but an upstream's odd way to say no.
    guard header.questionCount == 1, let end = loadQuestion(packet), end + 4 <= packet.count
    else { return false }
    return noteSpoofAttempt(exchange, isCertain: isCertain, now: now)
  }

  /// Counts a reply to a question that may be forged.
  ///
  /// It moves the question to TCP, where there is nothing to guess. A server whose TCP has failed not long ago is
  /// asked from another port, with another ID, unless there are too many guesses: TCP may only have been slow, and
  /// each of them costs a packet.
  ///
  /// - Parameter isCertain: whether no server answers so: one is enough, then.
  /// - Returns: whether the question's packets are forgotten; it may have ended, too.
  @discardableResult
  mutating func noteSpoofAttempt(_ exchange: ExchangeID, isCertain: Bool, now: UInt64) -> Bool {
    // With nothing under way over UDP no guess can be right.
    guard exchanges[exchange].firstTransmission != .none else { return false }
    exchanges[exchange].mismatches += 1
    let hasTCP = now >= servers[exchanges[exchange].server].tcpFailedUntil
    let areTooMany = exchanges[exchange].mismatches >= Exchanges.mismatchLimit
    guard
      areTooMany
        || isCertain && (!hasTCP || exchanges[exchange].phase.isTCP || takeSpoofMove(now: now))
    else { return false }
    counters.suspected += 1
    // However many more guesses come, none of them can be right.
    forgetTransmissions(of: exchange)
    switch exchanges[exchange].phase {
    case .ended: break
    case .udp, .waitingForServers:
      guard hasTCP || areTooMany else {
        retry(exchange, now: now)
        break
      }
      exchanges[exchange].mismatches = 0
      startTCP(exchange, because: .spoofing, now: now)
    case .tcp(var attempt):
      exchanges[exchange].mismatches = 0
      switch attempt.reason {
      case .truncated, .malformed, .badCookie:
        // What UDP would have said is lost by it: if TCP fails, it is asked again.
        attempt.reason = .spoofing
        exchanges[exchange].phase = .tcp(attempt)
      case .spoofing, .letterCase, .cookieMissing, .silence, .tcpOnly: break
      }
    }
    return true
  }

  /// Whether one more question may move to TCP in this second for a single wrong reply.
  private mutating func takeSpoofMove(now: UInt64) -> Bool {
    if now >= spoofMovesSince + 1_000 {
      spoofMovesSince = now
      spoofMoves = 0
    }
    guard spoofMoves < Exchanges.spoofMovesPerSecond else {
      counters.spoofMovesRefused += 1
      return false
    }
    spoofMoves += 1
    return true
  }
}
