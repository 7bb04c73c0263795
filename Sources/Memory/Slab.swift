/// A pool of equal slots, each taken and given back by its number.
///
/// The pool's memory is reserved whole and touched as slots are first taken; taking and giving back
/// cost the same few instructions however many slots there are.
@safe
public struct Slab<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline let start: UnsafeMutablePointer<Element>
  @usableFromInline let next: UnsafeMutablePointer<UInt32>
  @usableFromInline var firstFree: UInt32
  /// Places from this number on were never taken.
  @usableFromInline var fresh: Int

  /// How many slots there are.
  public let capacity: Int

  @usableFromInline var takenCount: Int

  /// How many slots are taken.
  @inlinable public var count: Int { takenCount }

  @inlinable static var noSlot: UInt32 { UInt32.max }
  @inlinable static var taken: UInt32 { UInt32.max - 1 }

  /// Makes a pool of empty slots.
  public init(capacity: Int) {
    // UNREACHABLE: capacities are settings with bounds.
    precondition(capacity > 0 && capacity < Int(UInt32.max) - 1)
    // SAFETY: slots are initialised when taken (`Element` is trivial), freed in deinit.
    unsafe start = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    unsafe next = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    self.capacity = capacity
    firstFree = Slab.noSlot
    fresh = 0
    takenCount = 0
  }

  deinit {
    // SAFETY: allocated in init; `Element` is trivial and needs no deinitialisation.
    unsafe start.deallocate()
    unsafe next.deallocate()
  }

  /// Takes a slot for a value, or returns nothing when all are taken.
  @inlinable
  public mutating func insert(_ value: Element) -> Int? {
    let index: Int
    if firstFree != Slab.noSlot {
      index = Int(firstFree)
      // SAFETY: numbers in the free list are below `fresh`.
      firstFree = unsafe next[index]
    } else {
      guard fresh < capacity else { return nil }
      index = fresh
      fresh += 1
    }
    // SAFETY: `index` is below `fresh`, so inside the allocation.
    unsafe next[index] = Slab.taken
    unsafe (start + index).initialize(to: value)
    takenCount += 1
    return index
  }

  /// The slot that the next ``insert(_:)`` takes, or nothing when all are taken.
  @inlinable
  public var nextFree: Int? {
    if firstFree != Slab.noSlot { return Int(firstFree) }
    return fresh < capacity ? fresh : nil
  }

  /// Gives a slot back.
  @inlinable
  public mutating func remove(_ index: Int) {
    // UNREACHABLE: who gives back got the number from insert(_:).
    precondition(contains(index), "a slot is given back once")
    // SAFETY: checked by `contains`.
    unsafe next[index] = firstFree
    firstFree = UInt32(index)
    takenCount -= 1
  }

  /// Whether a slot is taken.
  @inlinable
  public func contains(_ index: Int) -> Bool {
    // SAFETY: numbers below `fresh` are inside the allocation and initialised.
    index >= 0 && index < fresh && (unsafe next[index] == Slab.taken)
  }

  /// The value in a slot that was taken at least once.
  @inlinable
  public subscript(index: Int) -> Element {
    @_transparent
    unsafeAddress {
      // UNREACHABLE: a bound: numbers come from insert(_:).
      precondition(index >= 0 && index < fresh)
      // SAFETY: initialised, as just checked.
      return unsafe UnsafePointer(start + index)
    }
    @_transparent
    unsafeMutableAddress {
      // UNREACHABLE: a bound: numbers come from insert(_:).
      precondition(index >= 0 && index < fresh)
      // SAFETY: initialised, as just checked.
      return unsafe start + index
    }
  }

  /// Every number that may be taken lies below this.
  @inlinable public var end: Int { fresh }
}
