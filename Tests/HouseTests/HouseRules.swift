/// The rules that every file under `Sources` keeps, and who may import whom.
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
    case unknownModule = "this module has no row in the table of allowed imports"
    case forbiddenImport = "this module may not import that one"
    case hiddenImport = "functions of other modules are reached by import only"
    case rawPointer = "raw pointers belong in Memory, System and EventLoop"
    case tooLong = "a file has at most 600 lines"
    case global = "there are no globals and no singletons"
    case silentTrap = "what may trap says why it does not, by an UNREACHABLE: comment beside it"
  }

  /// Every module of ours and all that it may import.
  ///
  /// A module that is not here is an error.
  static let allowedImports: [String: Set<String>] = [
    "CEvent": [],
    "CYAML": [],
    "Memory": [],
    "DNSWire": ["Memory"],
    "DNSCache": ["Memory", "DNSWire"],
    "DNSPolicy": ["Memory", "DNSWire", "DNSCache"],
    "DNSExchange": ["Memory", "DNSWire"],
    "DNSResolver": ["Memory", "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange"],
    "DNSService": ["Memory", "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange", "DNSResolver"],
    "Observability": ["Memory", "DNSWire", "DNSService"],
    "System": ["CEvent", "Glibc"],
    "EventLoop": ["CEvent", "Memory", "System", "Glibc"],
    "HTTP": ["EventLoop", "System"],
    "YAML": ["CYAML"],
    "Configuration": [
      "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange", "DNSResolver", "DNSService",
      "Observability", "System", "YAML", "Logging",
    ],
    "DNSCacheServer": [
      "Memory", "DNSWire", "DNSCache", "DNSPolicy", "DNSExchange", "DNSResolver", "DNSService",
      "Observability", "System", "EventLoop", "HTTP", "Configuration", "ArgumentParser", "Logging",
      "Glibc",
      "FoundationEssentials", "Synchronization",
    ],
  ]

  /// The only modules that may name a raw pointer.
  static let rawPointerModules: Set<String> = ["Memory", "System", "EventLoop", "YAML"]

  static let lineLimit = 600

  /// Words, with boundaries of the simple kind: to the default one `bytes.withUnsafe` is one word.
  private static var rawPointerWords:
    Regex<(Substring, Substring?, Substring?, Substring?, Substring?)>
  {
    /\bUnsafe(Mutable)?(Raw)?(Buffer)?Pointer\b|\b(OpaquePointer|CVaListPointer|Unmanaged|withUnsafe\w*|unsafeBitCast|unsafeDowncast|unsafeAddress|withMemoryRebound)\b/
  }

  private static var hiddenImportWords: Regex<Substring> {
    /@_silgen_name|@_extern\b|\bdlsym\b|\bdlopen\b/
  }

  /// What ends the program when it is wrong, beside arithmetic and subscripts.
  private static var trapWords: Regex<Substring> {
    /\b(?:precondition|preconditionFailure|fatalError|assert|assertionFailure|unsafelyUnwrapped)\b|\btry!|\bas!|[\w)\]>]!(?![=\w])/
  }

  /// Whether a line may have one of them.
  private static func mayTrap(_ line: Substring) -> Bool {
    ["precondition", "fatalError", "assert", "unsafelyUnwrapped", "!"].contains {
      line.utf8.firstRange(of: $0.utf8) != nil
    }
  }

  /// Whether a line has its reason on it, on one of the three before it, or above the function that it is in.
  private static func hasReason(_ index: Int, _ lines: [Substring], _ code: [Substring]) -> Bool {
    if lines[max(0, index - 3)...index].contains(where: { $0.contains("UNREACHABLE: ") }) {
      return true
    }
    let head = code[...index].lastIndex { $0.contains(/\b(?:func|init|subscript)\b/) } ?? 0
    return lines[..<head].reversed().prefix { $0.contains(/^ *(?:\/\/|@)/) }
      .contains { $0.contains("UNREACHABLE: ") }
  }

  /// Whether a line has a part of a word that is looked for; regular expressions are slow.
  private static func isWorthALook(_ line: Substring) -> Bool {
    ["import", "@_", "dl", "nsafe", "Pointer", "Unmanaged", "withMemory"].contains {
      line.utf8.firstRange(of: $0.utf8) != nil
    }
  }

  /// Checks one Swift file.
  ///
  /// The path is relative to the repository: `Sources/MODULE/…/File.swift`.
  static func violations(path: String, text: String) -> [Violation] {
    let folders = path.split(separator: "/")
    guard folders.count >= 3, folders[0] == "Sources" else {
      return [Violation(path: path, line: 1, rule: .unknownModule, detail: path)]
    }
    let module = String(folders[1])
    guard let allowed = allowedImports[module] else {
      return [Violation(path: path, line: 1, rule: .unknownModule, detail: module)]
    }

    var found: [Violation] = []
    func report(_ line: Int, _ rule: Rule, _ detail: some StringProtocol) {
      found.append(Violation(path: path, line: line, rule: rule, detail: String(detail)))
    }

    let code = SwiftText(text)
    for (index, line) in code.lines.enumerated() where Self.isWorthALook(line) {
      for imported in importedModules(in: line) where !allowed.contains(imported) {
        report(index + 1, .forbiddenImport, "import \(imported)")
      }
      for match in line.matches(of: Self.hiddenImportWords.wordBoundaryKind(.simple)) {
        report(index + 1, .hiddenImport, match.output)
      }
      if !rawPointerModules.contains(module) {
        for match in line.matches(of: Self.rawPointerWords.wordBoundaryKind(.simple)) {
          report(index + 1, .rawPointer, match.output.0)
        }
      }
    }

    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in code.lines.enumerated() where Self.mayTrap(line) {
      for match in line.matches(of: Self.trapWords.wordBoundaryKind(.simple))
      where !hasReason(index, lines, code.lines) {
        report(index + 1, .silentTrap, match.output)
      }
    }

    for global in globals(in: code) {
      report(global.line, .global, global.declaration)
    }

    // A line break at the end of the file does not open another line.
    let lineCount = lines.count
    let lastIsEmpty = text.hasSuffix("\n") ? 1 : 0
    if lineCount - lastIsEmpty > lineLimit {
      report(lineLimit + 1, .tooLong, "\(lineCount - lastIsEmpty) lines")
    }
    return found
  }

  /// The top-level modules that a line imports: `Glibc` for `public import struct Glibc.timespec`.
  private static func importedModules(in line: Substring) -> [String] {
    let pattern =
      /(?:^|[\s;)])import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var|actor)\s+)?`?(\w+)/
    return line.matches(of: pattern).map { String($0.output.1) }
  }

  /// Stored variables at file scope, stored type properties that vary, and types' shared instances.
  ///
  /// A computed property has a brace and neither an initial value nor an observer; it is no global.
  private static func globals(in code: SwiftText) -> [(line: Int, declaration: String)] {
    var found: [(line: Int, declaration: String)] = []
    var depth = 0
    let lines = code.lines
    for (index, line) in lines.enumerated() {
      defer {
        for character in line {
          if character == "{" { depth += 1 }
          if character == "}" { depth -= 1 }
        }
      }
      guard line.contains("var ") || line.contains("static ") else { continue }
      let rest = lines[index...].prefix(6).joined(separator: "\n")
      if let match = rest.prefixMatch(of: /[^\n{}]*?\b(?:static|class)\s+var\s+\w+([^{=]*)/),
        isStored(after: match.output.1, in: rest[match.range.upperBound...])
      {
        found.append((index + 1, line.trimmingPrefix(/\s+/).description))
      } else if line.contains(/\bstatic\s+let\s+(shared|default|current|instance)\b/) {
        found.append((index + 1, line.trimmingPrefix(/\s+/).description))
      } else if depth == 0,
        let match = rest.prefixMatch(of: /(?:[^\n{}]*\s)?var\s+[\w(]+([^{=]*)/),
        isStored(after: match.output.1, in: rest[match.range.upperBound...])
      {
        found.append((index + 1, line.trimmingPrefix(/\s+/).description))
      }
    }
    return found
  }

  /// Whether a declaration is of a stored variable.
  ///
  /// The head is what follows the name, up to the first brace or equals sign; the rest begins there.
  private static func isStored(after head: Substring, in rest: Substring) -> Bool {
    // A type that ends with its line, and no body: `static var count: Int`.
    if head.contains(/\n\s*\S/) || head.allSatisfy({ $0.isWhitespace }) && rest.isEmpty {
      return true
    }
    guard rest.first == "{" else { return true }
    return rest.prefixMatch(of: /\{\s*(didSet|willSet)\b/) != nil
  }
}
