/// An upstream's smoothed round-trip time and its variance, after RFC 6298.
///
/// Every attempt has a socket and an ID of its own, so a reply times exactly the packet that it answers,
/// and none has to be left out for fear of retransmissions (§3, Karn's algorithm).
struct RoundTripTime: BitwiseCopyable {
  /// SRTT in eighths of a millisecond.
  private var smoothed: UInt32 = 0
  /// RTTVAR in quarters of a millisecond.
  private var variance: UInt32 = 0
  /// Whether there was a reply yet.
  private(set) var isMeasured = false

  /// What is waited for a reply when nothing is known: about what unbound starts from (376 ms).
  static let initialTimeout: UInt64 = 400
  /// What is waited at least.
  ///
  /// RFC 6298 §2.4 asks for a second, to spare a congested network; a client's patience is five. With
  /// 160 ms twelve packets fit in it, so that a link that loses two of five in each direction fails one
  /// question in two hundred.
  static let leastTimeout: UInt64 = 160
  /// What is waited at most (RFC 6298 §2.5 allows any bound from a minute up; see above).
  static let mostTimeout: UInt64 = 1_000
  /// The longest time that is believed; nothing is waited for that long.
  private static let mostSample: UInt64 = 10_000

  /// SRTT in milliseconds.
  var milliseconds: UInt64 { UInt64(smoothed >> 3) }

  /// RTTVAR in milliseconds.
  var varianceMilliseconds: UInt64 { UInt64(variance >> 2) }

  /// How long to wait for a reply: RTO of RFC 6298 §2.
  var timeout: UInt64 {
    guard isMeasured else { return RoundTripTime.initialTimeout }
    // G, the clock's granularity, is a tick of the timers; four variances are what is kept.
    let margin = max(TimerWheel.tick, UInt64(variance))
    return min(
      max(milliseconds + margin, RoundTripTime.leastTimeout), RoundTripTime.mostTimeout)
  }

  /// Takes a reply's time in milliseconds in (RFC 6298 §2.2, §2.3).
  mutating func note(_ milliseconds: UInt64) {
    let sample = UInt32(min(milliseconds, RoundTripTime.mostSample))
    guard isMeasured else {
      isMeasured = true
      smoothed = sample << 3
      variance = sample << 1
      return
    }
    let error = Int32(sample << 3) - Int32(smoothed)
    // The variance first: it is measured against the old SRTT.
    variance = variance - variance >> 2 + error.magnitude >> 3
    smoothed = UInt32(Int32(smoothed) + error / 8)
  }
}

/// How long a server took for a reply over UDP.
public struct RoundTrip: Sendable, BitwiseCopyable {
  /// Which server.
  public let server: ServerID
  /// From the query's sending to the reply, by ``Exchanges/stopwatch``.
  public let microseconds: UInt32
}

extension Exchanges {
  /// The round trip that the packet taken in last has ended, once; nothing when it answered no query.
  public mutating func takeRoundTrip() -> RoundTrip? {
    defer { timed = nil }
    return timed
  }
}
