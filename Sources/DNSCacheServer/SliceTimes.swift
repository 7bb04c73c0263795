import EventLoop
import Memory

/// How long slices of work took, in microseconds.
struct SliceTimes: ~Copyable {
  /// Slices so far.
  private(set) var count: UInt64 = 0
  private(set) var longest: UInt64 = 0
  /// Slices by the power of two that each is less than.
  private var byMagnitude = FixedArray<UInt64>(repeating: 0, count: UInt64.bitWidth + 1)

  mutating func note(_ microseconds: UInt64) {
    count += 1
    longest = max(longest, microseconds)
    byMagnitude[UInt64.bitWidth - microseconds.leadingZeroBitCount] += 1
  }

  /// A power of two that this share of all slices is less than; 0 when there were none.
  func bound(of share: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    var seen: UInt64 = 0
    for magnitude in 0..<UInt64.bitWidth {
      seen += byMagnitude[magnitude]
      if Double(seen) >= share * Double(count) { return min(1 << magnitude, longest) }
    }
    return longest
  }
}

extension Core {
  /// Runs a slice of work and notes how long the loop was held up by it.
  mutating func measureSlice<Result>(_ body: (inout Core) -> Result) -> Result {
    let start = EventLoop.microseconds()
    let result = body(&self)
    noteSlice(since: start)
    return result
  }

  /// Notes that the loop was held up since a moment.
  mutating func noteSlice(since start: UInt64) { slices.note(EventLoop.microseconds() - start) }
}
