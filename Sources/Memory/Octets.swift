extension Span<UInt8> {
  /// Reads eight bytes in memory order (little-endian value).
  @inlinable
  @inline(__always)
  public func load64(_ offset: Int) -> UInt64 {
    // One look at the bounds; `offset &+ 8` could wrap.
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- 8)
    // SAFETY: inside the span, as just checked; any eight bytes are a valid integer.
    return unsafe UInt64(
      littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
  }

  /// Reads a 16-bit number in network order.
  @inlinable
  @inline(__always)
  public func load16(_ offset: Int) -> UInt16 {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- 2)
    // SAFETY: inside the span, as just checked; any two bytes are a valid integer.
    return unsafe UInt16(
      bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt16.self))
  }

  /// Reads a 32-bit number in network order.
  @inlinable
  @inline(__always)
  public func load32(_ offset: Int) -> UInt32 {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- 4)
    // SAFETY: inside the span, as just checked; any four bytes are a valid integer.
    return unsafe UInt32(
      bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
  }
}

extension Span<UInt8> {
  /// Whether the same bytes stand at an offset; false when too few are there.
  @inlinable
  public func holds(_ octets: Span<UInt8>, _ offset: Int) -> Bool {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0)
    let others = octets.count
    guard others <= count &- offset else { return false }
    guard others >= 8 else {
      for index in 0..<others where self[offset &+ index] != octets[index] { return false }
      return true
    }
    var position = 0
    while position &+ 8 < others {
      if load64(offset &+ position) != octets.load64(position) { return false }
      position &+= 8
    }
    // The last eight bytes; some of them may have been compared already.
    return load64(offset &+ others &- 8) == octets.load64(others &- 8)
  }
}

extension MutableSpan<UInt8> {
  /// Writes a 16-bit number in network order.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store16(_ value: UInt16, _ offset: Int) {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- 2)
    // SAFETY: inside the span, as just checked.
    unsafe self.withUnsafeMutableBytes { target in
      unsafe target.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }
  }

  /// Writes a 32-bit number in network order.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store32(_ value: UInt32, _ offset: Int) {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- 4)
    // SAFETY: inside the span, as just checked.
    unsafe self.withUnsafeMutableBytes { target in
      unsafe target.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }
  }

  /// Copies bytes to an offset; they must fit.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store(_ octets: Span<UInt8>, _ offset: Int) {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- octets.count)
    // SAFETY: both sides are inside their regions, as just checked; views of a mutable span and of
    // anything else never overlap.
    unsafe octets.withUnsafeBytes { source in
      unsafe self.withUnsafeMutableBytes { target in
        if let from = source.baseAddress, let to = target.baseAddress {
          unsafe copyOctets(from: from, to: to + offset, count: source.count)
        }
      }
    }
  }
}

extension MutableSpan<UInt8> {
  /// Reads eight bytes in memory order (little-endian value).
  @inlinable
  public func load64(_ offset: Int) -> UInt64 {
    span.load64(offset)
  }

  /// Writes eight bytes in memory order (little-endian value).
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store64(_ value: UInt64, _ offset: Int) {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(offset >= 0 && offset <= count &- 8)
    // SAFETY: inside the span, as just checked.
    unsafe self.withUnsafeMutableBytes { target in
      unsafe target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
    }
  }
}

extension MutableSpan<UInt8> {
  /// Copies bytes from one offset to another; the two places may overlap.
  @_lifetime(self: copy self)
  public mutating func copy(_ offset: Int, to target: Int, count octets: Int) {
    // UNREACHABLE: a bound, as an array's: callers compare with the count first.
    precondition(
      offset >= 0 && target >= 0 && octets >= 0 && max(offset, target) <= count &- octets)
    // SAFETY: inside the span, as just checked; copyMemory allows overlap.
    unsafe self.withUnsafeMutableBytes { bytes in
      if let start = bytes.baseAddress {
        unsafe (start + target).copyMemory(from: start + offset, byteCount: octets)
      }
    }
  }
}

/// Copies a few bytes faster than a call of the C library's would: names, questions and addresses are
/// what the hot path copies, most of them shorter than 32 bytes.
///
/// Two moves do for every count between a power of two and the next: one from the start, one that ends
/// where the regions end and may repeat what the first has copied. Both regions have at least `count`
/// bytes and don't overlap.
@inlinable
@inline(__always)
@unsafe
func copyOctets(from: UnsafeRawPointer, to: UnsafeMutableRawPointer, count: Int) {
  if count > 64 {
    unsafe to.copyMemory(from: from, byteCount: count)
  } else if count > 32 {
    unsafe copyBothEnds(from: from, to: to, count: count, by: SIMD4<UInt64>.self)
  } else if count >= 16 {
    unsafe copyBothEnds(from: from, to: to, count: count, by: SIMD2<UInt64>.self)
  } else if count >= 8 {
    unsafe copyBothEnds(from: from, to: to, count: count, by: UInt64.self)
  } else if count >= 4 {
    unsafe copyBothEnds(from: from, to: to, count: count, by: UInt32.self)
  } else {
    for offset in 0..<count {
      unsafe to.storeBytes(
        of: from.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset,
        as: UInt8.self)
    }
  }
}

/// Copies the first and the last bytes of a region, as many as a word has.
@inlinable
@inline(__always)
@unsafe
func copyBothEnds<Word: BitwiseCopyable>(
  from: UnsafeRawPointer, to: UnsafeMutableRawPointer, count: Int, by _: Word.Type
) {
  // SAFETY: the caller has at least a word's bytes in both regions.
  let last = count &- MemoryLayout<Word>.size
  let first = unsafe from.loadUnaligned(as: Word.self)
  let end = unsafe from.loadUnaligned(fromByteOffset: last, as: Word.self)
  unsafe to.storeBytes(of: first, as: Word.self)
  unsafe to.storeBytes(of: end, toByteOffset: last, as: Word.self)
}
