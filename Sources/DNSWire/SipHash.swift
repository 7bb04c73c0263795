import Memory

/// SipHash-2-4 with a result of 64 bits: a hash that nobody without the key can foresee.
///
/// Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; what DNS cookies are made with
/// (RFC 9018 §4.4).
@frozen
public struct SipHash: Equatable, Sendable, BitwiseCopyable {
  private let first: UInt64
  private let second: UInt64

  /// Octets of a key.
  public static let keyOctets = 16

  /// Makes a hash function from the key's two halves, each in little-endian order.
  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }

  /// Makes a hash function from the sixteen octets of a key; nil for any other count.
  public init?(key: Span<UInt8>) {
    guard key.count == SipHash.keyOctets else { return nil }
    self.init(key.load64(0), key.load64(8))
  }

  /// The hash of some octets; stored in little-endian order it is what the reference code gives.
  public func hash(_ message: Span<UInt8>) -> UInt64 {
    var state = State(first, second)
    var position = 0
    while position &+ 8 <= message.count {
      state.take(message.load64(position))
      position &+= 8
    }
    // The last word: what is left, and the length modulo 256 as its top octet.
    var last = UInt64(truncatingIfNeeded: message.count) << 56
    var shift: UInt64 = 0
    while position < message.count {
      last |= UInt64(message[position]) << shift
      shift &+= 8
      position &+= 1
    }
    state.take(last)
    return state.finish()
  }

  /// The four words that are stirred.
  private struct State {
    var v0: UInt64
    var v1: UInt64
    var v2: UInt64
    var v3: UInt64

    init(_ first: UInt64, _ second: UInt64) {
      v0 = first ^ 0x736f_6d65_7073_6575
      v1 = second ^ 0x646f_7261_6e64_6f6d
      v2 = first ^ 0x6c79_6765_6e65_7261
      v3 = second ^ 0x7465_6462_7974_6573
    }

    /// Takes in eight octets: two rounds.
    mutating func take(_ word: UInt64) {
      v3 ^= word
      round()
      round()
      v0 ^= word
    }

    /// Four rounds more.
    mutating func finish() -> UInt64 {
      v2 ^= 0xFF
      round()
      round()
      round()
      round()
      return v0 ^ v1 ^ v2 ^ v3
    }

    @inline(__always)
    private mutating func round() {
      v0 &+= v1
      v1 = rotated(v1, 13) ^ v0
      v0 = rotated(v0, 32)
      v2 &+= v3
      v3 = rotated(v3, 16) ^ v2
      v0 &+= v3
      v3 = rotated(v3, 21) ^ v0
      v2 &+= v1
      v1 = rotated(v1, 17) ^ v2
      v2 = rotated(v2, 32)
    }

    @inline(__always)
    private func rotated(_ word: UInt64, _ bits: UInt64) -> UInt64 {
      word &<< bits | word &>> (64 &- bits)
    }
  }
}
