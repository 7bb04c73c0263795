import ArgumentParser
import System

/// The program.
@main
struct DNSCacheServer: ParsableCommand {
  /// The version, here and nowhere else; the newest heading of CHANGELOG.md is the same.
  static let version = "0.2.0"

  static let configuration = CommandConfiguration(
    commandName: "dns-cache-server", abstract: "A caching DNS server for local networks.",
    version: version,
    subcommands: [
      RunCommand.self, CheckCommand.self, SchemaCommand.self, ControlCommand.self,
      ListCommand.self,
    ],
    defaultSubcommand: RunCommand.self)

  static func main() {
    // First of all: one that is sent as soon as the program runs is meant for the server, which isn't there yet.
    // What the loader takes before, a millisecond or two, is out of our hands.
    Process.hold(Server.requestSignals)
    let arguments = Array(CommandLine.arguments.dropFirst())
    if !startsServer(arguments) { Process.release(Server.requestSignals) }
    main(arranged(arguments))
  }

  /// Whether the arguments name no other command than `run`, which need not be named.
  private static func startsServer(_ arguments: [String]) -> Bool {
    guard let first = arguments.first else { return true }
    return first.hasPrefix("-") || first == RunCommand.configuration.commandName
  }

  /// Puts the options between `ctl` and its verb behind the verb, where the parser looks for them:
  /// `ctl --control PATH status` is how people write it, and each verb has these options.
  static func arranged(_ arguments: [String]) -> [String] {
    guard arguments.first == "ctl" else { return arguments }
    let rest = arguments.dropFirst()
    var options: [String] = []
    var index = rest.startIndex
    while index < rest.endIndex, rest[index].hasPrefix("--"), rest[index] != "--help" {
      options.append(rest[index])
      if rest[index] == "--control", index + 1 < rest.endIndex {
        index += 1
        options.append(rest[index])
      }
      index += 1
    }
    guard isVerb(rest[index...]) else { return ["ctl"] + rest[index...] }
    return ["ctl"] + rest[index...] + options
  }

  /// Whether words begin with a verb; if not, the parser is to complain about them, not about options.
  private static func isVerb(_ words: ArraySlice<String>) -> Bool {
    var command: any ParsableCommand.Type = ControlCommand.self
    for word in words {
      if command.configuration.subcommands.isEmpty { break }
      guard
        let next = command.configuration.subcommands.first(where: {
          $0.configuration.commandName == word
        })
      else { return false }
      command = next
    }
    return command.configuration.subcommands.isEmpty
  }
}
