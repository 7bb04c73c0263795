/// Equal buffers of bytes, reached by number; memory is touched only where it is written.
@safe
public struct BufferPool: ~Copyable {
  private let start: UnsafeMutablePointer<UInt8>
  /// How many buffers there are.
  public let count: Int
  /// Bytes that each holds.
  public let size: Int

  /// Reserves the buffers.
  public init(count: Int, size: Int) {
    // UNREACHABLE: sizes come from settings that were checked.
    precondition(count > 0 && size > 0)
    self.count = count
    self.size = size
    // SAFETY: freed in deinit. Bytes that were never written read as whatever was there, which is
    // harmless for plain bytes; users read only what they wrote.
    unsafe start = UnsafeMutablePointer<UInt8>.allocate(capacity: count * size)
  }

  deinit {
    // SAFETY: allocated in init; nothing outlives its owner.
    unsafe start.deallocate()
  }

  /// Copies bytes to the start of a buffer; they must fit.
  public mutating func store(_ octets: Span<UInt8>, in index: Int, at offset: Int = 0) {
    // UNREACHABLE: a bound: numbers are a slab's, names have 255 bytes at most.
    precondition(index >= 0 && index < count && offset >= 0 && offset + octets.count <= size)
    // SAFETY: inside the buffer, as just checked.
    unsafe octets.withUnsafeBytes { source in
      if let from = source.baseAddress {
        unsafe UnsafeMutableRawPointer(start + index * size + offset).copyMemory(
          from: from, byteCount: source.count)
      }
    }
  }

  /// The first bytes of a buffer, to be changed.
  @_lifetime(&self)
  public mutating func mutableOctets(in index: Int, count octets: Int) -> MutableSpan<UInt8> {
    // UNREACHABLE: a bound: numbers are a slab's, names have 255 bytes at most.
    precondition(index >= 0 && index < count && octets >= 0 && octets <= size)
    // SAFETY: inside the buffer; the view holds the only access to its owner.
    let view = unsafe MutableSpan(_unsafeStart: start + index * size, count: octets)
    return unsafe _overrideLifetime(view, mutating: &self)
  }

  /// The first bytes of a buffer.
  @_lifetime(borrow self)
  public func octets(in index: Int, count octets: Int) -> Span<UInt8> {
    // UNREACHABLE: a bound: numbers are a slab's, names have 255 bytes at most.
    precondition(index >= 0 && index < count && octets >= 0 && octets <= size)
    // SAFETY: inside the buffer; the view can't outlive the borrow of its owner.
    let view = unsafe Span(_unsafeStart: UnsafePointer(start + index * size), count: octets)
    return unsafe _overrideLifetime(view, borrowing: self)
  }
}
