import Foundation
import Testing

@testable import Configuration
@testable import DNSCacheServer

/// The pages under docs/man are written by hand, but for the list of settings.
@Suite("The manual")
struct ManualTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/man")

  private static func page(_ name: String) throws -> String {
    try String(contentsOf: folder.appending(path: name), encoding: .utf8)
  }

  @Test func `every verb and flag stands in dns-cache-server(8)`() throws {
    let page = try Self.page("dns-cache-server.8").replacing("Fl -", with: "--")
    let lines = GoldenTests.commands()
    #expect(lines.count > 60)
    for line in lines {
      let words = line.split(separator: " ")
      if let flag = words.last, flag.hasPrefix("--") {
        #expect(page.contains(flag) || flag == "--help" || flag == "--version", "\(line)")
      } else if words.count > 1, words.last != "cache", words.last != "top" {
        #expect(page.contains("Cm \(words.dropFirst().joined(separator: " "))"), "\(line)")
      }
    }
  }

  @Test func `dns-cache-server.yaml(5) has every setting, as the catalogue has it`() throws {
    let page = try Self.page("dns-cache-server.yaml.5")
    let start = try #require(page.firstRange(of: ".\\\" BEGIN\n")).upperBound
    let end = try #require(page.firstRange(of: ".\\\" END\n")).lowerBound
    if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] != nil {
      let text = page[..<start] + Self.list() + page[end...]
      try text.write(
        to: Self.folder.appending(path: "dns-cache-server.yaml.5"), atomically: true,
        encoding: .utf8)
    } else {
      #expect(page[start..<end] == Self.list(), "write it anew: make golden")
    }
  }

  // MARK: The list of settings, in the macros of mdoc(7)

  private static func list() -> String {
    var lines: [String] = []
    var group: Substring?
    for setting in Setting.all {
      let words = setting.key.split(separator: ".")
      let heading = words.count > 1 ? words[0] : "general"
      if heading != group {
        lines += group == nil ? [] : [".El"]
        lines += [".Ss \(heading)", ".Bl -tag -width Ds"]
        group = heading
      }
      lines += [".It Cm \(setting.key) : Ar \(form(setting))", setting.help]
      if let bounds = setting.kind.bounds { lines.append("From \(bounds).") }
      lines.append("Default: \(setting.defaultText.isEmpty ? "none" : setting.defaultText).")
      if !setting.isLive { lines.append("A new value needs a restart.") }
      let opposite = setting.isBoolean ? " , -no-\(setting.flag)" : ""
      lines += ["Flag:", ".Fl -\(setting.flag)\(opposite) ."]
      guard case .item(let kind) = setting.kind else { continue }
      for field in kind.fields {
        lines += [".It Cm \(setting.key)[].\(field.name) : Ar \(form(field))", field.help]
      }
    }
    return (lines + [".El", ""]).joined(separator: "\n")
  }

  private static func form(_ holder: some ValueHolder) -> String {
    var form = holder.kind.form
    if case .item(let kind) = holder.kind { form = kind.noun }
    if holder.isList { form = "list of \(form)" }
    return holder.emptyWord.map { "\(form), or \($0)" } ?? form
  }
}
