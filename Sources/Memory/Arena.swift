/// A place in an ``Arena``: 32 bits, in units of four bytes; zero means none.
@frozen
public struct Reference: Equatable, Sendable {
  /// The unit's number.
  public var rawValue: UInt32

  /// Wraps a unit's number.
  @inlinable
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// No place at all.
  @inlinable
  public static var none: Reference { Reference(rawValue: 0) }

  /// Whether this names no place.
  @inlinable
  public var isNone: Bool { rawValue == 0 }
}

/// One contiguous region from which blocks of any size are given out and taken back.
///
/// The region is reserved whole and touched only as it fills, so an empty arena costs almost
/// nothing however large its capacity is. Blocks carry boundary tags: a freed block joins its free
/// neighbours at once, so freeing enough always ends in room for a larger block. Free blocks wait
/// in lists by size; both ``allocate(octets:)`` and ``free(_:)`` take constant time.
///
/// A block costs one unit (four bytes) beyond what was asked for, and is never smaller than four
/// units. References stay valid until freed; the region never moves.
@safe
public struct Arena: ~Copyable {
  /// Bytes in a unit, the granularity of references and sizes.
  @inlinable
  public static var unit: Int { 4 }

  /// The largest capacity, 4 GiB: a tag has 30 bits for a block's size, and all of the region may come
  /// to be one free block.
  public static let maximumCapacity = ((1 << 30) - 1) * 4

  @usableFromInline let base: UnsafeMutableRawPointer
  /// Units in the region.
  @usableFromInline let limit: UInt32
  /// Whether the region is its own, and not a block of another arena.
  private let ownsRegion: Bool
  /// The first unit that may be given out, and the one behind the last.
  private let first: UInt32
  private let end: UInt32
  /// First unit that was never used, or that has come back to the untouched rest.
  private var top: UInt32
  /// Whether the block just below `top` is in use.
  private var topFollowsUsed: Bool
  private var bins: FixedArray<UInt32>
  private var occupied: FixedArray<UInt64>
  /// Free blocks in ``bins``: none as long as nothing was freed.
  private var freeCount = 0

  /// Bytes in blocks that are in use, their tags included.
  public private(set) var used: Int

  /// Bytes that could be in use at most.
  public var capacity: Int { Int(end - first) * Arena.unit }

  /// Bytes of the region that have been touched: what it may cost in resident memory.
  public var touched: Int { Int(top - first) * Arena.unit }

  /// Reserves a region.
  ///
  /// - Parameter capacity: bytes, at most ``maximumCapacity``.
  public init(capacity: Int) {
    // UNREACHABLE: the cache's least and most size are inside.
    precondition(capacity >= 64 && capacity <= Arena.maximumCapacity)
    let units = capacity / Arena.unit
    // SAFETY: freed in deinit, reached only through the checked accessors below.
    unsafe base = UnsafeMutableRawPointer.allocate(
      byteCount: units * Arena.unit, alignment: 16)
    limit = UInt32(units)
    ownsRegion = true
    // Unit 0 is never given out, so that reference 0 can mean none.
    first = 1
    end = limit
    top = first
    topFollowsUsed = true
    bins = FixedArray(repeating: 0, count: Arena.binCount)
    occupied = FixedArray(repeating: 0, count: (Arena.binCount + 63) / 64)
    used = 0
  }

  /// Gives out parts of a block of another arena, which reads and writes them, too.
  ///
  /// - Parameter block: a block that is never freed; the other arena lives as long as this one.
  public init(inside block: Reference, of other: borrowing Arena) {
    // SAFETY: the same region, as the caller says; it is freed by its owner alone.
    unsafe base = other.base
    limit = other.limit
    ownsRegion = false
    first = block.rawValue
    end = block.rawValue + UInt32(other.room(block) / Arena.unit)
    top = first
    topFollowsUsed = true
    bins = FixedArray(repeating: 0, count: Arena.binCount)
    occupied = FixedArray(repeating: 0, count: (Arena.binCount + 63) / 64)
    used = 0
  }

  deinit {
    // SAFETY: allocated in init, and nothing outlives its owner.
    if ownsRegion { unsafe base.deallocate() }
  }

  // MARK: Reading and writing

  /// Reads a 32-bit field of a block.
  @inlinable
  public func load32(_ place: Reference, _ offset: Int) -> UInt32 {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ 4 <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    return unsafe base.loadUnaligned(fromByteOffset: at, as: UInt32.self)
  }

  /// Reads a 16-bit field of a block.
  @inlinable
  public func load16(_ place: Reference, _ offset: Int) -> UInt16 {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ 2 <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    return unsafe base.loadUnaligned(fromByteOffset: at, as: UInt16.self)
  }

  /// Reads an byte of a block.
  @inlinable
  public func load8(_ place: Reference, _ offset: Int) -> UInt8 {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at < Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    return unsafe base.load(fromByteOffset: at, as: UInt8.self)
  }

  /// Reads eight bytes of a block, in memory order.
  @inlinable
  public func load64(_ place: Reference, _ offset: Int) -> UInt64 {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ 8 <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    return unsafe base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
  }

  /// Reads a value of several fields at once.
  @inlinable
  public func load<Value: BitwiseCopyable>(
    _ place: Reference, _ offset: Int, as type: Value.Type
  ) -> Value {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ MemoryLayout<Value>.size <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked; callers name types for which any bytes will do.
    return unsafe base.loadUnaligned(fromByteOffset: at, as: type)
  }

  /// Writes a value of several fields at once.
  @inlinable
  public mutating func store<Value: BitwiseCopyable>(
    _ value: Value, _ place: Reference, _ offset: Int
  ) {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ MemoryLayout<Value>.size <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    unsafe base.storeBytes(of: value, toByteOffset: at, as: Value.self)
  }

  /// Writes a 32-bit field of a block.
  @inlinable
  public mutating func store32(_ value: UInt32, _ place: Reference, _ offset: Int) {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ 4 <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    unsafe base.storeBytes(of: value, toByteOffset: at, as: UInt32.self)
  }

  /// Writes a 16-bit field of a block.
  @inlinable
  public mutating func store16(_ value: UInt16, _ place: Reference, _ offset: Int) {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at &+ 2 <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    unsafe base.storeBytes(of: value, toByteOffset: at, as: UInt16.self)
  }

  /// Writes an byte of a block.
  @inlinable
  public mutating func store8(_ value: UInt8, _ place: Reference, _ offset: Int) {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && at < Int(limit) &* Arena.unit)
    // SAFETY: inside the region, as just checked.
    unsafe base.storeBytes(of: value, toByteOffset: at, as: UInt8.self)
  }

  /// The bytes of a part of a block.
  @inlinable
  @_lifetime(borrow self)
  public func octets(_ place: Reference, _ offset: Int, count: Int) -> Span<UInt8> {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: references and counts are the cache's own.
    precondition(offset >= 0 && count >= 0 && at &+ count <= Int(limit) &* Arena.unit)
    // SAFETY: inside the region, and the view can't outlive the borrow of its owner.
    let start = unsafe UnsafePointer<UInt8>(
      (base + at).assumingMemoryBound(to: UInt8.self))
    let view = unsafe Span(_unsafeStart: start, count: count)
    return unsafe _overrideLifetime(view, borrowing: self)
  }

  /// Copies bytes into a block.
  @inlinable
  public mutating func store(_ octets: Span<UInt8>, _ place: Reference, _ offset: Int) {
    let at = Int(place.rawValue) &* Arena.unit &+ offset
    // UNREACHABLE: a bound: a block is given out for what is stored in it.
    precondition(offset >= 0 && at &+ octets.count <= Int(limit) &* Arena.unit)
    // SAFETY: both sides are inside their regions, as just checked.
    unsafe octets.withUnsafeBytes { source in
      if let start = source.baseAddress {
        unsafe (base + at).copyMemory(from: start, byteCount: source.count)
      }
    }
  }

  // MARK: Allocation

  /// Gives out a block, or nothing when no free space is large enough.
  ///
  /// Its bytes hold whatever was there before.
  public mutating func allocate(octets: Int) -> Reference? {
    // UNREACHABLE: an RRset and a name have less than 128 KiB.
    precondition(octets >= 0 && octets < Int(Int32.max))
    let needed = max(Arena.smallestBlock, (UInt32(octets) + 3) / UInt32(Arena.unit) + 1)
    // A block of the size wanted first, or each new block would break up a larger one or touch more.
    if needed >= Arena.exactSizes,
      let block = takeFitting(atLeast: needed, attempts: Arena.fitAttempts)
    {
      return finish(block, needed)
    }
    if freeCount > 0, let block = takeFree(atLeast: needed) {
      return finish(block, needed)
    }
    guard needed <= end - top else {
      guard let block = takeFitting(atLeast: needed, attempts: Arena.lastFitAttempts)
      else { return nil }
      return finish(block, needed)
    }
    let block = top
    setTag(block, size: needed, used: true, followsUsed: topFollowsUsed)
    top += needed
    topFollowsUsed = true
    used += Int(needed) * Arena.unit
    return Reference(rawValue: block + 1)
  }

  /// Takes back a block.
  public mutating func free(_ place: Reference) {
    // UNREACHABLE: who frees got the block from allocate().
    precondition(place.rawValue > first && place.rawValue < top)
    var block = place.rawValue - 1
    precondition(isUsed(block), "a block is freed once")
    var size = self.size(block)
    used -= Int(size) * Arena.unit
    if !followsUsed(block) {
      let below = word(block - 1)
      block -= below
      size += below
      unlink(block, size: below)
    }
    let above = block + size
    if above == top {
      top = block
      topFollowsUsed = true
      return
    }
    if !isUsed(above) {
      let aboveSize = self.size(above)
      unlink(above, size: aboveSize)
      size += aboveSize
    }
    if block + size == top {
      top = block
      topFollowsUsed = true
      return
    }
    link(block, size: size)
  }

  /// Bytes that a block can hold.
  public func room(_ place: Reference) -> Int {
    (Int(size(place.rawValue - 1)) - 1) * Arena.unit
  }

  private mutating func finish(_ block: UInt32, _ needed: UInt32) -> Reference {
    let size = self.size(block)
    if size - needed >= Arena.smallestBlock {
      setTag(block, size: needed, used: true, followsUsed: followsUsed(block))
      link(block + needed, size: size - needed, followsUsed: true)
      used += Int(needed) * Arena.unit
    } else {
      setTag(block, size: size, used: true, followsUsed: followsUsed(block))
      setFollowsUsed(block + size, true)
      used += Int(size) * Arena.unit
    }
    return Reference(rawValue: block + 1)
  }

  // MARK: Free blocks
  //
  // A free block: tag, next in its list, previous in its list, …, its size again in its last unit.

  /// Tag, two links, and the size at the end.
  private static let smallestBlock: UInt32 = 4
  /// Sizes below this have a list each; larger ones share eight lists a power of two.
  private static let exactSizes: UInt32 = 64
  private static let binCount = 64 + (32 - 6) * 8
  /// How many blocks of a shared list are tried before another place is looked for.
  private static let fitAttempts = 4
  /// How many are tried when there is no other place.
  private static let lastFitAttempts = 32

  private static func bin(_ size: UInt32) -> Int {
    if size < exactSizes { return Int(size) }
    let power = 31 - size.leadingZeroBitCount
    return 64 + (power - 6) * 8 + Int((size >> UInt32(power - 3)) & 7)
  }

  /// A block from the first list of which every block is large enough.
  private mutating func takeFree(atLeast needed: UInt32) -> UInt32? {
    var bin = Arena.bin(needed)
    if needed >= Arena.exactSizes { bin += 1 }
    var wordIndex = bin >> 6
    guard wordIndex < occupied.count else { return nil }
    var bits = occupied[wordIndex] & (UInt64.max << UInt64(bin & 63))
    while bits == 0 {
      wordIndex += 1
      guard wordIndex < occupied.count else { return nil }
      bits = occupied[wordIndex]
    }
    let found = wordIndex << 6 + bits.trailingZeroBitCount
    let block = bins[found]
    unlink(block, size: size(block))
    return block
  }

  /// A block from the list whose blocks may or may not be large enough.
  private mutating func takeFitting(atLeast needed: UInt32, attempts limit: Int) -> UInt32? {
    var block = bins[Arena.bin(needed)]
    var attempts = 0
    while block != 0 && attempts < limit {
      let size = self.size(block)
      if size >= needed {
        unlink(block, size: size)
        return block
      }
      block = word(block + 1)
      attempts += 1
    }
    return nil
  }

  private mutating func link(_ block: UInt32, size: UInt32) {
    link(block, size: size, followsUsed: followsUsed(block))
  }

  private mutating func link(_ block: UInt32, size: UInt32, followsUsed: Bool) {
    setTag(block, size: size, used: false, followsUsed: followsUsed)
    setWord(block + size - 1, size)
    setFollowsUsed(block + size, false)
    let bin = Arena.bin(size)
    let first = bins[bin]
    setWord(block + 1, first)
    setWord(block + 2, 0)
    if first != 0 { setWord(first + 2, block) }
    bins[bin] = block
    occupied[bin >> 6] |= 1 << UInt64(bin & 63)
    freeCount += 1
  }

  private mutating func unlink(_ block: UInt32, size: UInt32) {
    let bin = Arena.bin(size)
    let next = word(block + 1)
    let previous = word(block + 2)
    freeCount -= 1
    if next != 0 { setWord(next + 2, previous) }
    if previous != 0 {
      setWord(previous + 1, next)
    } else {
      bins[bin] = next
      if next == 0 { occupied[bin >> 6] &= ~(1 << UInt64(bin & 63)) }
    }
  }

  // MARK: Boundary tags

  private func word(_ unit: UInt32) -> UInt32 { load32(Reference(rawValue: unit), 0) }

  private mutating func setWord(_ unit: UInt32, _ value: UInt32) {
    store32(value, Reference(rawValue: unit), 0)
  }

  private func size(_ block: UInt32) -> UInt32 { word(block) >> 2 }
  private func isUsed(_ block: UInt32) -> Bool { word(block) & 1 != 0 }
  private func followsUsed(_ block: UInt32) -> Bool { word(block) & 2 != 0 }

  private mutating func setTag(_ block: UInt32, size: UInt32, used: Bool, followsUsed: Bool) {
    setWord(block, size << 2 | (followsUsed ? 2 : 0) | (used ? 1 : 0))
  }

  private mutating func setFollowsUsed(_ block: UInt32, _ value: Bool) {
    if block == top {
      topFollowsUsed = value
    } else {
      setWord(block, word(block) & ~2 | (value ? 2 : 0))
    }
  }

  // MARK: Tests

  // UNREACHABLE: only tests call this.
  /// Walks every block and list; for tests.
  public func _checkInvariants() {
    var block = first
    var usedOctets = 0
    var freeBlocks = 0
    var previousUsed = true
    while block < top {
      let size = self.size(block)
      precondition(size >= Arena.smallestBlock && size <= top - block)
      precondition(followsUsed(block) == previousUsed)
      if isUsed(block) {
        usedOctets += Int(size) * Arena.unit
      } else {
        precondition(previousUsed, "free neighbours are joined")
        precondition(word(block + size - 1) == size)
        freeBlocks += 1
      }
      previousUsed = isUsed(block)
      block += size
    }
    precondition(block == top && topFollowsUsed == previousUsed && previousUsed)
    precondition(usedOctets == used)
    var listed = 0
    for bin in 0..<bins.count {
      var free = bins[bin]
      precondition((free != 0) == (occupied[bin >> 6] & (1 << UInt64(bin & 63)) != 0))
      while free != 0 {
        precondition(!isUsed(free) && Arena.bin(size(free)) == bin)
        listed += 1
        free = word(free + 1)
      }
    }
    precondition(listed == freeBlocks && listed == freeCount)
  }
}
