import DNSWire

/// Why a question had no answer that could be kept, the last time that it was asked; for people.
///
/// ``Failure`` has what clients are told.
public struct FailureDetail: Sendable, BitwiseCopyable {
  /// What was in the way.
  public var kind: Kind
  /// The code of an error; zero for other kinds.
  public var rcode = ResponseCode(rawValue: 0)
  /// The number that the cache knows the server by that was asked last; 0 for none.
  public var source: UInt8 = 0

  /// What was in the way.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// Nobody said anything in time.
    case silence
    /// The network refused: ICMP, no route, a connection that failed.
    case unreachable
    /// The upstream answered with an error code.
    case errorCode
    /// The upstream points elsewhere: it doesn't resolve.
    case referral
    /// The reply was no well-formed message.
    case malformed
    /// The answer is more than a message, or an RRset, may hold.
    case tooLarge
    /// There was an answer, to be used once: its TTL was zero, or it said that something is not there
    /// without saying for how long.
    case uncacheable
    /// There was an answer, with an RRset too large to be kept.
    case large
  }

  /// Names what was in the way.
  public init(_ kind: Kind) { self.kind = kind }
}
