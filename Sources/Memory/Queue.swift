/// A first-in, first-out queue of bounded length.
public struct Queue<Element>: ~Copyable {
  @usableFromInline var elements: FixedArray<Element>
  @usableFromInline var first = 0
  @usableFromInline var length = 0

  /// Elements in it.
  @inlinable public var count: Int { length }

  /// Elements that it may have.
  @inlinable public var capacity: Int { elements.count }

  /// Makes an empty queue.
  ///
  /// - Parameter filler: any value; it fills the places that are not in use.
  public init(capacity: Int, filler: Element) {
    elements = FixedArray(repeating: filler, count: capacity)
  }

  /// Appends an element; false when the queue is full.
  @inlinable
  public mutating func push(_ element: Element) -> Bool {
    guard length < elements.count else { return false }
    let end = first + length
    elements[end < elements.count ? end : end - elements.count] = element
    length += 1
    return true
  }

  /// Takes the first element, or nothing.
  @inlinable
  public mutating func pop() -> Element? {
    guard length > 0 else { return nil }
    let element = elements[first]
    first = first + 1 < elements.count ? first + 1 : 0
    length -= 1
    return element
  }
}
