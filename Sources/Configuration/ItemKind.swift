/// The form of items with named fields.
package struct ItemKind: Sendable {
  /// What an item is called in messages, without an article.
  let noun: String
  /// An item as the file may have it.
  let example: String
  /// The fields in the order in which they are shown; the first one that an item has is its name.
  let fields: [ItemField]
  /// Whether the file may have a mapping instead of a list, from each item's first field to its others.
  var isKeyed = false
  /// How an item is written in one line; nil if it can't be.
  var line: ItemLine?
  /// What is wrong with an item though each field is right by itself.
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
