import Observability

/// The JSON Schema of the configuration file, for editors (draft 2020-12).
package enum ConfigurationSchema {
  package static var report: StructuredValue {
    .object([
      ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
      ("title", .text("Configuration of dns-cache-server")),
      ("type", .text("object")),
      ("additionalProperties", .flag(false)),
      ("properties", properties(of: "")),
    ])
  }

  /// The settings and groups right below a prefix, in the order of the catalogue.
  private static func properties(of prefix: String) -> StructuredValue {
    var members: [(name: String, value: StructuredValue)] = []
    for setting in Setting.all where setting.key.hasPrefix(prefix) {
      let words = setting.key.dropFirst(prefix.count).split(separator: ".").map(String.init)
      guard let name = words.first, !members.contains(where: { $0.name == name }) else { continue }
      if words.count == 1 {
        members.append((name, schema(of: setting)))
      } else {
        members.append(
          (
            name,
            .object([
              ("type", .list([.text("object"), .text("null")])),
              ("additionalProperties", .flag(false)),
              ("properties", properties(of: prefix + name + ".")),
            ])
          ))
      }
    }
    return .object(members)
  }

  private static func schema(of setting: Setting) -> StructuredValue {
    schema(
      of: setting,
      setting.defaultText.isEmpty
        ? setting.help : "\(setting.help) Default: \(setting.defaultText).")
  }

  private static func schema(of holder: some ValueHolder, _ help: String) -> StructuredValue {
    let description: (name: String, value: StructuredValue) = ("description", .text(help))
    let one = schema(of: holder.kind)
    guard holder.isList else { return .object([description] + one) }
    let least: [(name: String, value: StructuredValue)] =
      holder.arity == .some ? [("minItems", .count(1))] : []
    var forms: [StructuredValue] = [
      .object(one), .object([("type", .text("array")), ("items", .object(one))] + least),
    ]
    if case .item(let kind) = holder.kind, kind.isKeyed { forms[0] = byName(kind) }
    return .object([description, ("oneOf", .list(forms))])
  }

  /// A mapping from the first field's value to the others.
  private static func byName(_ kind: ItemKind) -> StructuredValue {
    let others = object(of: kind.fields.dropFirst())
    return .object([("type", .text("object")), ("additionalProperties", .object(others))])
  }

  private static func object(of fields: some Collection<ItemField>) -> [(
    name: String, value: StructuredValue
  )] {
    [
      ("type", .text("object")), ("additionalProperties", .flag(false)),
      ("properties", .object(fields.map { ($0.name, schema(of: $0, $0.help)) })),
      ("required", .list(fields.filter(\.isRequired).map { .text($0.name) })),
    ]
  }

  private static func schema(of kind: ValueKind) -> [(name: String, value: StructuredValue)] {
    let text: (name: String, value: StructuredValue) = ("type", .text("string"))
    return switch kind {
    case .boolean: [("type", .text("boolean"))]
    case .number(let range):
      [
        ("type", .text("integer")), ("minimum", .count(range.lowerBound)),
        ("maximum", .count(range.upperBound)),
      ]
    case .oneOf(let words): [("enum", .list(words.map { .text($0) }))]
    case .size: quantity("KiB|MiB|GiB")
    case .duration: quantity("ms|s|m|h|d")
    case .percent: quantity("%")
    case .network: [text, ("pattern", .text("^[0-9a-fA-F:.]+(/[0-9]+)?$"))]
    case .clientNetwork:
      [text, ("pattern", .text("^([0-9a-fA-F:.]+(/[0-9]+)?|\(LocalNetworks.word))$"))]
    case .endpoint: [text, ("pattern", .text(":[0-9]+$"))]
    case .item(let kind):
      kind.line == nil
        ? object(of: kind.fields)
        : [("oneOf", .list([.object([text]), .object(object(of: kind.fields))]))]
    case .server, .listener, .domain, .specialZone, .recordType, .checked, .text:
      [text, ("minLength", .count(1))]
    }
  }

  /// A number with a unit; only 0 has none.
  private static func quantity(_ units: String) -> [(name: String, value: StructuredValue)] {
    [
      ("type", .list([.text("string"), .text("integer")])),
      ("pattern", .text("^(0|[0-9]+(\(units)))$")), ("minimum", .count(0)), ("maximum", .count(0)),
    ]
  }
}
