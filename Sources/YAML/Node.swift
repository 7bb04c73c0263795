/// A value of a YAML document, and where it begins.
package struct Node: Sendable {
  /// What a value is.
  package enum Content: Sendable {
    /// Text as it was written; a value in quotes is never a number, a Boolean or null.
    case scalar(String, isQuoted: Bool)
    case sequence([Node])
    /// Keys in the order in which they stand; the reader has refused a key that stands twice.
    case mapping([Entry])
  }

  /// A key with its value.
  package struct Entry: Sendable {
    /// The key's word.
    package let key: String
    /// Where the key begins.
    package let mark: Mark
    /// What it is set to.
    package let value: Node
  }

  package let content: Content
  /// Where it begins.
  package let mark: Mark

  /// Whether it is nothing: an empty value, `null` or `~` (YAML 1.2 §10.3.2).
  package var isNothing: Bool {
    guard case .scalar(let text, isQuoted: false) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What it is, for a message to people.
  package var kind: String {
    switch content {
    case .scalar: isNothing ? "nothing" : "a single value"
    case .sequence: "a list"
    case .mapping: "a group of settings"
    }
  }
}

/// A place in a text: line and column, counted from one.
package struct Mark: Equatable, Sendable {
  /// The first line is 1.
  package let line: Int
  /// In characters.
  package let column: Int

  /// Names a place.
  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}
