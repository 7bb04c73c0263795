/// A place in a text: line and column, counted from one.
public struct Mark: Equatable, Sendable {
  /// The first line is 1.
  public let line: Int
  /// In characters.
  public let column: Int

  /// Names a place.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}
