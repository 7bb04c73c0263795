/// What an item of a list may be that has named fields.
package struct ItemKind: Sendable {
  /// What one is called, without its article.
  let noun: String
  /// An item as it may stand in the file.
  let example: String
  /// The fields, in the order in which they are shown; an item is called by the first of them that it has.
  let fields: [ItemField]
  /// Whether the file may have a mapping instead of a list: from the first field's value to the other fields.
  var isKeyed = false
  /// How an item is written in one line; nothing when it can't be.
  var line: ItemLine?
  /// What is wrong with an item whose fields are right, each by itself.
  var fault: @Sendable (Item) -> String? = { _ in nil }

  func field(_ name: String) -> ItemField? { fields.first { $0.name == name } }

  /// Reads an item that is written in one line.
  func item(_ text: String, at origin: Origin) throws(ValueError) -> Item {
    guard let line else {
      throw ValueError(description: "a \(noun) has fields, as in \(example)")
    }
    var item = Item(kind: self, fields: [])
    for part in try line.split(text) {
      guard let field = field(part.field) else { continue }
      var given = GivenField(field: field, origin: origin)
      for text in part.texts where part.texts.count > 1 || text != field.emptyWord {
        do {
          given.values.append(
            GivenValue(
              value: try field.kind.value(text, at: origin), text: text, origin: origin))
        } catch {
          throw ValueError(description: "\(text): \(error)")
        }
      }
      item.fields.append(given)
    }
    if let fault = fault(item) { throw ValueError(description: fault) }
    return item
  }
}

/// One field of an item.
struct ItemField: ValueHolder {
  let name: String
  let kind: ValueKind
  var arity = Arity.one
  var isRequired = false
  var emptyWord: String?
  /// One sentence for people.
  let help: String
}

/// How an item is written in one line.
struct ItemLine: Sendable {
  /// The form, in words.
  let form: String
  /// The texts that a line has for each field.
  let split: @Sendable (String) throws(ValueError) -> [(field: String, texts: [String])]
}
