/// Why a text is no document, and where.
public struct SyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where.
  public let mark: Mark
  /// What is wrong and what to do.
  public let message: String

  /// Says what is wrong where.
  public init(_ mark: Mark, _ message: String) {
    self.mark = mark
    self.message = message
  }

  /// Line, column and what is wrong.
  public var description: String { "\(mark.line):\(mark.column): \(message)" }
}
