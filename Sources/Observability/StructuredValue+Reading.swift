extension StructuredValue {
  /// Reads what ``json`` has written: objects, lists, texts, whole numbers, flags and null (RFC 8259).
  ///
  /// Nothing for what is malformed, nested more than 32 deep, or has a number with a fraction, which we
  /// don't write.
  package init?(json: [UInt8]) {
    var reader = JSONReader(octets: json)
    guard let report = reader.value(depth: 0), reader.isAtEnd else { return nil }
    self = report
  }

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

  /// What has no members of its own, with its path.
  package func leaves(_ path: String) -> [(path: String, value: StructuredValue)] {
    guard case .object(let members) = self else { return [(path, self)] }
    return members.flatMap { $0.value.leaves("\(path).\($0.name)") }
  }

  /// The same with those leaves only whose paths are wanted; nil when there are none.
  package func pruned(_ path: String, where isWanted: (String) -> Bool) -> StructuredValue? {
    guard case .object(let members) = self else { return isWanted(path) ? self : nil }
    let rest = members.compactMap { name, value in
      value.pruned("\(path).\(name)", where: isWanted).map { (name: name, value: $0) }
    }
    return rest.isEmpty ? nil : .object(rest)
  }

  /// The text, if it is one.
  package var string: String? {
    if case .text(let text) = self { text } else { nil }
  }
}

/// Takes JSON apart.
private struct JSONReader {
  let octets: [UInt8]
  private var position = 0

  private static let deepest = 32

  init(octets: [UInt8]) { self.octets = octets }

  /// Whether nothing but space is left.
  var isAtEnd: Bool {
    mutating get {
      skipSpace()
      return position == octets.count
    }
  }

  mutating func value(depth: Int) -> StructuredValue? {
    guard depth < JSONReader.deepest else { return nil }
    skipSpace()
    guard position < octets.count else { return nil }
    switch octets[position] {
    case UInt8(ascii: "{"): return object(depth: depth)
    case UInt8(ascii: "["): return list(depth: depth)
    case UInt8(ascii: "\""): return text().map { .text($0) }
    case UInt8(ascii: "t"): return word("true", .flag(true))
    case UInt8(ascii: "f"): return word("false", .flag(false))
    case UInt8(ascii: "n"): return word("null", .null)
    default: return number()
    }
  }

  private mutating func object(depth: Int) -> StructuredValue? {
    position += 1
    var members: [(name: String, value: StructuredValue)] = []
    if take("}") { return .object(members) }
    repeat {
      skipSpace()
      guard let name = text(), take(":"), let value = value(depth: depth + 1) else { return nil }
      members.append((name, value))
    } while take(",")
    return take("}") ? .object(members) : nil
  }

  private mutating func list(depth: Int) -> StructuredValue? {
    position += 1
    var elements: [StructuredValue] = []
    if take("]") { return .list(elements) }
    repeat {
      guard let value = value(depth: depth + 1) else { return nil }
      elements.append(value)
    } while take(",")
    return take("]") ? .list(elements) : nil
  }

  private mutating func text() -> String? {
    guard position < octets.count, octets[position] == UInt8(ascii: "\"") else { return nil }
    position += 1
    var result: [UInt8] = []
    while position < octets.count {
      let octet = octets[position]
      position += 1
      switch octet {
      case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        result += Array(String(scalar).utf8)
      default: result.append(octet)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard position < octets.count else { return nil }
    let octet = octets[position]
    position += 1
    switch octet {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "u"):
      guard position + 4 <= octets.count,
        let number = UInt32(
          String(decoding: octets[position..<position + 4], as: UTF8.self), radix: 16)
      else { return nil }
      position += 4
      return Unicode.Scalar(number)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(octet)
    default: return nil
    }
  }

  private mutating func number() -> StructuredValue? {
    let start = position
    while position < octets.count, "-0123456789.eE+".utf8.contains(octets[position]) {
      position += 1
    }
    return Int64(String(decoding: octets[start..<position], as: UTF8.self)).map { .number($0) }
  }

  private mutating func word(_ word: String, _ meaning: StructuredValue) -> StructuredValue? {
    guard octets[position...].starts(with: word.utf8) else { return nil }
    position += word.utf8.count
    return meaning
  }

  /// Takes a sign if it comes next.
  private mutating func take(_ sign: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < octets.count, octets[position] == UInt8(ascii: sign) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < octets.count, [0x20, 0x09, 0x0A, 0x0D].contains(octets[position]) {
      position += 1
    }
  }
}
