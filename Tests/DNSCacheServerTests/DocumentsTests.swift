import ArgumentParser
import Foundation
import Testing

@testable import Configuration
@testable import DNSCacheServer

@Suite("What the documents name is there")
struct DocumentsTests {
  /// Pages about what is there now; docs/performance.md and docs/security.md also speak of other programs.
  static let pages = [
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/answers.md",
    "docs/architecture.md", "docs/configuration.md", "docs/explain.md", "docs/figures.md",
    "docs/lan-names.md", "docs/lists.md", "docs/limits.md",
    "docs/operations.md", "docs/resolution.md", "docs/snapshot.md", "docs/two-servers.md",
  ]
  static let allPages = pages + ["docs/performance.md", "docs/security.md"]

  @Test(arguments: allPages) func `links lead to files and headings that exist`(page: String) throws
  {
    let folder = Repository.root.appending(path: page).deletingLastPathComponent()
    for match in try Repository.text(page).matches(of: /\]\(([^)#\s]*)(?:#([^)\s]*))?\)/) {
      let target = String(match.output.1)
      if target.hasPrefix("https://") { continue }
      let file =
        target.isEmpty ? Repository.root.appending(path: page) : folder.appending(path: target)
      #expect(FileManager.default.fileExists(atPath: file.path), "\(page): \(target)")
      guard let heading = match.output.2 else { continue }
      let headings = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        .filter { $0.hasPrefix("#") }.map { Self.anchor(of: $0) }
      #expect(headings.contains(String(heading)), "\(page): \(target)#\(heading)")
    }
  }

  /// What GitHub calls a heading.
  private static func anchor(of line: Substring) -> String {
    String(
      line.drop { $0 == "#" }.dropFirst().lowercased()
        .compactMap { character -> Character? in
          if character == " " { return "-" }
          return character.isLetter || character.isNumber || "-_".contains(character)
            ? character : nil
        })
  }

  @Test(arguments: pages) func `files and folders exist`(page: String) throws {
    let folders = [
      "Sources", "Tests", "docs", "scripts", "packaging", "examples", "benchmarks",
    ].map { $0 + "/" }
    for word in Set(try Repository.code(in: page)) {
      if folders.contains(where: { word.hasPrefix($0) }),
        !word.contains(where: { " *".contains($0) })
      {
        let path = Repository.root.appending(path: word).path
        #expect(FileManager.default.fileExists(atPath: path), "\(page): \(word)")
      } else if word.hasSuffix(".swift") {
        #expect(Repository.swift.keys.contains { $0.hasSuffix("/" + word) }, "\(page): \(word)")
      }
    }
  }

  @Test(arguments: pages) func `flags, settings and counters exist`(page: String) throws {
    let flags = Set(Setting.all.map(\.flag) + Self.otherFlags)
    let groups = Set(
      (Setting.all.map(\.key) + Self.figures).compactMap {
        $0.split(separator: ".").dropLast().first
      })
    for word in Set(try Repository.code(in: page)) {
      // `cache.size: 64MiB`, `--cache-size SIZE`
      let head = String(word.prefix { $0 != ":" && $0 != " " && $0 != "=" })
      if head.hasPrefix("--") {
        let flag = head.dropFirst(2)
        let plain = flag.hasPrefix("no-") ? flag.dropFirst(3) : flag
        #expect(flags.contains(String(flag)) || flags.contains(String(plain)), "\(page): \(word)")
      } else if let group = head.split(separator: ".").dropLast().first, groups.contains(group),
        head.allSatisfy({ $0.isLowercase || "._-".contains($0) }),
        !Self.otherWords.contains(head)
      {
        #expect(Setting.named(head) != nil || Self.isFigure(head), "\(page): \(word)")
      }
    }
  }

  /// Flags that are no settings.
  private static let otherFlags = [
    "all", "check", "config", "control", "count", "help", "json", "negative", "reference", "set",
    "tree", "type",
  ]

  /// Words with a dot that look like settings or figures.
  private static let otherWords: Set = [
    "cache.snapshot", "cache.snapshot.tmp", "cache.snapshot.lock", "control.sock", "resolver.arpa",
  ]

  private static let figures = Figures.statistics.figures.compactMap(\.path)

  /// Whether it is a figure, or ends with a word in capitals that stands for several.
  private static func isFigure(_ path: String) -> Bool {
    let start = path.prefix { !$0.isUppercase }
    return figures.contains(path)
      || start.count < path.count && figures.contains { $0.hasPrefix(start) }
  }

  @Test(arguments: ["README.md", "docs/operations.md"])
  func `configurations have no mistake`(page: String) throws {
    let blocks = try Repository.text(page).components(separatedBy: "```yaml\n").dropFirst()
    #expect(!blocks.isEmpty)
    for block in blocks {
      let text = try #require(block.components(separatedBy: "```").first)
      let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
      defer { try? FileManager.default.removeItem(at: file) }
      try text.write(to: file, atomically: true, encoding: .utf8)
      var configuration = Configuration(defaults: Settings())
      configuration.read(file.path)
      #expect(throws: Never.self, "\(page): \(text)") {
        _ = try configuration.settings()
      }
    }
  }

  @Test(arguments: [("README.md", 130), ("docs/architecture.md", 200)])
  func `what is read first is short`(page: String, most: Int) throws {
    #expect(
      try Repository.text(page).split(separator: "\n", omittingEmptySubsequences: false).count
        <= most + 1)
  }

  @Test func `the newest heading of the changelog is the program's version`() throws {
    let heading = try Repository.text("CHANGELOG.md").firstMatch(
      of: /\n## ([0-9.]+) \(\d{4}-\d\d-\d\d\)\n/)
    #expect(heading.map { String($0.output.1) } == DNSCacheServer.version)
  }

  @Test(arguments: pages) func `verbs of ctl exist`(page: String) throws {
    let words = try Repository.text(page).matches(
      of: /(?:`|dns-cache-server )ctl ([a-z]+)(?: ([a-z]+)\b)?/)
    for match in words {
      let verb = String(match.output.1)
      let command = Self.subcommand(verb, of: ControlCommand.self)
      let found = try #require(command, "\(page): \(match.output.0)")
      guard !found.configuration.subcommands.isEmpty, let next = match.output.2 else { continue }
      #expect(Self.subcommand(String(next), of: found) != nil, "\(page): \(match.output.0)")
    }
  }

  private static func subcommand(
    _ name: String, of command: any ParsableCommand.Type
  ) -> (any ParsableCommand.Type)? {
    command.configuration.subcommands.first { $0.configuration.commandName == name }
  }

  @Test(arguments: ["docs/architecture.md", "docs/limits.md", "docs/resolution.md", "README.md"])
  func `types and their members exist`(page: String) throws {
    for word in Set(try Repository.code(in: page)) {
      guard word.first?.isUppercase == true, word.contains(where: \.isLowercase),
        word.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." })
      else { continue }
      let names = word.split(separator: ".").map(String.init)
      guard let last = names.last, !["swift", "md"].contains(last) else { continue }
      if names.count > 1 {
        #expect(Repository.declares(last, in: names[names.count - 2]), "\(page): \(word)")
      } else if word.dropFirst().contains(where: \.isUppercase) {
        #expect(Repository.declares(word), "\(page): \(word)")
      }
    }
  }

  /// Each row of docs/limits.md: what is limited, the default, what sets it, the counter.
  @Test func `a limit names its setting with its default or its constant, and its counter`() throws
  {
    var rows = 0
    for line in try Repository.text("docs/limits.md").split(separator: "\n") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard line.hasPrefix("|"), cells.count >= 3, !cells[0].hasPrefix("---"), cells[2] != "Set by"
      else { continue }
      rows += 1
      for source in Repository.code(of: cells[2]) {
        if let setting = Setting.named(source) {
          #expect(cells[1] == setting.defaultText, "\(line)")
        } else {
          let names = source.split(separator: ".").map(String.init)
          try #require(names.count >= 2, "\(line)")
          #expect(
            Repository.declares(names[names.count - 1], in: names[names.count - 2]), "\(line)")
        }
      }
      guard cells.count > 3 else { continue }
      for counter in Repository.code(of: cells[3]) where counter.contains(".") {
        #expect(Self.isFigure(counter), "\(line)")
      }
    }
    #expect(rows > 80)
  }
}

/// The files of the repository.
private enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// What stands between single backquotes on one line.
  static func code(in path: String) throws -> [String] { code(of: try text(path)) }

  static func code(of text: String) -> [String] {
    text.split(separator: "\n").filter { !$0.hasPrefix("```") }.flatMap { line in
      line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
  }

  /// What a Swift file declares.
  struct Declarations {
    var types: Set<String> = []
    var members: Set<String> = []
  }

  /// The Swift files of Sources and Tests, by their paths.
  static let swift: [String: Declarations] = {
    var files: [String: Declarations] = [:]
    for folder in ["Sources", "Tests"] {
      let found = FileManager.default.enumerator(
        at: root.appending(path: folder), includingPropertiesForKeys: nil)
      while let file = found?.nextObject() as? URL {
        guard file.pathExtension == "swift", let text = try? Data(contentsOf: file) else {
          continue
        }
        files[file.path] = declarations(in: text)
      }
    }
    return files
  }()

  private static let typeWords = Set(
    ["struct", "class", "enum", "protocol", "extension", "typealias"].map { Array($0.utf8) })
  private static let memberWords = Set(["let", "var", "func", "case"].map { Array($0.utf8) })

  /// The words behind those that declare.
  private static func declarations(in text: Data) -> Declarations {
    var found = Declarations()
    var last: [UInt8] = []
    var word: [UInt8] = []
    for octet in [UInt8](text) {
      let letter = octet | 0x20
      if letter >= 0x61 && letter <= 0x7A || octet >= 0x30 && octet <= 0x39 || octet == 0x5F {
        word.append(octet)
      } else if !word.isEmpty {
        if typeWords.contains(last) { found.types.insert(String(decoding: word, as: UTF8.self)) }
        if memberWords.contains(last) {
          found.members.insert(String(decoding: word, as: UTF8.self))
        }
        swap(&last, &word)
        word.removeAll(keepingCapacity: true)
      }
    }
    return found
  }

  /// Whether a type is declared, or a module is called so.
  static func declares(_ type: String) -> Bool {
    swift.values.contains { $0.types.contains(type) }
      || ["Sources", "Tests"].contains {
        FileManager.default.fileExists(atPath: root.appending(path: "\($0)/\(type)").path)
      }
  }

  /// Whether a file that declares or extends a type declares a member.
  static func declares(_ member: String, in type: String) -> Bool {
    swift.values.contains { $0.types.contains(type) && $0.members.contains(member) }
  }
}
