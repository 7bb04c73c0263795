import Observability

// Values as tests write them down: `["cache": ["hits": 3, "file": nil]]`.

extension StructuredValue: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral members: (String, StructuredValue)...) {
    self = .object(members.map { (name: $0.0, value: $0.1) })
  }
}

extension StructuredValue: ExpressibleByArrayLiteral {
  package init(arrayLiteral elements: StructuredValue...) { self = .list(elements) }
}

extension StructuredValue: ExpressibleByStringLiteral {
  package init(stringLiteral text: String) { self = .text(text) }
}

extension StructuredValue: ExpressibleByIntegerLiteral {
  package init(integerLiteral number: Int64) { self = .number(number) }
}

extension StructuredValue: ExpressibleByBooleanLiteral {
  package init(booleanLiteral flag: Bool) { self = .flag(flag) }
}

extension StructuredValue: ExpressibleByNilLiteral {
  package init(nilLiteral: ()) { self = .null }
}
