/// A value that one owner keeps in place on the heap and that event sources reach.
///
/// Handles are plain pointers: no reference counting and no exclusivity checks when a callback goes
/// through one. In return their user keeps two rules: everything happens on one thread, and
/// ``destroy()`` is called last, after every event source that holds a handle is gone.
@safe
public struct Pinned<Value: ~Copyable> {
  @usableFromInline let pointer: UnsafeMutablePointer<Value>

  /// Moves a value to its place.
  public init(_ value: consuming Value) {
    // SAFETY: initialised at once; ends in `destroy`.
    unsafe pointer = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  /// The value, in place.
  @inlinable
  public var value: Value {
    @_transparent
    unsafeAddress {
      // SAFETY: initialised until `destroy`.
      unsafe UnsafePointer(pointer)
    }
    @_transparent
    nonmutating unsafeMutableAddress {
      // SAFETY: initialised until `destroy`; one thread, as the type's rules say.
      unsafe pointer
    }
  }

  /// Ends the value's life.
  public func destroy() {
    // SAFETY: the last use, as the type's rules say.
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }
}
