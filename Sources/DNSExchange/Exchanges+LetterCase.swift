import DNSWire
import Memory

// Random letter case: names are compared without regard to it (RFC 4343), and upstreams send the question
// back as it came, so the case of each letter is one more bit that a forger has to guess
// (draft-vixie-dnsext-dns0x20).

/// The letter case of one question's name.
struct LetterCase: BitwiseCopyable {
  /// A bit for each octet of the name, used again from the 65th octet on in another order.
  let bits: UInt64

  /// Puts the letters of a lower-cased name in their case, eight octets a step.
  ///
  /// - Returns: whether any of them is a capital now.
  @discardableResult
  func apply(to name: inout MutableSpan<UInt8>) -> Bool {
    var changes: UInt64 = 0
    var offset = 0
    // The octets at `offset` take the lowest bits.
    var left = bits
    while offset &+ 8 <= name.count {
      let word = name.load64(offset)
      let cased = LetterCase.apply(left, toWord: word)
      changes |= word ^ cased
      name.store64(cased, offset)
      offset &+= 8
      left = left >> 8 | left << 56
      if offset & 63 == 0 { left = left >> 17 | left << 47 }
    }
    if offset < name.count && offset > 0 {
      // The last eight octets, the first of which are done.
      let last = name.count &- 8
      let done = UInt64(8 &* (offset &- last))
      let word = name.load64(last)
      let cased = LetterCase.apply(left, toWord: word >> done) << done
      let whole = word & (1 << done &- 1) | cased
      name.store64(whole, last)
      return changes | (word ^ whole) != 0
    }
    while offset < name.count {
      let word = UInt64(name[offset])
      let cased = LetterCase.apply(left, toWord: word)
      changes |= word ^ cased
      name[offset] = UInt8(truncatingIfNeeded: cased)
      offset &+= 1
      left >>= 1
    }
    return changes != 0
  }

  /// Eight octets in memory order, their letters in the case that the lowest eight bits say.
  @inline(__always)
  private static func apply(_ bits: UInt64, toWord word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    // Bit n goes to octet n, where it becomes 0x80.
    let spread = (bits & 0xFF) &* ones & 0x8040_2010_0804_0201
    let chosen = (spread &+ 0x7F &* ones) & (0x80 &* ones)
    // As in `NameKey`: which octets are at least "a", which are behind "z".
    let low = word & (0x7F &* ones)
    let atLeastA = low &+ (0x80 &- 0x61) &* ones
    let behindZ = low &+ (0x7F &- 0x7A) &* ones
    let letters = (atLeastA ^ behindZ) & ~word & (0x80 &* ones)
    return word & ~((letters & chosen) >> 2)
  }
}

extension Exchanges {
  /// Names in a row whose replies had another letter case, and TCP an answer, after which an upstream is asked
  /// in lower case; one reply that keeps it begins the count anew.
  static let caseFailureLimit: UInt8 = 4

  /// Draws the letter case that a question's name is sent in.
  mutating func drawCase(of name: Span<UInt8>, for exchange: ExchangeID) {
    let letterCase = LetterCase(bits: random.next())
    mixedCaseNames.store(name, in: exchange.slot)
    var cased = mixedCaseNames.mutableOctets(in: exchange.slot, count: name.count)
    exchanges[exchange].showsCase = letterCase.apply(to: &cased)
  }

  /// Whether a packet's reply tells that its upstream bears mixed letter case.
  @inline(__always)
  func showsCase(_ attempt: TransmissionID) -> Bool {
    transmissions[attempt].isMixedCase && exchanges[transmissions[attempt].exchange].showsCase
  }

  /// A question's name as a packet of ours has it.
  @_lifetime(borrow self)
  func sentName(_ exchange: ExchangeID, isMixedCase: Bool) -> Span<UInt8> {
    let count = Int(exchanges[exchange].nameCount)
    return isMixedCase
      ? mixedCaseNames.octets(in: exchange.slot, count: count)
      : names.octets(in: exchange.slot, count: count)
  }

  /// Handles a reply that is right but for its letter case: forged, or the upstream's own way.
  ///
  /// TCP, where no forger can answer, tells which.
  mutating func noteCaseMismatch(_ exchange: ExchangeID, server: ServerID, now: UInt64) {
    counters.otherCase += 1
    moveToTCP(exchange, to: server, because: .letterCase, now: now)
  }

  /// An upstream whose letter case was doubted doesn't talk TCP: it is asked in lower case.
  ///
  /// - Returns: whether that is so.
  mutating func fallBackToLowerCase(_ exchange: ExchangeID, now: UInt64) -> Bool {
    guard !exchanges[exchange].usesLowerCase,
      exchanges[exchange].attemptCount < ExchangeTiming.attempts
    else { return false }
    exchanges[exchange].usesLowerCase = true
    noteCaseFailure(exchange, now: now)
    send(exchange, now: now)
    return true
  }

  /// Notes that a question's upstream doesn't keep letter case.
  mutating func noteCaseFailure(_ exchange: ExchangeID, now: UInt64) {
    note(
      .lowerCase, exchanges[exchange].server, exchanges[exchange].nameHash,
      limit: Exchanges.caseFailureLimit, now: now)
  }

  /// Handles an answer that may be another one for the name in lower case; false when it is to be taken.
  ///
  /// Some deny what they know in lower case. What has given data for a name in mixed case does not.
  mutating func recheckDenial(
    _ header: MessageHeader, _ exchange: ExchangeID, attempt: TransmissionID, server: ServerID,
    now: UInt64
  ) -> Bool {
    guard showsCase(attempt) else { return false }
    guard header.answerCount == 0 else {
      servers[server].keepsCase = true
      return false
    }
    return askInLowerCase(exchange, server: server, now: now)
  }

  /// Asks an upstream again that refused or denied a name in mixed letter case; false when that was done.
  mutating func askInLowerCase(_ exchange: ExchangeID, server: ServerID, now: UInt64) -> Bool {
    guard !exchanges[exchange].usesLowerCase, !exchanges[exchange].phase.isTCP,
      exchanges[exchange].attemptCount < ExchangeTiming.attempts
    else { return false }
    exchanges[exchange].usesLowerCase = true
    exchanges[exchange].met.insert(.caseDenied, server)
    exchanges[exchange].server = server
    send(exchange, now: now)
    return true
  }
}
