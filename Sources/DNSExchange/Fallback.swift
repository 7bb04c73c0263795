import DNSWire

/// One thing that an upstream seems not to bear, such as EDNS: how sure that is, and how long it is asked
/// without.
///
/// No single packet and no single name decides it: a packet may be forged, and a name's servers may be slow.
/// What speaks against it ends it.
struct Fallback: BitwiseCopyable {
  /// Names in a row that spoke for it.
  private var names: UInt8 = 0
  /// The hashes of the last of them, the latest first: no limit is more than one above these.
  private var hashes: (UInt32, UInt32, UInt32) = (0, 0, 0)
  /// Until when it is in force; 0 while it isn't.
  private(set) var until: UInt64 = 0

  /// Milliseconds for which it is in force; then one packet tries again.
  static let life: UInt64 = 900_000
  /// Names that have to be refused with something and answered without.
  ///
  /// Two: one forged packet, whose chance is one in 2²⁴ and less, must not be enough.
  static let refusalLimit: UInt8 = 2
  /// Names that have to be met with silence with something, and answered without.
  static let silenceLimit: UInt8 = 3

  /// What an upstream is asked without, or how.
  enum Kind: CaseIterable {
    /// Without EDNS.
    case withoutEDNS
    /// Without a cookie.
    case withoutCookies
    /// In lower case.
    case lowerCase
    /// Offered no more octets than pass everywhere.
    case small
    /// Over TCP alone.
    case overStream
  }

  init() {}

  @inline(__always)
  var isInForce: Bool { until != 0 }

  /// Whether there is anything to take back.
  @inline(__always)
  var isDoubted: Bool { names != 0 || until != 0 }

  /// Whether the next packet does without.
  ///
  /// After that time this packet tries, and others do without until it is answered.
  ///
  /// - Parameter isTrying: whether the packet tries something; one thing at a time, or its silence would tell
  ///   nothing.
  @inline(__always)
  mutating func applies(isTrying: inout Bool, now: UInt64) -> Bool {
    guard until != 0 else { return false }
    guard now >= until, !isTrying else { return true }
    isTrying = true
    until = now + Fallback.life
    return false
  }

  /// Takes in that a name was answered without, and not with.
  ///
  /// - Returns: whether that puts it in force.
  mutating func note(_ name: UInt32, limit: UInt8, now: UInt64) -> Bool {
    if until != 0 {
      until = now + Fallback.life
      return false
    }
    guard !counts(name) else { return false }
    names += 1
    hashes = (name, hashes.0, hashes.1)
    guard names >= limit else { return false }
    begin(now: now)
    return true
  }

  /// Whether a name has been counted.
  private func counts(_ name: UInt32) -> Bool {
    names > 0 && hashes.0 == name || names > 1 && hashes.1 == name || names > 2 && hashes.2 == name
  }

  /// Puts it in force.
  mutating func begin(now: UInt64) {
    names = 0
    until = now + Fallback.life
  }

  /// Takes in that it bears it.
  mutating func end() {
    names = 0
    until = 0
  }

  /// Has the next packet try again.
  mutating func retry(now: UInt64) {
    names = 0
    if until != 0 { until = max(now, 1) }
  }

  /// Ends it for all packets once it has expired.
  @inline(__always)
  mutating func endWhenOver(now: UInt64) {
    if until != 0 && now >= until { end() }
  }
}

/// What an upstream is asked with, as it was set.
public struct ServerRules: Hashable, Sendable, BitwiseCopyable {
  /// Whether it may be asked with EDNS.
  public var usesEDNS = true
  /// Whether it may be asked with cookies.
  public var usesCookies = true
  /// Whether it may be asked in random letter case.
  public var usesLetterCase = true

  /// Everything as it turns out to be borne.
  public init() {}
}

/// How much a packet asks of an upstream that says nothing.
enum Simplicity: UInt8, BitwiseCopyable {
  /// As much as it bears, as far as is known.
  case usual
  /// No random letter case.
  case lowerCase
  /// No cookie.
  case noCookie
  /// No EDNS and no random letter case.
  case plain
  /// TCP.
  case stream

  /// What a question's packet to a silent upstream does without.
  ///
  /// Not every name is slow because of it, so this is for upstreams that have answered nothing usual lately.
  ///
  /// - Parameters:
  ///   - attempt: packets sent so far.
  ///   - wantsSignatures: whether an answer without EDNS is of little use.
  static func of(attempt: Int, hasTriedTCP: Bool, wantsSignatures: Bool) -> Simplicity {
    switch attempt {
    case 0, 1: .usual
    case 2: .lowerCase
    case 3: .noCookie
    case 4: wantsSignatures ? .usual : .plain
    case 5: hasTriedTCP ? .plain : .stream
    default: attempt % 2 == 0 ? .plain : .usual
    }
  }
}
