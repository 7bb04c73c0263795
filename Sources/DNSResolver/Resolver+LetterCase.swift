import DNSWire
import Memory

// Random letter case: names are compared without regard to it (RFC 4343), and upstreams send the question
// back as it came, so the case of each letter is one more bit that a forger has to guess
// (draft-vixie-dnsext-dns0x20).

/// The letter case of one question's name.
struct LetterCase: BitwiseCopyable {
  /// A bit for each octet of the name, used again from the 65th octet on in another order.
  let bits: UInt64

  /// An octet of a lower-cased name, a letter in its case.
  func apply(to octet: UInt8, at index: Int) -> UInt8 {
    let place = UInt64((index &+ (index >> 6) &* 17) & 63)
    guard octet &- 0x61 < 26, bits >> place & 1 == 1 else { return octet }
    return octet & ~0x20
  }
}

extension Resolver {
  /// Replies over TCP that an upstream's other letter case was its own after which it is asked in lower
  /// case.
  static let caseFailureLimit: UInt8 = 4

  /// Whether a packet to a question's upstream has random letter case.
  func isCased(_ index: Int) -> Bool {
    !questions[index].isFolded
      && caseFailures[Int(questions[index].upstream)] < Resolver.caseFailureLimit
  }

  /// Whether a reply's question has the letter case that was sent.
  func hasSentCase(_ packet: Span<UInt8>, _ index: Int, isCased: Bool) -> Bool {
    let count = Int(questions[index].nameCount)
    guard MessageHeader.size + count <= packet.count else { return false }
    let name = names.octets(in: index, count: count)
    let letterCase = questions[index].letterCase
    for offset in 0..<count {
      let sent = isCased ? letterCase.apply(to: name[offset], at: offset) : name[offset]
      guard packet[MessageHeader.size + offset] == sent else { return false }
    }
    return true
  }

  /// Handles a reply that is right but for its letter case: forged, or the upstream's own way.
  ///
  /// TCP, which nobody else can answer, tells which.
  mutating func doubtCase(_ index: Int, upstream: Int, now: UInt64) {
    counters.otherCase += 1
    guard !questions[index].isStreaming, !questions[index].hasFailed(upstream) else { return }
    questions[index].isCaseDoubted = true
    questions[index].upstream = UInt8(upstream)
    startStream(index, now: now)
  }

  /// An upstream whose letter case was doubted doesn't talk TCP: it is asked in lower case.
  ///
  /// - Returns: whether that is so.
  mutating func foldDoubted(_ index: Int, now: UInt64) -> Bool {
    guard questions[index].isCaseDoubted, !questions[index].isFolded,
      questions[index].attemptCount < ResolverTiming.attempts
    else { return false }
    questions[index].isFolded = true
    noteCaseFailure(index)
    send(index, now: now)
    return true
  }

  /// Notes that a question's upstream doesn't keep letter case.
  mutating func noteCaseFailure(_ index: Int) {
    let upstream = Int(questions[index].upstream)
    if caseFailures[upstream] < Resolver.caseFailureLimit { caseFailures[upstream] += 1 }
  }
}
