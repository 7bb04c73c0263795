import Memory

/// A COOKIE option as it stands in a message (RFC 7873 §4).
@frozen
public struct CookieView: Sendable {
  /// The client's eight octets, in memory order.
  public let client: UInt64
  /// Offset of the server's octets in the message.
  public let server: Int
  /// How many they are: none, or 8 to 32.
  public let serverCount: Int

  /// Octets of a client cookie.
  public static let clientOctets = 8
  /// What a server cookie may measure in octets.
  public static let serverOctets = 8...32

  /// Takes an option; nil when its length is not one that a cookie has (RFC 7873 §5.2.2).
  public init?(_ option: OptionView, of message: Span<UInt8>) {
    let serverCount = option.dataCount &- CookieView.clientOctets
    guard serverCount == 0 || CookieView.serverOctets.contains(serverCount) else { return nil }
    client = message.load64(option.data)
    server = option.data &+ CookieView.clientOctets
    self.serverCount = serverCount
  }
}

/// A server cookie of version 1, which every server that shares the secret makes alike (RFC 9018 §4).
@frozen
public struct ServerCookie: Equatable, Sendable, BitwiseCopyable {
  /// The version, and three octets that are nothing in cookies of ours (RFC 9018 §4.1, §4.2).
  private let head: UInt32
  /// When it was made, in seconds of Unix time modulo 2³² (RFC 9018 §4.3).
  public let timestamp: UInt32
  /// The hash over all that it vouches for.
  public let hash: UInt64

  /// Octets of such a cookie: version, three reserved, timestamp, hash.
  public static let octets = 16
  private static let version: UInt32 = 0x0100_0000

  /// Seconds for which a cookie is good (RFC 9018 §4.3).
  public static let lifetime: Int32 = 3_600
  /// Seconds after which a client is given a new one.
  public static let renewalAge: Int32 = 1_800
  /// Seconds by which the clocks of servers with the same secret may differ.
  public static let clockSkew: Int32 = 300

  /// Makes a cookie for a client.
  ///
  /// - Parameters:
  ///   - client: the client's own cookie, eight octets in memory order.
  ///   - address: where the client is.
  ///   - secret: what only the servers know.
  ///   - now: seconds of Unix time.
  public init(client: UInt64, address: IPAddress, secret: SipHash, now: UInt32) {
    head = ServerCookie.version
    timestamp = now
    hash = ServerCookie.hash(client, head, now, address, secret)
  }

  /// Takes the server's octets of an option; nil when they are no cookie of version 1, or its hash is
  /// another than the secret gives.
  ///
  /// How old it may be is for the caller to say, see ``age(now:)``.
  public init?(
    _ view: CookieView, of message: Span<UInt8>, address: IPAddress, secret: SipHash
  ) {
    guard view.serverCount == ServerCookie.octets else { return nil }
    let head = message.load32(view.server)
    guard head &>> 24 == ServerCookie.version &>> 24 else { return nil }
    let timestamp = message.load32(view.server &+ 4)
    // RFC 9018 §4.2: the reserved octets need not be zero, and are hashed as they came.
    let hash = ServerCookie.hash(view.client, head, timestamp, address, secret)
    // One comparison of two words: its time tells nothing of where they differ.
    guard message.load64(view.server &+ 8) == hash else { return nil }
    self.head = head
    self.timestamp = timestamp
    self.hash = hash
  }

  /// Seconds since it was made; below zero when the clock that made it is ahead (RFC 1982).
  public func age(now: UInt32) -> Int32 { Int32(bitPattern: now &- timestamp) }

  /// Whether it is still good.
  public func isInForce(now: UInt32) -> Bool {
    let age = age(now: now)
    return age <= ServerCookie.lifetime && age >= -ServerCookie.clockSkew
  }

  /// RFC 9018 §4.4: client cookie, version, reserved, timestamp, client's address.
  private static func hash(
    _ client: UInt64, _ head: UInt32, _ timestamp: UInt32, _ address: IPAddress,
    _ secret: SipHash
  ) -> UInt64 {
    var octets: InlineArray<32, UInt8> = InlineArray(repeating: 0)
    var target = octets.mutableSpan
    target.store64(client, 0)
    target.store32(head, 8)
    target.store32(timestamp, 12)
    let count: Int
    if address.isIPv4 {
      target.store32(UInt32(truncatingIfNeeded: address.low), 16)
      count = 20
    } else {
      target.store64(address.high.byteSwapped, 16)
      target.store64(address.low.byteSwapped, 24)
      count = 32
    }
    return secret.hash(target.span.extracting(0..<count))
  }
}

extension ServerCookie {
  /// Writes it as it stands in an option.
  fileprivate func write(into writer: inout MessageWriter) {
    writer.number32(head)
    writer.number32(timestamp)
    writer.number64(inMemoryOrder: hash)
  }
}

extension MessageWriter {
  /// Octets that a COOKIE option takes in an OPT record.
  public static let cookieOctets = 4 + CookieView.clientOctets + ServerCookie.octets

  /// Writes a COOKIE option with a server cookie into the OPT record that is begun.
  ///
  /// - Parameter client: the client's cookie, as it came.
  @_lifetime(self: copy self)
  public mutating func option(cookie client: UInt64, _ server: ServerCookie) {
    beginOption(.cookie, octets: CookieView.clientOctets + ServerCookie.octets)
    number64(inMemoryOrder: client)
    server.write(into: &self)
  }

  /// Writes a COOKIE option into the OPT record that is begun, as a client does.
  ///
  /// - Parameters:
  ///   - client: the client's cookie, in memory order.
  ///   - server: the server's, as it gave it: none, or 8 to 32 octets.
  @_lifetime(self: copy self)
  public mutating func option(cookie client: UInt64, _ server: Span<UInt8>) {
    beginOption(.cookie, octets: CookieView.clientOctets &+ server.count)
    number64(inMemoryOrder: client)
    octets(server)
  }
}
