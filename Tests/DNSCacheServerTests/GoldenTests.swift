import ArgumentParser
import Foundation
import Observability
import Testing

@testable import Configuration
@testable import DNSCacheServer

/// Names that scripts, units and configurations use: they are added to, never renamed or removed.
///
/// `Golden/interface.txt` has a line for each, recorded first from the program as it was before it was made smaller.
/// `make golden` adds the lines that are new; a line is removed by hand, with a reason in the commit.
@Suite("Names that others depend on")
struct GoldenTests {
  private static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Golden/interface.txt")

  /// Every name there is now.
  ///
  /// A new kind of name is one more function here.
  private static func names() throws -> Set<String> {
    Set(try schema() + flags() + figures() + texts())
  }

  @Test func `every name that was recorded is still there`() throws {
    let recorded = Set(
      try String(contentsOf: Self.file, encoding: .utf8).split(separator: "\n").map(String.init))
    let names = try Self.names()
    if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] != nil {
      let text = recorded.union(names).sorted().joined(separator: "\n") + "\n"
      try text.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    #expect(recorded.subtracting(names).sorted() == [])
    #expect(!recorded.isEmpty)
  }

  // MARK: Settings

  /// Facts of the schema that may change: texts for people, and bounds.
  private static let changeable: Set = [
    "description", "title", "minimum", "maximum", "minItems", "minLength", "pattern",
  ]

  /// The keys of the configuration file with their types and words: `schema cache.size type string`.
  private static func schema() throws -> [String] {
    let text = ConfigurationSchema.report.indentedJSON
    return lines(of: try JSONSerialization.jsonObject(with: Data(text.utf8)), "schema")
  }

  private static func lines(of value: Any, _ path: String) -> [String] {
    switch value {
    case let object as [String: Any]:
      object.flatMap { key, value in
        changeable.contains(key) && !(value is [String: Any])
          ? [] : lines(of: value, "\(path) \(key)")
      }
    case let list as [Any]:
      list.flatMap { lines(of: $0, path) }
    default: ["\(path) \(value)"]
    }
  }

  // MARK: Commands and flags

  private static func flags() -> [String] {
    commands()
      + Setting.all.flatMap { setting in
        let names = setting.isBoolean ? ["--", "--no-"] : ["--"]
        return names.map { "command run \($0)\(setting.flag)" }
      }
  }

  /// The commands with the flags that the help of each has: `command ctl cache flush --tree`.
  static func commands() -> [String] { flags(of: DNSCacheServer.self, "command") }

  private static func flags(of command: any ParsableCommand.Type, _ path: String) -> [String] {
    let help = DNSCacheServer.helpMessage(for: command, columns: 10_000)
    var lines = [path] + help.matches(of: /--[a-z][a-z-]*/).map { "\(path) \($0.output)" }
    for subcommand in command.configuration.subcommands {
      let configuration = subcommand.configuration
      guard configuration.shouldDisplay, let name = configuration.commandName else { continue }
      lines += flags(of: subcommand, "\(path) \(name)")
    }
    return lines
  }

  // MARK: Figures

  /// The figures of `ctl stats` and `ctl upstreams`, and what Prometheus calls them; not their help, which is for people.
  private static func figures() -> [String] {
    func paths<Source>(_ table: FigureTable<Source>) -> [String] {
      table.figures.compactMap(\.path)
    }
    func metrics<Source>(_ table: FigureTable<Source>) -> [String] {
      table.figures.flatMap { figure -> [String] in
        guard let metric = figure.metric else { return [] }
        let name = "metric \(PrometheusText.prefix)\(metric.name)"
        return ["\(name) \(metric.kind)"]
          + metric.labels.map { "\(name) \($0.name)=\($0.value)" }
      }
    }
    return paths(Figures.statistics).map { "figure \($0)" }
      + paths(Figures.upstreams).map { "figure of an upstream: \($0)" }
      + paths(Figures.lists).map { "figure of a list: \($0)" }
      + paths(Figures.groups).map { "figure of a group: \($0)" }
      + metrics(Figures.statistics).filter { !$0.contains("version=") } + metrics(Figures.upstreams)
      + metrics(Figures.lists) + metrics(Figures.groups)
  }

  // MARK: Texts

  /// What the log says, the keys of its values, and the words of extended errors.
  ///
  /// Those are looked for among all texts of `Sources`, since most are put together where something happens; `…`
  /// stands for what is put in. Only those that were recorded are kept.
  private static func texts() throws -> [String] {
    let recorded = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    let sources = file.deletingLastPathComponent().appending(path: "../../../Sources").standardized
    var found: Set<String> = []
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    while let file = files?.nextObject() as? URL {
      guard file.pathExtension == "swift" else { continue }
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      where line.contains("\"") && !line.contains("\"\"\"") && line.firstMatch(of: /^ *\/\//) == nil
      {
        found.formUnion(literals(in: line).map { "text \($0)" })
      }
    }
    return recorded.map(String.init).filter { found.contains($0) }
  }

  /// The texts of a line, each `\(…)` as `…`.
  private static func literals(in line: Substring) -> [String] {
    var found: [String] = []
    var text: String?
    var depth = 0
    var last: Character = " "
    for character in line {
      defer { last = last == "\\" && character == "\\" ? " " : character }
      if depth > 0 {
        depth += character == "(" ? 1 : character == ")" ? -1 : 0
      } else if character == "\"", last != "\\" {
        if let text { found.append(text) }
        text = text == nil ? "" : nil
      } else if character == "(", last == "\\", text != nil {
        text?.removeLast()
        text? += "…"
        depth = 1
      } else {
        text?.append(character)
      }
    }
    return found
  }
}
