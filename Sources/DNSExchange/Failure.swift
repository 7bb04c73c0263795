/// Why a question has no answer, for clients (RFC 8914) and people.
public struct Failure: Equatable, Sendable, BitwiseCopyable {
  /// What was in the way.
  public var cause: Cause
  /// Whether nothing was tried, because the same question had failed not long before (RFC 9520).
  public var isCached: Bool
  /// Where the failure is remembered, and for which name; nowhere when it isn't.
  public var place = UInt16.max
  /// See ``place``.
  public var nameHash: UInt32 = 0

  /// What was in the way.
  public enum Cause: UInt8, Sendable, BitwiseCopyable {
    /// No upstream said anything in time, or all are known not to.
    case silence
    /// The network refused: ICMP, no route, connections that fail.
    case unreachable
    /// Upstreams answered with an error, or with what is no answer.
    case upstreamError
    /// The upstream asks us what we ask it.
    case looping
    /// A DNAME makes a name that is too long (YXDOMAIN, RFC 6672 §2.2): an answer, which is no other's to know.
    case nameTooLong
    /// Too much was in flight, or waiting.
    case overload
    /// The program ends.
    case ending
    /// No upstream is known yet.
    case noUpstream
    /// Aliases form a loop, or too long a chain.
    case endlessAliases
    /// It took more packets, or octets, than one question may cost (``Budget``).
    case budget

    /// Whether the question itself failed, so that it is worth remembering (RFC 9520 §2).
    public var isOfResolution: Bool {
      switch self {
      case .silence, .unreachable, .upstreamError, .looping, .nameTooLong: true
      case .overload, .ending, .noUpstream, .endlessAliases, .budget: false
      }
    }
  }

  /// Names a failure.
  public init(_ cause: Cause, isCached: Bool = false) {
    self.cause = cause
    self.isCached = isCached
  }
}
