import Memory

/// A secret that makes hashes of names unforeseeable for those who send them.
@frozen
public struct HashSeed: Sendable {
  @usableFromInline let first: UInt64
  @usableFromInline let second: UInt64

  /// Makes a seed from two random words.
  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    // The multiplier must be odd, or hashes would lose their low bits.
    self.second = second | 1
  }

  /// Mixes a word into a hash: the halves of a 128-bit product, folded.
  @inlinable
  public func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ word).multipliedFullWidth(by: second)
    return product.high ^ product.low
  }

  /// The hash of an address, given as two words.
  @inlinable
  public func hash(high: UInt64, low: UInt64) -> UInt32 {
    let hash = mix(mix(first, high), low &+ 0x9E37_79B9_7F4A_7C15)
    return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
  }
}

/// A name made ready for looking up: uncompressed wire form, lower-cased, with its hash.
///
/// Names are compared without regard to the case of ASCII letters (RFC 4343). The key is meant to be
/// filled again and again in place; filling it takes eight octets a step.
public struct NameKey: ~Copyable {
  // Not inline: a borrow of a large value is a copy of it, and keys are handed on for each packet.
  @usableFromInline var storage: FixedArray<UInt8>

  /// Octets of the name, length octets and root included; 1 for the root.
  public private(set) var count: Int

  /// Hash of all octets.
  public private(set) var hash: UInt32

  @usableFromInline let seed: HashSeed

  /// Makes the root's key.
  public init(seed: HashSeed) {
    storage = FixedArray(repeating: 0, count: 256)
    count = 1
    hash = 0
    self.seed = seed
    finish(octets: 1)
  }

  /// The name's octets.
  @inlinable
  public var octets: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span.extracting(0..<count) }
  }

  /// Whether another place holds the same octets.
  @inlinable
  public func matches(_ other: Span<UInt8>) -> Bool { WireName.isSame(octets, other) }

  /// Takes a name from a message, following its pointers.
  ///
  /// - Returns: the offset behind the name in the message.
  public mutating func load(
    from message: Span<UInt8>, at offset: Int
  ) throws(WireError) -> Int {
    var position = offset
    while true {
      guard position >= 0 && position < message.count else { throw .truncated }
      let length = Int(message[position])
      if length == 0 { break }
      if length > WireName.longestLabel {
        guard length >= 0xC0 else { throw .badLabel }
        return try loadCompressed(from: message, at: offset)
      }
      position &+= length &+ 1
    }
    let octets = position &+ 1 &- offset
    guard octets <= WireName.longest else { throw .nameTooLong }
    loadPlain(message, from: offset, to: position &+ 1)
    return position &+ 1
  }

  /// Takes a name that is known to be well formed and uncompressed, such as one from the cache.
  public mutating func load(trusted name: Span<UInt8>) {
    // UNREACHABLE: each name that was read or kept has 1 to 255 octets.
    precondition(name.count >= 1 && name.count <= WireName.longest)
    loadPlain(name, from: 0, to: name.count)
  }

  /// Takes another key's name; both are made with the same seed.
  public mutating func load(_ other: borrowing NameKey) {
    count = other.count
    hash = other.hash
    var target = storage.mutableSpan
    target.store(other.octets, 0)
  }

  /// Takes the octets and the hash of another key, made with the same seed, that were kept.
  public mutating func load(_ octets: Span<UInt8>, withHash hash: UInt32) {
    count = octets.count
    self.hash = hash
    var target = storage.mutableSpan
    target.store(octets, 0)
  }

  /// Takes octets from elsewhere, lower-cased and hashed.
  @inline(__always)
  private mutating func loadPlain(_ source: Span<UInt8>, from start: Int, to end: Int) {
    let name = source.extracting(start..<end)
    count = name.count
    var folding = Folding(seed: seed, octets: name.count)
    var target = storage.mutableSpan
    var position = 0
    while position <= name.count &- 8 {
      target.store64(folding.take(name.load64(position)), position)
      position &+= 8
    }
    if position < name.count {
      let word = NameKey.word(source, from: start &+ position, to: end)
      target.store64(folding.take(word), position)
    }
    hash = folding.result
  }

  /// One to seven octets as the low ones of a word, the others being zero, so that equal names have
  /// equal words.
  @inline(__always)
  static func word(_ source: Span<UInt8>, from start: Int, to end: Int) -> UInt64 {
    if end >= 8 {
      // One read that ends where the octets end: behind them may be nothing.
      return source.load64(end &- 8) &>> UInt64(truncatingIfNeeded: (8 &- (end &- start)) &* 8)
    }
    var word: UInt64 = 0
    var position = end
    while position > start {
      position &-= 1
      word = word &<< 8 | UInt64(source[position])
    }
    return word
  }

  private mutating func loadCompressed(
    from message: Span<UInt8>, at offset: Int
  ) throws(WireError) -> Int {
    var target = storage.mutableSpan
    let (end, octets) = try WireName.copy(message, at: offset, into: &target, at: 0)
    finish(octets: octets)
    return end
  }

  /// Makes this the key of the name without its first label; the root stays as it is.
  public mutating func dropFirstLabel() {
    let skipped = Int(storage[0]) + 1
    guard skipped > 1 else { return }
    for index in skipped..<count { storage[index - skipped] = storage[index] }
    finish(octets: count - skipped)
  }

  /// Whether this name is `zone` or lies below it.
  public func isAtOrBelow(_ zone: Span<UInt8>) -> Bool { WireName.isAtOrBelow(octets, zone) }

  /// How many labels the name has; 0 for the root.
  public var labelCount: Int { WireName.labelCount(octets) }

  /// Lower-cases and hashes what is in storage.
  private mutating func finish(octets: Int) {
    count = octets
    var folding = Folding(seed: seed, octets: octets)
    var target = storage.mutableSpan
    var position = 0
    while position &+ 8 <= octets {
      target.store64(folding.take(target.load64(position)), position)
      position &+= 8
    }
    if position < octets {
      let word = NameKey.word(target.span, from: position, to: octets)
      target.store64(folding.take(word), position)
    }
    hash = folding.result
  }

  /// The ``hash`` of a key that has this name, which is in lower case.
  public static func hash(of name: Span<UInt8>, _ seed: HashSeed) -> UInt32 {
    var folding = Folding(seed: seed, octets: name.count)
    var position = 0
    while position &+ 8 <= name.count {
      _ = folding.take(name.load64(position))
      position &+= 8
    }
    if position < name.count {
      _ = folding.take(word(name, from: position, to: name.count))
    }
    return folding.result
  }

  /// Lower-cases a name's octets and hashes them, eight a step.
  private struct Folding {
    private let seed: HashSeed
    private var hash: UInt64

    @inline(__always)
    init(seed: HashSeed, octets: Int) {
      self.seed = seed
      hash = seed.first ^ UInt64(truncatingIfNeeded: octets)
    }

    /// Takes the next eight octets, zeros behind the name's end, and returns them lower-cased.
    ///
    /// A length octet is at most 63, below "A", so the whole name can be lower-cased blindly.
    @inline(__always)
    mutating func take(_ word: UInt64) -> UInt64 {
      let lowercased = NameKey.lowercased(word)
      hash = seed.mix(hash, lowercased)
      return lowercased
    }

    /// The hash of all that was taken.
    @inline(__always)
    var result: UInt32 {
      let last = seed.mix(hash, 0x9E37_79B9_7F4A_7C15)
      return UInt32(truncatingIfNeeded: last ^ last >> 32)
    }
  }

  /// Lower-cases the ASCII letters among eight octets.
  @inlinable
  static func lowercased(_ word: UInt64) -> UInt64 {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let low = word & (0x7F &* ones)
    let atLeastA = low &+ (0x80 &- 0x41) &* ones
    let aboveZ = low &+ (0x7F &- 0x5A) &* ones
    let upper = (atLeastA ^ aboveZ) & ~word & (0x80 &* ones)
    return word | upper >> 2
  }
}
