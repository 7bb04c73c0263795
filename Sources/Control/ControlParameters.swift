import DNSWire
import HTTP

/// What a verb is asked with, as it stands in a query; a name means the same for each verb.
package struct ControlParameters: ExpressibleByDictionaryLiteral, Sendable {
  var values: [(name: String, value: String)]

  /// Those that have a value.
  package init(dictionaryLiteral elements: (String, String?)...) {
    values = elements.compactMap { name, value in value.map { (name, $0) } }
  }

  /// Takes them from a request.
  package init(_ request: HTTPRequest, for verb: ControlVerb) {
    values = request.query
    if verb.path.hasSuffix("/") {
      let name = String(request.path.dropFirst(ControlVerb.root.count + verb.path.count))
      values.insert(("name", name), at: 0)
    }
  }

  package func text(_ name: String) -> String? { values.first { $0.name == name }?.value }

  package func has(_ name: String) -> Bool { text(name) != nil }

  /// Finds mistakes before anybody is asked; what is missing is the server's to say.
  package func check() throws(ControlVerb.Refusal) {
    if has("name") { _ = try nameOrAddress() }
    if has("address") { _ = try address() }
    _ = try type()
  }

  // MARK: Reading them

  package func name() throws(ControlVerb.Refusal) -> Name {
    let text = text("name")
    guard let text, let name = try? Name(text) else {
      throw Self.mistake("not a domain name: \(text ?? "(none given)")")
    }
    return name
  }

  /// A name; an address means the name that names it.
  package func nameOrAddress() throws(ControlVerb.Refusal) -> (name: Name, isAddress: Bool) {
    if let address = text("name").flatMap({ IPAddress($0) }) { return (address.reverseName, true) }
    return (try name(), false)
  }

  package func type() throws(ControlVerb.Refusal) -> RecordType? {
    guard let text = text("type") else { return nil }
    guard let type = RecordType(text) else {
      throw Self.mistake("not a record type: \(text); write A, MX, TYPE65280 and the like")
    }
    return type
  }

  package func address() throws(ControlVerb.Refusal) -> IPAddress {
    let text = text("address")
    guard let text, let address = IPAddress(text) else {
      throw Self.mistake("not an address: \(text ?? "(none given)")")
    }
    return address
  }

  package func number(
    _ name: String, in range: ClosedRange<Int>
  ) throws(ControlVerb.Refusal) -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw Self.mistake("not a number from \(range.lowerBound) to \(range.upperBound): \(text)")
    }
    return number
  }

  private static func mistake(_ sentence: String) -> ControlVerb.Refusal {
    .init(status: 400, sentence: sentence)
  }

  // MARK: Writing them

  /// Percent-encodes what has a meaning in a URI (RFC 3986 §2.1).
  static func encoded(_ text: String) -> String {
    text.utf8.map { octet in
      let character = Character(UnicodeScalar(octet))
      if character.isASCII
        && (character.isLetter || character.isNumber || "-._~".contains(character))
      {
        return String(character)
      }
      let digits = String(octet, radix: 16, uppercase: true)
      return "%" + (digits.count == 1 ? "0" : "") + digits
    }.joined()
  }
}
