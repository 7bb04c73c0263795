import DNSCache
import DNSPolicy
import DNSWire

/// What the service lets clients do.
public struct ServiceSettings: Sendable {
  /// Networks whose clients are answered; others are refused.
  public var allowed: [IPNetwork]
  /// Networks from which no packet comes with an address that is somewhere else: an address in them may
  /// get more than it sent without having proven that it is there.
  public var local = IPNetwork.notGlobal
  /// What `version.bind` answers (CHAOS).
  public var version: String
  /// What `id.server` answers (CHAOS, RFC 4892).
  public var identity: String
  /// Clients waiting for upstream at most.
  public var pendingLimit = 16_384
  /// Whether what is asked for in the last tenth of its life is asked for again.
  public var isPrefetching = true
  /// Questions a second that are asked before their answers are over, at most.
  public var prefetchRate = usualPrefetchRate
  /// What one client may ask.
  public var clients = ClientLimits()
  /// What server cookies are made with.
  public var cookieSecrets: CookieSecrets

  /// The usual rate of prefetches.
  ///
  /// Each prefetch takes the place of a miss, which is not limited; the limit is for what nobody
  /// foresaw. 10,000 names with a TTL of five minutes need 33.
  public static let usualPrefetchRate = 200

  /// Octets of UDP payload that are sent at most: what passes without fragments (RFC 9715 §3).
  public static let udpSize = Int(EDNS.defaultUDPSize)
  /// Octets of UDP payload that a client without EDNS takes (RFC 1035 §4.2.1).
  public static let plainUDPSize = 512
  /// Most octets of a message over TCP (RFC 1035 §4.2.2).
  public static let streamSize = 65_535

  /// Names what clients may know.
  ///
  /// - Parameter cookieSecrets: at random, or shared by servers that stand in for each other.
  public init(
    allowed: [IPNetwork], version: String, identity: String, cookieSecrets: CookieSecrets
  ) {
    self.allowed = allowed
    self.version = version
    self.identity = identity
    self.cookieSecrets = cookieSecrets
  }
}

/// What the service has done with queries since it was made.
///
/// Every query that came in ends as exactly one of hit, miss, local, refused, limited, or ignored.
public struct ServiceCounters: Sendable {
  /// Queries over UDP.
  public var udp: UInt64 = 0
  /// Queries over TCP.
  public var tcp: UInt64 = 0
  /// Answered from the cache at once.
  public var hits: UInt64 = 0
  /// Had to wait for upstream.
  public var misses: UInt64 = 0
  /// Answered without cache or upstream: CHAOS names, ANY, special names, cookies.
  public var local: UInt64 = 0
  /// Questions for special names, among the local.
  public var special: UInt64 = 0
  /// Answered with an error at once: malformed, not implemented, not allowed.
  public var refused: UInt64 = 0
  /// Over a limit of what one client may ask: cut short, told so, or not answered.
  public var limited: UInt64 = 0
  /// Not answered: responses, and packets shorter than a header.
  public var ignored: UInt64 = 0
  /// Clients outside the allowed networks, among the refused.
  public var notAllowed: UInt64 = 0
  /// Queries answered with SERVFAIL because too many were waiting.
  public var pendingLimit: UInt64 = 0
  /// Misses that were answered with data whose time is over (RFC 8767).
  public var stale: UInt64 = 0
  /// Questions asked upstream before their answers were over.
  public var prefetches: UInt64 = 0
  /// Questions not asked again early because too many were.
  public var prefetchLimit: UInt64 = 0
  /// Misses that ended with SERVFAIL.
  public var failures: UInt64 = 0
  /// Queries over ``ClientLimits/queries``, among the limited.
  public var queryLimit: UInt64 = 0
  /// Questions for upstream and errors over ``ClientLimits/misses``, among the limited.
  public var missLimit: UInt64 = 0
  /// Questions over ``ClientLimits/inFlight`` or a fair share of the places, among the limited; answered
  /// with SERVFAIL.
  public var shareLimit: UInt64 = 0
  /// Answers over ``ClientLimits/amplification``, among the limited or, if they had to wait, the misses.
  public var amplificationLimit: UInt64 = 0
  /// Limited queries that were not answered at all.
  public var limitedUnanswered: UInt64 = 0
  /// Answers withheld because they would hold a local address (`Cache.rebindFilter`).
  public var rebindBlocked: UInt64 = 0
  /// Questions that a list or a rule has blocked.
  public var blocked: UInt64 = 0
  /// Answers cut to fit.
  public var truncated: UInt64 = 0
}
