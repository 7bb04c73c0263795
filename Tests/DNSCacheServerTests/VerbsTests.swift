import ArgumentParser
import Control
import Testing

@testable import DNSCacheServer

@Suite("The table of verbs")
struct VerbsTests {
  @Test func `each verb has a path of its own`() {
    let rows = Verbs.all.map { $0.row }
    #expect(Set(rows.map(\.path)).count == rows.count)
    for row in rows {
      let found = Self.path(at: ControlVerb.root + row.path)
      #expect(found == row.path)
    }
    for wrong in ["/api/v1/cache", "/api/v1/status/", "/api/v1/explain", "/status"] {
      let found = Self.path(at: wrong)
      #expect(found == nil)
    }
  }

  // Types in `#expect` crash the compiler of Swift 6.3.
  private static func path(at path: String) -> String? { Verbs.verb(at: path)?.row.path }

  @Test func `without the token HTTP explains, and does nothing else`() {
    let rows = Verbs.all.map { $0.row }
    #expect(rows.filter { $0.access == .everyone }.map(\.path) == ["explain/"])
    #expect(rows.filter { $0.access == .socket }.map(\.path) == ["stop"])
    #expect(Verbs.access(to: "/api/v1/explain/www.example.net") == .everyone)
    #expect(Verbs.access(to: "/api/v1/status") == .token)
    #expect(Verbs.access(to: "/api/v1/no-such-verb") == .token)
    #expect(Verbs.access(to: "/no-such-page") == .everyone)
  }

  @Test func `ctl has each verb that says what it is for, in groups`() {
    let rows = Verbs.all.map { $0.row }
    let commands = Set(Self.commands(of: ControlCommand.self))
    let words = rows.filter { $0.help != nil }.map { $0.words.joined(separator: " ") }
    #expect(commands == Set(words))
    #expect(rows.filter { $0.help == nil }.map(\.path) == ["history"])
  }

  /// The words of each command below one.
  private static func commands(of command: any ParsableCommand.Type) -> [String] {
    command.configuration.subcommands.flatMap { subcommand -> [String] in
      let name = subcommand.configuration.commandName ?? ""
      let below = commands(of: subcommand)
      return below.isEmpty ? [name] : below.map { "\(name) \($0)" }
    }
  }
}
