/// Words in pieces of a mebibyte, so that many of them are given back a piece at a time.
///
/// What is given back at once holds up who does it: a millisecond for twenty mebibytes. Every access is checked.
public struct SegmentedWords: ~Copyable {
  /// Words of a piece.
  @usableFromInline static let perSegment = 131_072
  @usableFromInline static let shift = 17

  @usableFromInline var segments: FixedArray<FixedArray<UInt64>>
  /// How many words there are.
  public let count: Int

  /// Reserves words without touching them: what was never written reads as whatever was there.
  public init(reserving count: Int) {
    let whole = max(count, 0)
    var left = whole
    segments = FixedArray(count: (whole + Self.perSegment - 1) / Self.perSegment) {
      let size = min(left, Self.perSegment)
      left -= size
      return FixedArray(reserving: size)
    }
    self.count = whole
  }

  /// A word.
  @inlinable
  public subscript(index: Int) -> UInt64 {
    @inline(__always)
    get { segments[index &>> Self.shift][index & (Self.perSegment &- 1)] }
    @inline(__always)
    set { segments[index &>> Self.shift][index & (Self.perSegment &- 1)] = newValue }
  }

  /// How many pieces there are.
  public var segmentCount: Int { segments.count }

  /// Gives back a piece, whose words are no more to be read.
  public mutating func release(segment: Int) {
    segments[segment] = FixedArray(reserving: 0)
  }
}
