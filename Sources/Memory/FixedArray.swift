/// An array of fixed length with one owner: no growth, no copies, no reference counting.
///
/// Every access is checked against the length.
@safe
public struct FixedArray<Element: ~Copyable>: ~Copyable {
  @usableFromInline let start: UnsafeMutablePointer<Element>

  /// How many elements there are.
  public let count: Int

  /// Makes each element by itself.
  @inlinable
  public init(count: Int, _ make: () -> Element) {
    // UNREACHABLE: counts are constants, or of settings that were checked.
    precondition(count >= 0)
    // SAFETY: initialised at once in full, freed in deinit.
    unsafe start = UnsafeMutablePointer<Element>.allocate(capacity: max(count, 1))
    for index in 0..<count {
      unsafe (start + index).initialize(to: make())
    }
    self.count = count
  }

  deinit {
    // SAFETY: initialised in init; nothing outlives its owner.
    unsafe start.deinitialize(count: count)
    unsafe start.deallocate()
  }

  /// The element at an index.
  @inlinable
  public subscript(index: Int) -> Element {
    @_transparent
    unsafeAddress {
      // UNREACHABLE: a bound, as an array's.
      precondition(index >= 0 && index < count)
      // SAFETY: inside the array, as just checked.
      return unsafe UnsafePointer(start + index)
    }
    @_transparent
    unsafeMutableAddress {
      // UNREACHABLE: a bound, as an array's.
      precondition(index >= 0 && index < count)
      // SAFETY: inside the array, as just checked.
      return unsafe start + index
    }
  }

  /// The elements as a view.
  @inlinable
  public var span: Span<Element> {
    @_lifetime(borrow self)
    get {
      // SAFETY: all elements are initialised; the view can't outlive the borrow of its owner.
      let view = unsafe Span(_unsafeStart: UnsafePointer(start), count: count)
      return unsafe _overrideLifetime(view, borrowing: self)
    }
  }

  /// The elements as a view that can be written through.
  @inlinable
  public var mutableSpan: MutableSpan<Element> {
    @_lifetime(&self)
    mutating get {
      // SAFETY: all elements are initialised; the view holds the only access to its owner.
      let view = unsafe MutableSpan(_unsafeStart: start, count: count)
      return unsafe _overrideLifetime(view, mutating: &self)
    }
  }
}

extension FixedArray<UInt8> {
  /// Reserves bytes without touching them: what was never written reads as whatever was there.
  public init(reserving count: Int) {
    // UNREACHABLE: counts are constants.
    precondition(count >= 0)
    // SAFETY: any bytes will do; freed in deinit.
    unsafe start = UnsafeMutablePointer<UInt8>.allocate(capacity: max(count, 1))
    self.count = count
  }
}

extension FixedArray<UInt64> {
  /// Reserves words without touching them: what was never written reads as whatever was there.
  public init(reserving count: Int) {
    // UNREACHABLE: callers bound their counts.
    precondition(count >= 0)
    // SAFETY: any words will do; freed in deinit.
    unsafe start = UnsafeMutablePointer<UInt64>.allocate(capacity: max(count, 1))
    self.count = count
  }
}

extension FixedArray where Element: Copyable {
  /// Makes `count` copies of a value.
  @inlinable
  public init(repeating value: Element, count: Int) {
    self.init(count: count) { value }
  }

  /// Takes the elements of an array.
  @inlinable
  public init(_ elements: [Element]) {
    var next = 0
    self.init(count: elements.count) {
      next += 1
      return elements[next - 1]
    }
  }
}
