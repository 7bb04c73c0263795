/// An item of a list, with the values of its fields.
package struct Item: Sendable {
  let kind: ItemKind
  /// The fields that were given, in the order of ``ItemKind/fields``.
  var fields: [GivenField]

  init(kind: ItemKind, fields: [GivenField]) {
    self.kind = kind
    self.fields = fields
  }

  /// Makes an item of values that were not read from a text.
  init(_ kind: ItemKind, _ values: [String: [Value]]) {
    self.kind = kind
    fields = kind.fields.compactMap { field in
      values[field.name].map { values in
        GivenField(
          field: field, origin: .nowhere,
          values: values.map {
            GivenValue(value: $0, text: field.kind.text(of: $0), origin: .nowhere)
          })
      }
    }
  }

  /// A field, if it was given.
  subscript(name: String) -> GivenField? { fields.first { $0.field.name == name } }

  /// The values of a field; none when it wasn't given.
  func values(_ name: String) -> [GivenValue] { self[name]?.values ?? [] }

  /// Its name among the other items: the first value.
  package var name: String {
    guard let first = fields.first, let value = first.values.first else { return kind.noun }
    return first.field.kind.text(of: value.value)
  }

  /// The item as the file may have it.
  package var text: String { "{\(fields.map(\.text).joined(separator: ", "))}" }
}

/// What was given for one field of an item.
struct GivenField: Sendable {
  let field: ItemField
  /// Where its value begins.
  let origin: Origin
  var values: [GivenValue] = []
  /// Whether an empty list was written, instead of ``ValueHolder/emptyWord``.
  var isEmptyList = false

  fileprivate var text: String {
    let texts = values.map { field.kind.text(of: $0.value) }.joined(separator: ", ")
    let isWord = texts.isEmpty && field.emptyWord != nil
    return "\(field.name): \(isWord ? field.emptyWord ?? "" : field.isList ? "[\(texts)]" : texts)"
  }
}
