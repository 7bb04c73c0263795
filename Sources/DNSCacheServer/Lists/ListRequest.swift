import DNSPolicy
import DNSWire

/// What the process is asked that reads a list: lines of a word and what it is about.
struct ListRequest: Equatable {
  /// What to do with the list.
  enum Task: Equatable {
    /// Write its compiled form to a path.
    case compile(output: String)
    /// Say which lines are about a name.
    case find(name: String)
    /// Say what is wrong with it.
    case examine
  }

  var task: Task
  var path: String
  /// The octets of ``NameHasher``'s key.
  var key: [UInt8]
  /// What plain names in it are about: `exact` or `subtree`; nothing for what its format says.
  var match: String?
  /// Whether it may say what is answered.
  var isTrusted: Bool
  /// Whether it may have a top-level domain.
  var allowsBroad: Bool
  /// Hashes of names that no list may block, each with all below it.
  var protected: [UInt64]
  /// Tells these settings from others.
  var settings: UInt64 {
    var sum = CompiledList.Checksum()
    sum.add(match == nil ? 0 : match == "exact" ? 1 : 2)
    sum.add((isTrusted ? 1 : 0) | (allowsBroad ? 2 : 0))
    for hash in protected { sum.add(hash) }
    return sum.value
  }

  /// As the process reads it.
  var encoded: [UInt8] {
    var lines = ["list \(path)", "key \(ListRequest.hex(key))"]
    switch task {
    case .compile(let output): lines.append("output \(output)")
    case .find(let name): lines.append("find \(name)")
    case .examine: lines.append("examine yes")
    }
    if let match { lines.append("match \(match)") }
    if isTrusted { lines.append("trusted yes") }
    if allowsBroad { lines.append("broad yes") }
    lines += protected.map { "protect \(String($0, radix: 16))" }
    return Array(lines.joined(separator: "\n").utf8)
  }

  init(
    _ task: Task, path: String, key: [UInt8], match: String?, isTrusted: Bool, allowsBroad: Bool,
    protected: [UInt64]
  ) {
    self.task = task
    self.path = path
    self.key = key
    self.match = match
    self.isTrusted = isTrusted
    self.allowsBroad = allowsBroad
    self.protected = protected
  }

  /// Reads a request; nothing when something is missing.
  init?(_ octets: [UInt8]) {
    var values: [String: String] = [:]
    protected = []
    for line in String(decoding: octets, as: UTF8.self).split(separator: "\n") {
      guard let space = line.firstIndex(of: " ") else { return nil }
      let value = String(line[line.index(after: space)...])
      if line[..<space] == "protect" {
        guard let hash = UInt64(value, radix: 16) else { return nil }
        protected.append(hash)
      } else {
        values[String(line[..<space])] = value
      }
    }
    guard let path = values["list"], let key = values["key"].flatMap(ListRequest.octets) else {
      return nil
    }
    if let output = values["output"] {
      task = .compile(output: output)
    } else if let name = values["find"] {
      task = .find(name: name)
    } else if values["examine"] != nil {
      task = .examine
    } else {
      return nil
    }
    self.path = path
    self.key = key
    match = values["match"]
    isTrusted = values["trusted"] != nil
    allowsBroad = values["broad"] != nil
  }

  static func hex(_ octets: [UInt8]) -> String {
    octets.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  static func octets(_ hex: String) -> [UInt8]? {
    let digits = hex.compactMap(\.hexDigitValue)
    guard digits.count == hex.count, digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

/// What the process says that reads a list: one line for each thing.
struct ListReport: Equatable {
  /// A line of the list that is worth telling.
  struct Line: Equatable {
    var number: Int
    var text: String
  }

  /// Why the list can't be used.
  var failure: String?
  /// Lines that make no sense.
  var mistakes: [Line] = []
  /// Names that no list may block.
  var refused: [Line] = []
  /// Lines about the name that was asked for.
  var found: [Line] = []

  /// Lines of a kind that are told at most.
  static let mostLines = 20

  init() {}

  var encoded: [UInt8] {
    var lines: [String] = []
    if let failure { lines.append("failed \(ListReport.plain(failure))") }
    for (word, all) in [("mistake", mistakes), ("refused", refused), ("found", found)] {
      lines += all.prefix(ListReport.mostLines).map {
        "\(word) \($0.number) \(ListReport.plain($0.text))"
      }
    }
    return Array(lines.joined(separator: "\n").utf8)
  }

  init(_ octets: [UInt8]) {
    for line in String(decoding: octets, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "failed": failure = String(parts[1])
      case "mistake": mistakes += ListReport.line(parts[1])
      case "refused": refused += ListReport.line(parts[1])
      case "found": found += ListReport.line(parts[1])
      default: continue
      }
    }
  }

  private static func line(_ text: Substring) -> [Line] {
    let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let number = Int(parts[0]) else { return [] }
    return [Line(number: number, text: String(parts[1]))]
  }

  /// Text of a stranger's, of bounded length and on one line.
  private static func plain(_ text: String) -> String {
    String(text.prefix(200).map { $0.isNewline ? " " : $0 })
  }
}
