/// Something that has values: a setting, or a field of an item.
package protocol ValueHolder: Sendable {
  var kind: ValueKind { get }
  var arity: Arity { get }
  /// The word that stands for an empty list, if there is one.
  var emptyWord: String? { get }
}

/// How many values there are.
package enum Arity: Sendable {
  case one
  /// A list, its flag repeatable, with at least one value.
  case some
  /// A list that may be empty.
  case any
}

extension ValueHolder {
  /// Whether it is a list, and its flag repeatable.
  package var isList: Bool { arity != .one }

  /// What to write, in words.
  var expected: String {
    if case .item(let kind) = kind {
      return isList ? "a list of \(kind.noun)s, as \(kind.example)" : "a \(kind.noun)"
    }
    let empty = emptyWord.map { ", or \($0)" } ?? ""
    return (isList ? "a list of \(kind.form)" : "one \(kind.form)") + empty
  }
}
