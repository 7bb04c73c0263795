import CEvent
import Glibc

/// Random numbers from the kernel, fetched 1 KiB at a time; good for ports, IDs and keys.
///
/// A class, so that no copy can give out the same numbers again. What was given out is wiped.
@safe
public final class RandomPool: RandomNumberGenerator {
  /// 1 KiB, fetched by one system call.
  static let words = 128

  @usableFromInline let pool: UnsafeMutablePointer<UInt64>
  /// How many words are left, in memory of its own: a stored property would be checked for
  /// overlapping access.
  @usableFromInline let remaining: UnsafeMutablePointer<Int>

  /// Makes an empty pool; the first number fetches.
  public init() {
    // SAFETY: allocated here, freed in deinit.
    unsafe pool = .allocate(capacity: Self.words)
    unsafe pool.initialize(repeating: 0, count: Self.words)
    unsafe remaining = .allocate(capacity: 1)
    unsafe remaining.initialize(to: 0)
  }

  deinit {
    unsafe pool.deallocate()
    unsafe remaining.deallocate()
  }

  /// The next 64 bits.
  @inlinable
  public func next() -> UInt64 {
    // SAFETY: `remaining` is between 1 and the size of the pool after refill().
    if unsafe remaining.pointee == 0 { refill() }
    let index = unsafe remaining.pointee - 1
    unsafe remaining.pointee = index
    let word = unsafe pool[index]
    unsafe pool[index] = 0
    return word
  }

  @usableFromInline
  func refill() {
    let size = Self.words * MemoryLayout<UInt64>.size
    var filled = 0
    while filled < size {
      // SAFETY: the kernel writes at most the octets that are left in the pool.
      let result = CallResult(retrying: {
        unsafe getrandom(UnsafeMutableRawPointer(pool) + filled, size - filled, 0)
      })
      guard case .done(let count) = result else {
        // UNREACHABLE: Linux has it since 3.17, and it doesn't fail otherwise. Nothing else will do.
        fatalError("getrandom: no random numbers")
      }
      filled += count
    }
    unsafe remaining.pointee = Self.words
  }
}
