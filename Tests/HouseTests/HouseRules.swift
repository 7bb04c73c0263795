/// The rules that every file under `Sources` keeps.
///
/// Which module may import which of ours is Package.swift's business, and the build looks after it. This looks at lines,
/// without comments and what stands in quotes.
enum HouseRules {
  /// A rule broken in one place.
  struct Violation: Equatable, CustomStringConvertible {
    /// Path relative to the repository.
    let path: String
    let line: Int
    let rule: Rule
    /// The offending text.
    let detail: String

    var description: String { "\(path):\(line): \(rule.rawValue): \(detail)" }
  }

  enum Rule: String {
    case systemImport = "no clock, no I/O, no C: this module may not import what the system has"
    case hiddenImport = "functions of other modules are reached by import only"
    case rawPointer = "raw pointers belong in Memory, System and EventLoop"
    case tooLong = "a file has at most 600 lines"
    case global = "there are no globals and no singletons"
    case silentTrap = "what may trap says why it does not, by an UNREACHABLE: comment beside it"
  }

  /// The modules that may import what the system has, and C, with what they import of it: all others do no I/O and have
  /// no clock.
  static let systemImports: [String: Set<String>] = [
    "System": ["CEvent", "Glibc"],
    "EventLoop": ["CEvent", "Glibc"],
    "YAML": ["CYAML"],
    "DNSCacheServer": ["Glibc", "FoundationEssentials", "Synchronization"],
  ]

  /// The only modules that may name a raw pointer.
  static let rawPointerModules: Set<String> = ["Memory", "System", "EventLoop", "YAML"]

  static let lineLimit = 600

  /// What a line must not have, and what part of a word every such line has: regular expressions are slow.
  ///
  /// Words have boundaries of the simple kind: to the default one `bytes.withUnsafe` is one word.
  private static var patterns: [(rule: Rule, parts: [String], words: Regex<AnyRegexOutput>)] {
    [
      (
        .systemImport, ["import "],
        Regex(
          /\bimport\s+(?:\w+\s+)?`?(?:Glibc|Foundation\w*|Dispatch|Synchronization|C[A-Z]\w*)\b/)
      ),
      (
        .hiddenImport, ["@_silgen_name", "@_extern", "dlsym", "dlopen"],
        Regex(/@_silgen_name|@_extern\b|\bdlsym\b|\bdlopen\b/)
      ),
      (
        .rawPointer, ["nsafe", "Pointer", "Unmanaged", "withMemory"],
        Regex(
          /\bUnsafe(?:Mutable)?(?:Raw)?(?:Buffer)?Pointer\b|\b(?:OpaquePointer|CVaListPointer|Unmanaged|withUnsafe\w*|unsafeBitCast|unsafeDowncast|unsafeAddress|withMemoryRebound)\b/
        )
      ),
      // Stored, as it has a value before any brace, or no brace at all.
      (
        .global, ["var ", "static let "],
        Regex(
          /^(?:\s.*)?\b(?:static|class)\s+var\b[^{]*(?:=.*)?$|^(?:\w+(?:\(\w+\))?\s)*var\b[^{]*(?:=.*)?$|\bstatic\s+let\s+(?:shared|default|current|instance)\b/
        )
      ),
      (
        .silentTrap, ["precondition", "fatalError", "assert", "unsafelyUnwrapped", "!"],
        Regex(
          /\b(?:precondition|preconditionFailure|fatalError|assert|assertionFailure|unsafelyUnwrapped)\b|\btry!|\bas!|[\w)\]>]!(?![=\w])/
        )
      ),
    ]
  }

  /// The lines without comments, and with nothing between quotes.
  private static func code(_ lines: [Substring]) -> [String] {
    var isQuoted = false
    return lines.map { line in
      if line.contains("\"\"\"") {
        isQuoted.toggle()
        return ""
      }
      if isQuoted { return "" }
      let bare = line.contains("\"") ? line.replacing(/#*"(?:\\.|[^"\\])*"#*/, with: "") : line
      guard let comment = bare.firstRange(of: "//") else { return String(bare) }
      return String(bare[..<comment.lowerBound])
    }
  }

  /// Whether a line has its reason on it, on one of the three before it, or above the function that it is in.
  private static func hasReason(_ index: Int, _ lines: [Substring], _ code: [String]) -> Bool {
    if lines[max(0, index - 3)...index].contains(where: { $0.contains("UNREACHABLE: ") }) {
      return true
    }
    let head = code[...index].lastIndex { $0.contains(/\b(?:func|init|subscript)\b/) } ?? 0
    return lines[..<head].reversed().prefix { $0.contains(/^ *(?:\/\/|@)/) }
      .contains { $0.contains("UNREACHABLE: ") }
  }

  /// Checks one Swift file.
  ///
  /// The path is relative to the repository: `Sources/MODULE/…/File.swift`.
  static func violations(path: String, text: String) -> [Violation] {
    let module = path.split(separator: "/").dropFirst().first.map(String.init) ?? ""
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let code = code(lines)
    var found: [Violation] = []
    for (rule, parts, words) in patterns {
      if rule == .rawPointer && rawPointerModules.contains(module) { continue }
      let words = words.wordBoundaryKind(.simple)
      for (index, line) in code.enumerated()
      where parts.contains(where: { line.utf8.firstRange(of: $0.utf8) != nil }) {
        for match in line.matches(of: words) {
          let detail = line[match.range].trimmingPrefix(/\s+/)
          if rule == .systemImport,
            let name = detail.split(whereSeparator: { " `".contains($0) }).last,
            systemImports[module]?.contains(String(name)) == true
          {
            continue
          }
          if rule == .silentTrap && hasReason(index, lines, code) { continue }
          found.append(
            Violation(path: path, line: index + 1, rule: rule, detail: String(detail)))
        }
      }
    }
    // A line break at the end of the file does not open another line.
    let count = lines.count - (text.hasSuffix("\n") ? 1 : 0)
    if count > lineLimit {
      found.append(
        Violation(path: path, line: lineLimit + 1, rule: .tooLong, detail: "\(count) lines"))
    }
    return found
  }
}
