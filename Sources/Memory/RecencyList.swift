/// Numbers in the order of their last use, the longest unused first; every call takes constant time.
///
/// The numbers are those of places elsewhere, from zero up to a capacity.
public struct RecencyList: ~Copyable {
  /// How many numbers there may be.
  public private(set) var capacity: Int
  /// How many there are.
  public private(set) var count = 0

  private var older: FixedArray<UInt32>
  private var newer: FixedArray<UInt32>
  private var first = RecencyList.none
  private var last = RecencyList.none

  private static let none = UInt32.max
  /// Where a number would have its neighbour that is not in the list.
  private static let absent = UInt32.max - 1

  /// Makes an empty list.
  public init(capacity: Int) {
    // UNREACHABLE: capacities are settings with bounds, far below.
    precondition(capacity > 0 && capacity < Int(RecencyList.absent))
    self.capacity = capacity
    older = FixedArray(repeating: RecencyList.absent, count: capacity)
    newer = FixedArray(repeating: RecencyList.none, count: capacity)
  }

  /// Has room for more numbers from now on.
  public mutating func grow(to capacity: Int) {
    // UNREACHABLE: capacities are settings with bounds, far below.
    precondition(capacity >= self.capacity && capacity < Int(RecencyList.absent))
    var older = FixedArray(repeating: RecencyList.absent, count: capacity)
    var newer = FixedArray(repeating: RecencyList.none, count: capacity)
    for number in 0..<self.capacity {
      older[number] = self.older[number]
      newer[number] = self.newer[number]
    }
    self.older = older
    self.newer = newer
    self.capacity = capacity
  }

  /// Whether a number is there.
  public func contains(_ number: Int) -> Bool { older[number] != RecencyList.absent }

  /// The number that was not used for the longest time.
  public var oldest: Int? { first == RecencyList.none ? nil : Int(first) }

  /// The number used next after one.
  public func next(after number: Int) -> Int? {
    // UNREACHABLE: callers look whether it is there.
    precondition(contains(number))
    return newer[number] == RecencyList.none ? nil : Int(newer[number])
  }

  /// Puts a number at the end, as just used; it may be there already.
  public mutating func use(_ number: Int) {
    if contains(number) { remove(number) }
    older[number] = last
    newer[number] = RecencyList.none
    if last == RecencyList.none {
      first = UInt32(number)
    } else {
      newer[Int(last)] = UInt32(number)
    }
    last = UInt32(number)
    count += 1
  }

  /// Takes a number out.
  public mutating func remove(_ number: Int) {
    // UNREACHABLE: callers look whether it is there.
    precondition(contains(number))
    let (before, after) = (older[number], newer[number])
    if before == RecencyList.none { first = after } else { newer[Int(before)] = after }
    if after == RecencyList.none { last = before } else { older[Int(after)] = before }
    older[number] = RecencyList.absent
    count -= 1
  }
}
