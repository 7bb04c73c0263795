/// Facts for people and for programs: the same tree is printed as text and as JSON.
package enum StructuredValue {
  /// Named facts, in this order.
  case object([(name: String, value: StructuredValue)])
  /// Facts of the same kind.
  case list([StructuredValue])
  case text(String)
  case number(Int64)
  case flag(Bool)
  /// Nothing is known.
  case null

  /// A number; null when it isn't known.
  package static func count(_ value: UInt64?) -> StructuredValue {
    value.map { .number(Int64(clamping: $0)) } ?? .null
  }

  package static func count(_ value: Int?) -> StructuredValue {
    value.map { .number(Int64($0)) } ?? .null
  }

  /// A text; null when there is none.
  package static func optional(_ text: String?) -> StructuredValue {
    text.map { .text($0) } ?? .null
  }

  // MARK: For programs (RFC 8259)

  package var json: String {
    switch self {
    case .object(let members):
      "{"
        + members.map { "\(StructuredValue.quoted($0.name)):\($0.value.json)" }.joined(
          separator: ",")
        + "}"
    case .list(let elements): "[" + elements.map(\.json).joined(separator: ",") + "]"
    case .text(let text): StructuredValue.quoted(text)
    case .number(let number): "\(number)"
    case .flag(let flag): flag ? "true" : "false"
    case .null: "null"
    }
  }

  /// JSON for people: a line for each member and element.
  package var indentedJSON: String { indented("") }

  private func indented(_ margin: String) -> String {
    let inner = margin + "  "
    switch self {
    case .object(let members) where !members.isEmpty:
      return "{\n"
        + members.map { "\(inner)\(StructuredValue.quoted($0.name)): \($0.value.indented(inner))" }
        .joined(separator: ",\n") + "\n\(margin)}"
    case .list(let elements) where !elements.isEmpty && !elements.allSatisfy(\.isPlain):
      return "[\n" + elements.map { inner + $0.indented(inner) }.joined(separator: ",\n")
        + "\n\(margin)]"
    default: return json
    }
  }

  /// Whether it has no parts.
  private var isPlain: Bool {
    switch self {
    case .object, .list: false
    default: true
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  // MARK: For people

  /// Lines of text: `name value` for an object, a table for a list of objects.
  package var text: String {
    switch self {
    case .object(let members): StructuredValue.lines(members)
    case .list(let elements): StructuredValue.table(elements)
    default: cell + "\n"
    }
  }

  private var cell: String {
    switch self {
    case .text(let text): text
    case .number(let number): "\(number)"
    case .flag(let flag): flag ? "yes" : "no"
    case .null: "-"
    case .list(let elements): elements.map(\.cell).joined(separator: " ")
    case .object(let members):
      members.map { "\($0.name)=\($0.value.cell)" }.joined(separator: " ")
    }
  }

  private static func lines(_ members: [(name: String, value: StructuredValue)]) -> String {
    let flat = members.flatMap { flatten($0.name, $0.value) }
    let width = flat.map(\.name.count).max() ?? 0
    return flat.map { padded($0.name, width) + "  " + $0.text + "\n" }.joined()
  }

  private static func flatten(_ name: String, _ value: StructuredValue) -> [(
    name: String, text: String
  )] {
    guard case .object(let members) = value else { return [(name, value.cell)] }
    return members.flatMap { flatten("\(name).\($0.name)", $0.value) }
  }

  private static func table(_ rows: [StructuredValue]) -> String {
    guard case .object(let first)? = rows.first else {
      return rows.map { $0.cell + "\n" }.joined()
    }
    var lines = [first.map(\.name)]
    for case .object(let members) in rows { lines.append(members.map(\.value.cell)) }
    let widths = first.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = ""
      for (column, cell) in line.enumerated() {
        text += column == line.count - 1 ? cell : padded(cell, widths[column]) + "  "
      }
      return text + "\n"
    }.joined()
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  // MARK: Reading

  /// The member of an object.
  package subscript(_ name: String) -> StructuredValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The number of a path, as `cache.hits`.
  package func number(_ path: String) -> Int64? {
    var report = self
    for name in path.split(separator: ".") {
      guard let next = report[String(name)] else { return nil }
      report = next
    }
    guard case .number(let number) = report else { return nil }
    return number
  }

  /// The elements of a list; none for anything else.
  package var elements: [StructuredValue] {
    if case .list(let elements) = self { elements } else { [] }
  }

  /// The members of an object; none for anything else.
  package var members: [(name: String, value: StructuredValue)] {
    if case .object(let members) = self { members } else { [] }
  }

  /// Whether a member is there and true.
  package func flag(_ name: String) -> Bool {
    if case .flag(let flag)? = self[name] { flag } else { false }
  }

  /// The text, if it is one.
  package var string: String? {
    if case .text(let text) = self { text } else { nil }
  }
}
