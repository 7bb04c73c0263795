/// A value of a YAML document, and where it begins.
public struct Node: Sendable {
  /// What a value is.
  public enum Content: Sendable {
    /// Text as it was written; a value in quotes is never a number, a truth or nothing.
    case scalar(String, isQuoted: Bool)
    case sequence([Node])
    /// Keys in the order in which they stand; the reader has refused a key that stands twice.
    case mapping([Entry])
  }

  /// A key with its value.
  public struct Entry: Sendable {
    /// The key's word.
    public let key: String
    /// Where the key begins.
    public let mark: Mark
    /// What it is set to.
    public let value: Node
  }

  /// What it is.
  public let content: Content
  /// Where it begins.
  public let mark: Mark

  /// Whether it is nothing: an empty value, `null` or `~` (YAML 1.2 §10.3.2).
  public var isNothing: Bool {
    guard case .scalar(let text, isQuoted: false) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What it is, for a message to people.
  public var kind: String {
    switch content {
    case .scalar: isNothing ? "nothing" : "a single value"
    case .sequence: "a list"
    case .mapping: "a group of settings"
    }
  }
}
