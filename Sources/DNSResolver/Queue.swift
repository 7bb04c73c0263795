import Memory

/// A first-in, first-out queue of bounded length.
struct Queue<Element>: ~Copyable {
  private var elements: FixedArray<Element>
  private var first = 0
  private(set) var count = 0

  /// Makes an empty queue.
  ///
  /// - Parameter filler: any value; it fills the places that are not in use.
  init(capacity: Int, filler: Element) {
    elements = FixedArray(repeating: filler, count: capacity)
  }

  /// Appends an element; false when the queue is full.
  mutating func push(_ element: Element) -> Bool {
    guard count < elements.count else { return false }
    let end = first + count
    elements[end < elements.count ? end : end - elements.count] = element
    count += 1
    return true
  }

  /// Takes the first element, or nothing.
  mutating func pop() -> Element? {
    guard count > 0 else { return nil }
    let element = elements[first]
    first = first + 1 < elements.count ? first + 1 : 0
    count -= 1
    return element
  }
}
