import DNSCache
import DNSWire
import Memory

// Packets that look like replies to a question and are not: somebody may be guessing.

extension Resolver {
  /// Packets that look like forged replies after which a question is asked over TCP (RFC 5452 §9.3).
  ///
  /// Each of them had one chance in 65,536, times the ports, times the letter cases. BIND moves to TCP
  /// after the first, Recursor too; a duplicate of a reply to an earlier question looks the same, so it
  /// takes more here.
  static let mismatchLimit: UInt8 = 3

  /// What may be wanted beside a name and a type: each combination of three bits.
  private static let needsKinds: UInt8 = 8

  /// Handles a reply that answers no packet that was sent: wrong ID, or wrong socket.
  ///
  /// When its question is one in flight, it counts as a guess at that.
  mutating func takeGuess(
    _ packet: Span<UInt8>, _ header: MessageHeader, socket: SocketID, now: UInt64
  ) {
    counters.mismatched += 1
    if header.questionCount == 0 {
      servers[socket.server].noteBareGuess(now: now)
    }
    guard header.questionCount == 1, let end = reply.loadQuestion(packet),
      end + 4 <= packet.count, packet.load16(end + 2) == RecordClass.internet.rawValue
    else { return }
    // Which of the questions for that name and type is meant, a forger needs not say.
    for needs in 0..<Resolver.needsKinds {
      if let index = find(
        reply.question, RecordType(packet.load16(end)), DNSSECNeeds(rawValue: needs))
      {
        suspect(index, now: now)
      }
    }
  }

  /// Handles a reply that has the right socket and ID, and another question.
  mutating func takeMismatch(
    _ packet: Span<UInt8>, _ header: MessageHeader, _ index: Int, now: UInt64
  ) {
    counters.mismatched += 1
    // Without a question it is no guess, but an upstream's odd way to say no.
    guard header.questionCount == 1, let end = reply.loadQuestion(packet), end + 4 <= packet.count
    else { return }
    suspect(index, now: now)
  }

  /// Counts a guess at a question; too many move it to TCP, where there is nothing to guess.
  mutating func suspect(_ index: Int, now: UInt64) {
    guard questions[index].mismatches < Resolver.mismatchLimit else { return }
    questions[index].mismatches += 1
    guard questions[index].mismatches == Resolver.mismatchLimit else { return }
    counters.suspected += 1
    // However many more guesses come, none of them can be right.
    forgetAttempts(of: index)
    switch questions[index].phase {
    case .udp, .waitingForServers: startTCP(index, because: .spoofing, now: now)
    case .tcp(var attempt):
      switch attempt.reason {
      case .truncated, .malformed, .badCookie:
        // What UDP would have said is lost by it: if TCP fails, it is asked again.
        attempt.reason = .spoofing
        questions[index].phase = .tcp(attempt)
      case .spoofing, .letterCase, .cookieMissing, .silence, .tcpOnly: break
      }
    }
  }
}
