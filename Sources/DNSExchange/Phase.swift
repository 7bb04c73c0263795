/// How a question is being asked.
///
/// Replies over UDP to what was sent before count in every phase.
enum Phase: BitwiseCopyable {
  /// Over UDP.
  case udp
  /// Over TCP; there is one attempt at a time.
  case tcp(TCPAttempt)
  /// Not at all: every server is given up, and a late reply, or one that is back, may still answer.
  case waitingForServers
  /// No more: it had an answer, and the lookup waits for what an alias leads to.
  case ended

  /// The attempt over TCP that is under way.
  @inline(__always)
  var tcp: TCPAttempt? {
    if case .tcp(let attempt) = self { attempt } else { nil }
  }

  /// Whether there was an answer.
  @inline(__always)
  var isEnded: Bool {
    if case .ended = self { true } else { false }
  }

  /// Whether an attempt over TCP is under way.
  @inline(__always)
  var isTCP: Bool { tcp != nil }

  /// Whether an attempt over TCP is under way for this reason.
  @inline(__always)
  func isTCP(because reason: TCPReason) -> Bool { tcp?.reason == reason }
}

/// A question's attempt over TCP.
struct TCPAttempt: BitwiseCopyable {
  /// Why it is made, which says what follows when it fails.
  var reason: TCPReason
  /// The transaction ID.
  var id: UInt16
  /// What EDNS it has.
  var edns: EDNSOffer
  /// Whether it has a cookie.
  var hasCookie: Bool
  /// When it was begun.
  var sent: UInt64
}

/// Why a question is asked over TCP.
enum TCPReason: UInt8, BitwiseCopyable {
  /// The reply over UDP was cut, or had more octets than were offered.
  case truncated
  /// Somebody may be guessing.
  case spoofing
  /// Replies over UDP were malformed.
  case malformed
  /// A reply over UDP had another letter case.
  case letterCase
  /// A reply over UDP had no cookie, from a server that has them.
  case cookieMissing
  /// The server is not content with the cookie that it gave.
  case badCookie
  /// The server says nothing over UDP.
  case silence
  /// The server is asked over TCP alone, as it was set or as it turned out.
  case tcpOnly
}
