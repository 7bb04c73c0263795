import ArgumentParser
import Observability

/// `ctl top`: what comes most.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "What comes most, since the start.",
    discussion: """
      Counts are kept for 1,024 names, 1,024 clients and 512 failing questions. The true count lies \
      between the two bounds. Where every query was counted that is certain; they differ only \
      once there are more names or clients than are kept. While queries come so fast that several are read at \
      once, or more than 2,000 times a second, one drawn by lot counts for all, and the bounds \
      are four standard deviations away.
      """,
    subcommands: [Names.self, Clients.self, Failures.self])

  /// How many rows there are to be.
  struct Length: ParsableArguments {
    @Option(help: ArgumentHelp("Rows at most, up to \(TopList.mostCount).", valueName: "number"))
    var count = TopList.usualCount

    func validate() throws {
      guard (1...TopList.mostCount).contains(count) else {
        throw ValidationError("--count is 1 to \(TopList.mostCount).")
      }
    }
  }

  struct Names: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "names", abstract: "Names asked for most, with their types.")
    @OptionGroup var length: Length
    @OptionGroup var options: ControlCommand.Options
    func run() throws { try options.perform { .top(.names, count: length.count) } }
  }

  struct Clients: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "clients", abstract: "Clients that ask most.")
    @OptionGroup var length: Length
    @OptionGroup var options: ControlCommand.Options
    func run() throws { try options.perform { .top(.clients, count: length.count) } }
  }

  struct Failures: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "failures",
      abstract: "Questions answered with SERVFAIL most, with their types and why.")
    @OptionGroup var length: Length
    @OptionGroup var options: ControlCommand.Options
    func run() throws { try options.perform { .top(.failures, count: length.count) } }
  }
}
