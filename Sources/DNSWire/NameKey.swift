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
  public func matches(_ other: Span<UInt8>) -> Bool {
    guard other.count == count else { return false }
    let own = storage.span
    var offset = 0
    while offset &+ 8 <= count {
      if own.load64(offset) != other.load64(offset) { return false }
      offset &+= 8
    }
    while offset < count {
      if own[offset] != other[offset] { return false }
      offset &+= 1
    }
    return true
  }

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
    loadPlain(message.extracting(offset..<position &+ 1))
    return position &+ 1
  }

  /// Takes a name that is known to be well formed and uncompressed, such as one from the cache.
  public mutating func load(trusted name: Span<UInt8>) {
    precondition(name.count >= 1 && name.count <= WireName.longest)
    loadPlain(name)
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

  private mutating func loadPlain(_ name: Span<UInt8>) {
    var target = storage.mutableSpan
    target.store(name, 0)
    finish(octets: name.count)
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
  public func isAtOrBelow(_ zone: Span<UInt8>) -> Bool {
    guard zone.count <= count else { return false }
    var start = 0
    while count - start > zone.count { start += Int(storage[start]) + 1 }
    guard count - start == zone.count else { return false }
    for index in 0..<zone.count where storage[start + index] != zone[index] { return false }
    return true
  }

  /// How many labels the name has; 0 for the root.
  public var labelCount: Int {
    var labels = 0
    var position = 0
    while storage[position] != 0 {
      labels += 1
      position += Int(storage[position]) + 1
    }
    return labels
  }

  /// Lower-cases and hashes what is in storage.
  ///
  /// A length octet is at most 63, below "A", so the whole name can be lower-cased blindly.
  private mutating func finish(octets: Int) {
    count = octets
    let seed = self.seed
    var target = storage.mutableSpan
    var hash = seed.first ^ UInt64(truncatingIfNeeded: octets)
    var offset = 0
    while offset &+ 8 <= octets {
      let word = NameKey.lowercased(target.load64(offset))
      target.store64(word, offset)
      hash = seed.mix(hash, word)
      offset &+= 8
    }
    if offset < octets {
      // What lies behind the name is zeroed, so that equal names have equal words.
      let bits = UInt64((octets &- offset) &* 8)
      let word = NameKey.lowercased(target.load64(offset) & (1 << bits &- 1))
      target.store64(word, offset)
      hash = seed.mix(hash, word)
    }
    hash = seed.mix(hash, 0x9E37_79B9_7F4A_7C15)
    self.hash = UInt32(truncatingIfNeeded: hash ^ hash >> 32)
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
