import Memory

/// How often something took how long, in microseconds, by powers of two.
struct TimeHistogram: ~Copyable {
  /// How many were noted.
  private(set) var count: UInt64 = 0
  /// The longest of them.
  private(set) var longest: UInt64 = 0
  /// Counts by the power of two that each is less than.
  private var byMagnitude = FixedArray<UInt64>(repeating: 0, count: UInt64.bitWidth + 1)

  /// The powers of two that ``report`` tells apart: 16 µs to 16 ms.
  private static let shown = 4...14

  mutating func note(_ microseconds: UInt64) {
    count += 1
    longest = max(longest, microseconds)
    byMagnitude[UInt64.bitWidth - microseconds.leadingZeroBitCount] += 1
  }

  /// A power of two that this share of all is less than; 0 when there were none.
  func bound(of share: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    var seen: UInt64 = 0
    for magnitude in 0..<UInt64.bitWidth {
      seen += byMagnitude[magnitude]
      if Double(seen) >= share * Double(count) { return min(1 << magnitude, longest) }
    }
    return longest
  }

  /// How many were shorter than each bound, and not shorter than the one before.
  var report: Report {
    var rows: [(name: String, value: Report)] = []
    var shorter: UInt64 = 0
    for magnitude in 0...UInt64.bitWidth {
      shorter += byMagnitude[magnitude]
      guard magnitude >= TimeHistogram.shown.lowerBound else { continue }
      if magnitude <= TimeHistogram.shown.upperBound {
        rows.append(("below_\(1 << magnitude)", .count(shorter)))
        shorter = 0
      }
    }
    rows.append(("longer", .count(shorter)))
    return .object(rows)
  }
}
