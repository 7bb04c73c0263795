import DNSWire

/// What server cookies are made with, and what a client's cookies are worth (RFC 7873 §5.2, RFC 9018).
struct ServerCookies {
  /// Makes new cookies, and vouches for those that it made.
  private var current: SipHash
  /// Vouches for cookies that were made before the secret was changed, or by another server.
  private var previous: SipHash?
  /// Seconds of Unix time when the server's own clock was at zero.
  private var epoch: UInt32 = 0

  /// The cookies of a reply.
  struct Pair: BitwiseCopyable {
    /// The client's, as it came.
    var client: UInt64
    /// Ours.
    var server: ServerCookie
  }

  init(_ secrets: CookieSecrets) {
    current = secrets.current
    previous = secrets.previous
  }

  /// Says what the wall clock shows; it may go back.
  mutating func setWallClock(_ seconds: UInt32, now: UInt64) {
    epoch = seconds &- UInt32(truncatingIfNeeded: now / 1000)
  }

  /// Takes up other secrets; cookies made with those until now stay good only if they are among them.
  mutating func replace(_ secrets: CookieSecrets) {
    current = secrets.current
    previous = secrets.previous
  }

  /// Takes up a new secret; cookies made with the last one stay good until the next change.
  mutating func renew(_ secret: SipHash) {
    previous = current
    current = secret
  }

  /// Looks at a client's cookies.
  ///
  /// A cookie of ours that is neither too old nor made with another secret costs one hash.
  ///
  /// - Returns: what goes back, and whether the client's proves its address.
  func judge(
    _ view: CookieView, of message: Span<UInt8>, from address: IPAddress, now: UInt64
  ) -> (reply: Pair, isProof: Bool) {
    let time = epoch &+ UInt32(truncatingIfNeeded: now / 1000)
    if let cookie = ServerCookie(view, of: message, address: address, secret: current),
      cookie.isInForce(now: time)
    {
      let isRecent = cookie.age(now: time) < ServerCookie.renewalAge
      return (
        Pair(
          client: view.client,
          server: isRecent ? cookie : make(for: view.client, address, time)), true
      )
    }
    var isProof = false
    if let previous,
      let cookie = ServerCookie(view, of: message, address: address, secret: previous)
    {
      isProof = cookie.isInForce(now: time)
    }
    return (Pair(client: view.client, server: make(for: view.client, address, time)), isProof)
  }

  private func make(for client: UInt64, _ address: IPAddress, _ time: UInt32) -> ServerCookie {
    ServerCookie(client: client, address: address, secret: current, now: time)
  }
}

/// The secrets that a server begins with.
public struct CookieSecrets: Sendable {
  /// New cookies are made with it.
  public let current: SipHash
  /// Cookies that were made with it are good, too: for the time in which servers that share their
  /// secrets get new ones (RFC 9018 §5).
  public let previous: SipHash?

  /// Names the secrets.
  public init(current: SipHash, previous: SipHash? = nil) {
    self.current = current
    self.previous = previous
  }
}
