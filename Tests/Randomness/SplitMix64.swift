import FoundationEssentials

/// A generator whose whole state is one number, so that a failing round can be played again.
public struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  /// Starts from a seed.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// Fixed seeds, and one that is new in each run; the runner prints the seed of what fails.
  ///
  /// With `FEW_SEEDS`, as `make check` sets it, one of each.
  public static let seeds = fixedSeeds(7) + [UInt64.random(in: 8...UInt64.max)]

  /// As many fixed seeds; with `FEW_SEEDS` one, so for tests that take long and find little more with another.
  public static func fixedSeeds(_ count: UInt64) -> [UInt64] {
    Array(1...(ProcessInfo.processInfo.environment["FEW_SEEDS"] == nil ? count : 1))
  }

  /// A number of a range.
  public mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  /// As many random octets as a number of the range says.
  public mutating func octets(_ count: ClosedRange<Int>) -> [UInt8] {
    (0..<number(count)).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  /// One of some things; there is at least one.
  public mutating func oneOf<Element>(_ choices: [Element]) -> Element {
    choices[number(0...(choices.count - 1))]
  }
}
