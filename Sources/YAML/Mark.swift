/// A place in a text: line and column, counted from one.
public struct Mark: Equatable, Sendable {
  public let line: Int
  /// In characters.
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}
