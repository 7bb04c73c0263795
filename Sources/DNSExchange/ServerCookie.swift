import DNSWire

/// The cookies that are exchanged with one upstream (RFC 7873); the server's own octets are in
/// `Exchanges.serverCookies`.
struct ServerCookie: BitwiseCopyable {
  /// Our cookie for it, in memory order: drawn for this upstream alone, so that no two of them can tell
  /// that they talk to the same client (RFC 7873 §8.1).
  private(set) var client: UInt64 = 0
  /// The one before: what was sent with it may still be answered.
  private var earlier: UInt64 = 0
  private var earlierUntil: UInt64 = 0
  /// When a new one is due.
  private var renewal: UInt64 = 0
  /// Octets of the server's cookie, none before it has given one.
  var serverCount: UInt8 = 0
  /// Whether the upstream speaks cookies.
  var use = CookieUse.unknown
  /// Until when replies without one are believed.
  private var forgivenUntil: UInt64 = 0
  /// Packets that were answered with another's cookie, and none with ours since.
  var wrongOnes: UInt8 = 0

  /// Milliseconds after which our cookie is another one, a day: RFC 7873 §7.1 has a secret changed so
  /// often.
  private static let life: UInt64 = 86_400_000
  /// Packets answered with another's cookie after which an upstream is asked without.
  static let wrongLimit: UInt8 = 2

  @inline(__always)
  func isDue(now: UInt64) -> Bool { now >= renewal }

  /// Takes a new cookie of ours; the server's belongs to the one before.
  mutating func renew(_ drawn: UInt64, now: UInt64) {
    earlier = renewal == 0 ? drawn : client
    earlierUntil = now + ExchangeTiming.deadline
    client = drawn
    serverCount = 0
    renewal = now + ServerCookie.life
  }

  /// Whether a cookie that came back is one that was sent.
  func isOurs(_ cookie: UInt64, now: UInt64) -> Bool {
    renewal != 0 && (cookie == client || (cookie == earlier && now < earlierUntil))
  }

  /// Notes that the upstream gave a cookie of its own; now replies without one are not believed.
  mutating func noteUse(now: UInt64) {
    guard now >= forgivenUntil else { return }
    use = .yes
  }

  /// Notes that the upstream, asked with a cookie, answered without one, beyond doubt.
  mutating func noteLoss(now: UInt64) {
    use = .no
    serverCount = 0
    forgivenUntil = now + Fallback.life
  }
}

/// Whether an upstream speaks cookies.
public enum CookieUse: String, Sendable, BitwiseCopyable {
  /// It wasn't asked yet.
  case unknown
  /// Its replies have them; one without is not believed.
  case yes
  /// Its replies have none.
  case no
}
