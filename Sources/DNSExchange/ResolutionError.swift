import DNSWire

/// Why a question has no answer: what clients are told of it (RFC 8914) and people read.
public enum ResolutionError: UInt8, Sendable, BitwiseCopyable {
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

  /// What clients are told beside SERVFAIL.
  public var extendedError: ExtendedError {
    switch self {
    case .silence: ExtendedError(.noReachableAuthority)
    case .unreachable: ExtendedError(.networkError)
    // What the error means is known upstream.
    case .upstreamError: ExtendedError(.other, "upstream has no answer")
    case .looping: ExtendedError(.other, "upstream asks this server")
    case .nameTooLong: ExtendedError(.other, "leads to a name that is too long")
    case .overload: ExtendedError(.other, "too many questions wait")
    case .ending: ExtendedError(.notReady, "stopping")
    case .noUpstream: ExtendedError(.notReady, "no upstream is known yet")
    case .endlessAliases: ExtendedError(.other, "aliases form a loop or too long a chain")
    case .budget: ExtendedError(.other, "the answer takes too many packets")
    }
  }

  /// The same, for people.
  public var sentence: String {
    switch self {
    case .silence: "no reply in time"
    case .unreachable: "can't be reached"
    case .upstreamError: "an error where another upstream had an answer"
    case .looping: "it asks this server what it is asked"
    case .nameTooLong: "a name that is too long"
    case .overload: "too much in flight"
    case .ending: "the program ends"
    case .noUpstream: "no upstream is known"
    case .endlessAliases: "aliases that form a loop or too long a chain"
    case .budget: "too many packets"
    }
  }
}

/// A question that has no answer.
public struct Failure: Equatable, Sendable, BitwiseCopyable {
  /// What was in the way.
  public var cause: ResolutionError
  /// Whether nothing was tried, because the same question had failed not long before (RFC 9520).
  public var isCached: Bool
  /// Where the failure is remembered, and for which name; nowhere when it isn't.
  public var slot = UInt16.max
  /// See ``slot``.
  public var nameHash: UInt32 = 0

  /// Names a failure.
  public init(_ cause: ResolutionError, isCached: Bool = false) {
    self.cause = cause
    self.isCached = isCached
  }
}
