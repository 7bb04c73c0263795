import Glibc

/// Counts the memory that streams hold for what was written to them and isn't sent yet.
///
/// It counts what is allocated, from then until libevent frees it, rather than the octets that are left.
public final class StreamMemory {
  /// Bytes that are allocated.
  public private(set) var bytes = 0
  /// Counts the same of other streams, too.
  public var total: StreamMemory?

  /// What libevent allocates for each piece of output that isn't its own: the least that it ever does
  /// (MIN_BUFFER_SIZE in its buffer.c).
  static let overhead = 1_024

  /// Counts nothing yet.
  public init() {}

  private func add(_ count: Int) {
    bytes += count
    total?.bytes += count
  }

  /// Copies octets to memory of their own; nil when there is none.
  ///
  /// It is freed by ``free``, which needs ``retained``.
  func allocate(_ first: Span<UInt8>, _ rest: Span<UInt8>) -> UnsafeMutableRawPointer? {
    let count = first.count + rest.count
    guard let memory = unsafe malloc(max(count, 1)) else { return nil }
    // SAFETY: so many bytes were allocated.
    unsafe first.withUnsafeBytes { unsafe memory.copyMemory(from: $0) }
    unsafe rest.withUnsafeBytes { unsafe (memory + first.count).copyMemory(from: $0) }
    add(count + Self.overhead)
    return unsafe memory
  }

  /// What ``free`` is to be given as its last parameter.
  func retained() -> UnsafeMutableRawPointer {
    // SAFETY: `free` releases it; so the count outlives a stream that is gone before its output.
    unsafe Unmanaged.passRetained(self).toOpaque()
  }

  /// Frees what ``allocate(_:_:)`` allocated; an evbuffer_ref_cleanup_cb.
  static func free(_ octets: UnsafeRawPointer?, _ count: Int, _ owner: UnsafeMutableRawPointer?) {
    unsafe Glibc.free(UnsafeMutableRawPointer(mutating: octets))
    guard let owner = unsafe owner else { return }
    // SAFETY: `retained()` gave it.
    let memory = unsafe Unmanaged<StreamMemory>.fromOpaque(owner).takeRetainedValue()
    memory.add(-(count + overhead))
  }
}

extension UnsafeMutableRawPointer {
  /// Copies octets here, where there is room for them.
  fileprivate func copyMemory(from octets: UnsafeRawBufferPointer) {
    guard let start = octets.baseAddress else { return }
    unsafe copyMemory(from: start, byteCount: octets.count)
  }
}
