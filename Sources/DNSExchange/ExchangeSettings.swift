/// What bounds the work of exchanges.
public struct ExchangeSettings: Sendable {
  /// Sockets that queries to a server leave from, each on a port of its own: at least one, for each of the standard
  /// group's servers.
  public var sockets: Int
  /// The same for each of those that are in other groups alone.
  public var otherSockets: Int
  /// Exchanges at a time at most.
  public var inFlightLimit: Int
  /// One question in so many asks another server than the best first; 0 stands for none.
  public var exploration: UInt32

  /// Settings with the usual bounds.
  public init(
    sockets: Int = 256, otherSockets: Int? = nil, inFlightLimit: Int = 8_192,
    exploration: UInt32 = 64
  ) {
    self.sockets = sockets
    self.otherSockets = otherSockets ?? sockets
    self.inFlightLimit = inFlightLimit
    self.exploration = exploration
  }
}

/// The clockwork of exchanges: milliseconds.
public enum ExchangeTiming {
  /// How long each attempt waits before the next one starts; earlier attempts stay good.
  ///
  /// The first waits for as long as the upstream's round-trip time says, each next one is longer, up to
  /// three times as long, so that a slow upstream isn't flooded.
  static func wait(attempt: Int, timeout: UInt64) -> UInt64 {
    switch attempt {
    case 0: timeout
    case 1: timeout * 5 / 4
    case 2: timeout * 3 / 2
    case 3: timeout * 2
    case 4: timeout * 5 / 2
    default: timeout * 3
    }
  }

  /// Most packets sent for one question.
  static let attempts = 12
  /// Packets of a question, on average, that there are slots for.
  static let attemptsPerPlace = 6
  /// From this attempt on, counted from zero, the reply may take no more octets than pass everywhere.
  static let smallFrom = 3

  /// When a question fails, counted from when it was first asked; clients give up at five seconds.
  public static let deadline: UInt64 = 4_500

  /// How long a TCP attempt may take.
  static let stream: UInt64 = 2_000

  /// Refusals by the network after which a question is given up, however few upstreams there are.
  ///
  /// Anyone can forge an ICMP message who guesses a port; each attempt has another one.
  static let leastRefusals = 3

  /// How long after an upstream went down the first probe goes out; each next one comes after twice the
  /// time, up to ``mostProbeInterval``.
  static let firstProbe: UInt64 = 200
  /// How long the pause between two probes is at most: an upstream that is back is noticed in a second.
  static let mostProbeInterval: UInt64 = 800
  /// How long an upstream must have been down for failures to be forgotten when it is back.
  static let outage: UInt64 = 1_000
}

/// What exchanges have done since the start.
public struct ExchangeCounters: Sendable {
  /// Packets sent again because no reply came.
  public var retries: UInt64 = 0
  /// Questions that moved to TCP.
  public var streams: UInt64 = 0
  /// Replies that came for an earlier attempt than the last, or for one that is over while the same is asked again.
  public var late: UInt64 = 0
  /// Packets that answer nothing that was asked: wrong ID, socket, name, type or class.
  public var mismatched: UInt64 = 0
  /// Questions that moved to TCP, or to another port, because of such packets.
  public var suspected: UInt64 = 0
  /// Such packets that did not move a question to TCP because enough had been moved in that second.
  public var spoofMovesRefused: UInt64 = 0
  /// Replies that are right but for the letter case of the question.
  public var otherCase: UInt64 = 0
  /// Replies whose cookie is not the one that was sent.
  public var cookieMismatches: UInt64 = 0
  /// Replies over UDP without a cookie from upstreams that have them; TCP tells.
  public var cookiesMissing: UInt64 = 0
  /// Replies that want the question again with another cookie (BADCOOKIE).
  public var badCookies: UInt64 = 0
  /// Queries of ours that came back to us as a client's.
  public var looped: UInt64 = 0
  /// Replies over UDP of more octets than were offered; they count as truncated.
  public var oversized: UInt64 = 0
  /// Replies that are not well-formed messages.
  public var malformed: UInt64 = 0
  /// Replies with an error code.
  public var errors: UInt64 = 0
  /// Notices that an upstream can't be reached.
  public var unreachable: UInt64 = 0
  /// Questions that asked another upstream than the best first.
  public var explored: UInt64 = 0
  /// Packets that asked an upstream whether it is back.
  public var probes: UInt64 = 0
  /// Questions sent to an upstream although all were silent for long.
  public var trials: UInt64 = 0
  /// How often an upstream was taken as down.
  public var downs: UInt64 = 0
  /// How often one came back.
  public var recoveries: UInt64 = 0
  /// How often an upstream turned out to understand no EDNS or no cookies, to lose large replies, or not
  /// to keep letter case.
  public var fallbacks: UInt64 = 0
  /// How often one is asked without EDNS because of that.
  public var withoutEDNS: UInt64 = 0
  /// The same without cookies.
  public var withoutCookies: UInt64 = 0
  /// The same in lower case.
  public var lowerCase: UInt64 = 0
  /// The same with few octets offered.
  public var small: UInt64 = 0
  /// How often one is asked over TCP alone because UDP is silent.
  public var overStream: UInt64 = 0
  /// Headers without a question that had the ID of a packet and were not believed.
  public var bareIgnored: UInt64 = 0
}
