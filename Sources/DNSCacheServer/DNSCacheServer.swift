import ArgumentParser

/// The program.
@main
struct DNSCacheServer: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "dns-cache-server", abstract: "A caching DNS server for local networks.",
    version: version, subcommands: [RunCommand.self, ControlCommand.self],
    defaultSubcommand: RunCommand.self)
}
