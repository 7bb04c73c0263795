import DNSWire

/// The words of one line of a scenario, taken one after the other.
struct Words {
  let file: String
  private(set) var line = 0
  private var words: ArraySlice<Substring> = []

  init(file: String) { self.file = file }

  /// Takes up a line; a comment begins with a number sign that stands at the start of a word.
  mutating func start(line: Int, _ text: String) {
    self.line = line
    let all = text.split { $0 == " " || $0 == "\t" }
    let end = all.firstIndex { $0.hasPrefix("#") } ?? all.endIndex
    words = all[..<end]
  }

  var isAtEnd: Bool { words.isEmpty }

  // MARK: Errors

  func error(_ message: String) -> ScenarioError {
    ScenarioError(file: file, line: line, message: message)
  }

  func unknown(_ word: String) -> ScenarioError { error("unknown word \"\(word)\"") }

  // MARK: Words

  mutating func next(_ what: String) throws -> String {
    guard let word = words.popFirst() else { throw error("the line ends before \(what)") }
    return String(word)
  }

  mutating func accept(_ word: String) -> Bool {
    guard words.first.map(String.init) == word else { return false }
    words.removeFirst()
    return true
  }

  mutating func expect(_ expected: String...) throws {
    for word in expected {
      let found = try next("\"\(word)\"")
      guard found == word else { throw error("unknown word \"\(found)\" in place of \"\(word)\"") }
    }
  }

  func end() throws {
    if let word = words.first { throw unknown(String(word)) }
  }

  // MARK: Values

  mutating func number<Number: FixedWidthInteger>() throws -> Number {
    let word = try next("a number")
    guard let number = Number(word) else { throw error("\"\(word)\" is not a number in range") }
    return number
  }

  /// Milliseconds.
  mutating func time() throws -> UInt64 {
    let word = try next("a time")
    if word.hasSuffix("ms"), let number = UInt64(word.dropLast(2)) { return number }
    if word.hasSuffix("s"), let number = UInt64(word.dropLast(1)) { return number * 1000 }
    throw error("\"\(word)\" is not a time such as 400ms or 4s")
  }

  mutating func name() throws -> Name {
    let word = try next("a name")
    guard let name = try? Name(word) else { throw error("\"\(word)\" is not a name") }
    return name
  }

  mutating func type() throws -> RecordType {
    let word = try next("a type")
    guard let type = RecordType(word) else { throw error("\"\(word)\" is not a type") }
    return type
  }

  /// A class if one comes next, else IN.
  mutating func recordClass() throws -> RecordClass {
    guard let word = words.first, let recordClass = RecordClass(String(word)) else {
      return .internet
    }
    words.removeFirst()
    return recordClass
  }

  mutating func rcode() throws -> ResponseCode {
    let word = try next("a response code")
    guard let rcode = ResponseCode(word) else { throw error("\"\(word)\" is not a response code") }
    return rcode
  }

  mutating func address() throws -> IPAddress {
    let word = try next("an address")
    guard let address = IPAddress(word) else { throw error("\"\(word)\" is not an address") }
    return address
  }

  /// Hexadecimal octets.
  mutating func literal() throws -> [UInt8] {
    guard case .literal(let octets) = try octets() else { throw error("these are no octets") }
    return octets
  }

  mutating func octets() throws -> Scenario.Octets {
    let word = try next("octets")
    switch word {
    case "ID": return .id
    case "QUESTION": return .question
    default:
      let digits = Array(word)
      let pairs = stride(from: 0, to: digits.count - 1, by: 2).map {
        UInt8(String(digits[$0...($0 + 1)]), radix: 16)
      }
      guard digits.count.isMultiple(of: 2), pairs.allSatisfy({ $0 != nil }) else {
        throw error("\"\(word)\" is neither ID nor QUESTION nor hexadecimal octets")
      }
      return .literal(pairs.compactMap { $0 })
    }
  }

  /// The record that the rest of the line is; `2000 x` before it makes as many, their addresses
  /// counting up.
  mutating func records() throws -> [Record] {
    var count = 1
    if words.dropFirst().first == "x" {
      count = try number()
      try expect("x")
    }
    let text = words.joined(separator: " ")
    words = []
    guard let record = try? Record(text) else { throw error("\"\(text)\" is not a record") }
    guard count > 1 else { return [record] }
    guard record.type == .a, let first = IPAddress(octets: record.rdata) else {
      throw error("only A records can be counted")
    }
    return (0..<count).map {
      var copy = record
      copy.rdata = IPAddress(v4: UInt32(first.low) + UInt32($0)).octets
      return copy
    }
  }
}
