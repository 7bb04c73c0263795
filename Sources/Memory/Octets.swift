extension Span<UInt8> {
  /// Reads eight octets in memory order (little-endian value).
  @inlinable
  public func load64(_ offset: Int) -> UInt64 {
    // SAFETY: the call checks its bounds; any eight octets are a valid integer.
    unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Reads a 16-bit number in network order.
  @inlinable
  public func load16(_ offset: Int) -> UInt16 {
    // SAFETY: the call checks its bounds; any two octets are a valid integer.
    unsafe UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// Reads a 32-bit number in network order.
  @inlinable
  public func load32(_ offset: Int) -> UInt32 {
    // SAFETY: the call checks its bounds; any four octets are a valid integer.
    unsafe UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}

extension Span<UInt8> {
  /// Whether the same octets stand at an offset; false when too few are there.
  @inlinable
  public func holds(_ octets: Span<UInt8>, _ offset: Int) -> Bool {
    precondition(offset >= 0)
    guard octets.count <= count &- offset else { return false }
    var position = 0
    while position &+ 8 <= octets.count {
      if load64(offset &+ position) != octets.load64(position) { return false }
      position &+= 8
    }
    while position < octets.count {
      if self[offset &+ position] != octets[position] { return false }
      position &+= 1
    }
    return true
  }
}

extension MutableSpan<UInt8> {
  /// Writes a 16-bit number in network order.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store16(_ value: UInt16, _ offset: Int) {
    precondition(offset >= 0 && offset &+ 2 <= count)
    self[offset] = UInt8(truncatingIfNeeded: value >> 8)
    self[offset &+ 1] = UInt8(truncatingIfNeeded: value)
  }

  /// Writes a 32-bit number in network order.
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store32(_ value: UInt32, _ offset: Int) {
    precondition(offset >= 0 && offset &+ 4 <= count)
    self[offset] = UInt8(truncatingIfNeeded: value >> 24)
    self[offset &+ 1] = UInt8(truncatingIfNeeded: value >> 16)
    self[offset &+ 2] = UInt8(truncatingIfNeeded: value >> 8)
    self[offset &+ 3] = UInt8(truncatingIfNeeded: value)
  }

  /// Copies octets to an offset; they must fit.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func store(_ octets: Span<UInt8>, _ offset: Int) {
    precondition(offset >= 0 && offset &+ octets.count <= count)
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
  /// Reads eight octets in memory order (little-endian value).
  @inlinable
  public func load64(_ offset: Int) -> UInt64 {
    span.load64(offset)
  }

  /// Writes eight octets in memory order (little-endian value).
  @inlinable
  @inline(__always)
  @_lifetime(self: copy self)
  public mutating func store64(_ value: UInt64, _ offset: Int) {
    precondition(offset >= 0 && offset &+ 8 <= count)
    // SAFETY: inside the span, as just checked.
    unsafe self.withUnsafeMutableBytes { target in
      unsafe target.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt64.self)
    }
  }
}

extension MutableSpan<UInt8> {
  /// Moves octets from an offset to the start; the two places may overlap.
  @_lifetime(self: copy self)
  public mutating func moveToFront(_ offset: Int, count octets: Int) {
    precondition(offset >= 0 && octets >= 0 && offset &+ octets <= count)
    // SAFETY: inside the span, as just checked; copyMemory allows overlap.
    unsafe self.withUnsafeMutableBytes { target in
      if let start = target.baseAddress {
        unsafe start.copyMemory(from: start + offset, byteCount: octets)
      }
    }
  }
}

/// Copies a few octets faster than a call of the C library's would: names, questions and addresses are
/// what the hot path copies, most of them shorter than 32 octets.
///
/// Both regions have at least `count` octets and don't overlap.
@inlinable
@inline(__always)
@unsafe
func copyOctets(from: UnsafeRawPointer, to: UnsafeMutableRawPointer, count: Int) {
  if count > 64 {
    unsafe to.copyMemory(from: from, byteCount: count)
    return
  }
  if count >= 8 {
    // SAFETY: the last word ends where the regions end; it may repeat what the one before copied.
    var offset = 0
    while offset &+ 8 < count {
      unsafe to.storeBytes(
        of: from.loadUnaligned(fromByteOffset: offset, as: UInt64.self), toByteOffset: offset,
        as: UInt64.self)
      offset &+= 8
    }
    unsafe to.storeBytes(
      of: from.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self),
      toByteOffset: count &- 8, as: UInt64.self)
    return
  }
  if count >= 4 {
    unsafe to.storeBytes(
      of: from.loadUnaligned(fromByteOffset: 0, as: UInt32.self), toByteOffset: 0, as: UInt32.self)
    unsafe to.storeBytes(
      of: from.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self),
      toByteOffset: count &- 4, as: UInt32.self)
    return
  }
  for offset in 0..<count {
    unsafe to.storeBytes(
      of: from.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
  }
}
