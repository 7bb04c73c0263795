import DNSCache
import DNSExchange
import DNSWire

/// What bounds the resolver's work.
public struct ResolverSettings: Sendable {
  /// What bounds its exchanges with servers.
  public var exchanges: ExchangeSettings
  /// Clients waiting for them at most; questions that wait for others are not counted.
  public var waiterLimit: Int
  /// Clients, and questions that need it, waiting for one question at most.
  public var waitersPerQuestion: Int
  /// Clients that may be told something while so many wait, before ``Resolver/nextCompletion(cache:now:)`` is called.
  ///
  /// More than queries come in a tick: 32 datagrams, or 135 messages over TCP. Others are refused.
  static let untold = 160
  /// Percent of the slots for questions up to which those that nobody waits for may be added.
  public var prefetchShare = usualPrefetchShare

  /// About an eighth: so many may go without being missed by those who wait.
  public static let usualPrefetchShare = 12

  /// Settings with the usual bounds.
  public init(
    exchanges: ExchangeSettings = ExchangeSettings(), waiterLimit: Int = 16_384,
    waitersPerQuestion: Int = 1_024
  ) {
    self.exchanges = exchanges
    self.waiterLimit = waiterLimit
    self.waitersPerQuestion = waitersPerQuestion
  }
}

/// How long clients and questions wait for each other: milliseconds.
public enum ResolverTiming {
  /// Milliseconds that a client waits before it gets a stale answer, if there is one.
  ///
  /// RFC 8767 §5 calls this the client response timer: 1.8 seconds, below the two after which clients
  /// ask elsewhere.
  public static let clientResponseTimeout: UInt64 = 1_800

  /// How long a question is safe from giving way to others when all slots are taken; unbound's figure.
  static let graceWhenFull: UInt64 = 200
}

/// What the resolver has done since it was made, beside its exchanges.
public struct ResolverCounters: Sendable {
  /// Questions that were sent upstream.
  public var asked: UInt64 = 0
  /// Questions that joined one already in flight.
  public var joined: UInt64 = 0
  /// Questions that failed at once, because they had failed not long before.
  public var failedBefore: UInt64 = 0
  /// Questions that failed at once, because all upstreams were silent for long.
  public var allDown: UInt64 = 0
  /// Failures that gave way to others in the table of those remembered.
  public var failuresDisplaced: UInt64 = 0
  /// Questions refused because too many were in flight, or waiting.
  public var inFlightLimit: UInt64 = 0
  /// Questions that failed early because others needed their slot.
  public var displaced: UInt64 = 0
  /// Questions that failed because they cost too much (``Budget``).
  public var overBudget: UInt64 = 0
  /// Questions that ended with a reply.
  public var answered: UInt64 = 0
  /// Questions that failed: silence, refusal or errors from every upstream.
  public var failed: UInt64 = 0
  /// Records not kept because they lie outside the bailiwick, or beyond the number looked at.
  public var outOfBailiwick: UInt64 = 0
}
