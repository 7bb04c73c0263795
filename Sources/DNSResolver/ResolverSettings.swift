/// What bounds the resolver's work.
public struct ResolverSettings: Sendable {
  /// Upstream servers, numbered from zero.
  public var upstreams: Int
  /// Sockets for each upstream, each on a port of its own.
  public var socketsPerUpstream: Int
  /// Questions in flight at most.
  public var inFlightLimit: Int
  /// Clients waiting for them at most.
  public var waiterLimit: Int
  /// Clients waiting for one question at most.
  public var waitersPerQuestion: Int

  /// Settings for some upstreams, with the usual bounds.
  public init(
    upstreams: Int, socketsPerUpstream: Int = 256, inFlightLimit: Int = 8_192,
    waiterLimit: Int = 16_384, waitersPerQuestion: Int = 1_024
  ) {
    self.upstreams = upstreams
    self.socketsPerUpstream = socketsPerUpstream
    self.inFlightLimit = inFlightLimit
    self.waiterLimit = waiterLimit
    self.waitersPerQuestion = waitersPerQuestion
  }
}

/// The resolver's clockwork: milliseconds.
public enum ResolverTiming {
  /// How long each attempt waits before the next one starts; earlier attempts stay good.
  ///
  /// Six attempts fit in ``deadline``. The first wait is about what unbound starts from (376 ms); each
  /// next one is longer, so that a slow upstream isn't flooded.
  static func wait(attempt: Int) -> UInt64 {
    switch attempt {
    case 0: 400
    case 1: 500
    case 2: 600
    case 3: 800
    case 4: 1_000
    default: 1_200
    }
  }

  /// Most packets sent for one question.
  static let attempts = 6

  /// When a question fails, counted from when it was first asked; clients give up at five seconds.
  public static let deadline: UInt64 = 4_500

  /// How long a question is safe from giving way to others when all places are taken; unbound's figure.
  static let graceWhenFull: UInt64 = 200

  /// How long a TCP attempt may take.
  static let stream: UInt64 = 2_000
}

/// What the resolver has done since it was made.
public struct ResolverCounters: Sendable {
  /// Questions that were sent upstream.
  public var asked: UInt64 = 0
  /// Questions that joined one already in flight.
  public var joined: UInt64 = 0
  /// Questions refused because too many were in flight, or waiting.
  public var inFlightLimit: UInt64 = 0
  /// Questions that failed early because others needed their place.
  public var displaced: UInt64 = 0
  /// Packets sent again because no reply came.
  public var retries: UInt64 = 0
  /// Questions that ended with a reply.
  public var answered: UInt64 = 0
  /// Questions that failed: silence, refusal or errors from every upstream.
  public var failed: UInt64 = 0
  /// Questions that moved to TCP.
  public var streams: UInt64 = 0
  /// Replies that came for an earlier attempt than the last.
  public var late: UInt64 = 0
  /// Packets that answer nothing that was asked: wrong ID, socket, name, type or class.
  public var mismatched: UInt64 = 0
  /// Replies that are right but for the letter case of the question.
  public var otherCase: UInt64 = 0
  /// Replies over UDP of more octets than were offered; they count as truncated.
  public var oversized: UInt64 = 0
  /// Replies that are not well-formed messages.
  public var malformed: UInt64 = 0
  /// Replies with an error code.
  public var errors: UInt64 = 0
  /// Notices that an upstream can't be reached.
  public var unreachable: UInt64 = 0
  /// Records not kept because they lie outside the bailiwick, or beyond the number looked at.
  public var outOfBailiwick: UInt64 = 0
}
