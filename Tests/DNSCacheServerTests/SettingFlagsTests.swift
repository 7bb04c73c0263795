import Testing

@testable import Configuration
@testable import Control
@testable import DNSCacheServer

@Suite("Flags of settings")
struct SettingFlagsTests {
  @Test func `each flag of run gets to its setting`() throws {
    let values = Setting.all.map { "\($0.key)=\($0.isBoolean ? "false" : "a=b")" }
    let flags = Setting.all.flatMap {
      $0.isBoolean ? ["--no-\($0.flag)"] : ["--\($0.flag)", "a=b"]
    }
    for words in [flags, ["run"] + flags, values.flatMap { ["--set", $0] }] {
      let command = try #require(try DNSCacheServer.parseAsRoot(words) as? RunCommand)
      #expect(try command.given() == values)
    }
  }

  @Test func `flags and --set give the last of one value and all of a list`() throws {
    let command = try RunCommand.parse([
      "--listen", "127.0.0.1:5353", "--cache-size=64MiB", "--set", "cache.prefetch-rate=7",
      "--no-prefetch", "--listen=[::1]:5353", "--cache-size", "32MiB", "--config", "/dev/null",
    ])
    let source = SettingsSource(assignments: try command.given(), file: command.config)
    let settings = try source.settings()
    #expect(settings.listen.map(\.description) == ["127.0.0.1:5353", "[::1]:5353"])
    #expect(settings.cache.octets == 32 << 20 && settings.prefetchRate == 7)
    #expect(!settings.isPrefetching)
  }

  @Test func `the help text of run has the flags that are typed most, and says where all are`() {
    let help = RunCommand.helpMessage(columns: 80).split(whereSeparator: \.isWhitespace)
      .joined(separator: " ")
    #expect(help.contains("--set <setting=value>") && help.contains("dns-cache-server.yaml(5)"))
    let common = Setting.all.filter { SettingFlags.common.contains($0.key) }
    #expect(common.count == SettingFlags.common.count)
    for setting in common {
      #expect(help.contains("--\(setting.flag)"), "\(setting.flag)")
      #expect(help.contains(setting.help), "\(setting.key)")
    }
  }

  @Test(
    arguments: [
      (["--chache-size", "5"], "Unknown option '--chache-size'. Did you mean '--cache-size'?"),
      (["--no-config"], "Unknown option '--no-config'. Did you mean '--config'?"),
      (["--nonsense"], "Unknown option '--nonsense'"),
      (["--cache-size"], "Missing value for '--cache-size <size>'"),
      (["--cache-size", "--prefetch"], "Missing value for '--cache-size <size>'"),
      (
        ["--prefetch=true"],
        "The option '--prefetch' does not take any value, but 'true' was specified."
      ),
      (["rnu"], "Unexpected argument 'rnu'"),
    ])
  func `a flag that is none is named with the nearest`(words: [String], message: String) {
    do {
      _ = try DNSCacheServer.parseAsRoot(words)
      Issue.record("accepted")
    } catch {
      #expect(DNSCacheServer.message(for: error).split(separator: "\n").first ?? "" == message)
      #expect(DNSCacheServer.exitCode(for: error).rawValue == ExitStatus.usage.rawValue)
      #expect(DNSCacheServer.fullMessage(for: error).contains("dns-cache-server run --help"))
    }
  }
}
