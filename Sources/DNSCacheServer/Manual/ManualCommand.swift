import ArgumentParser
import EventLoop

/// Prints a page of the manual, for whoever installs the program.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Print a page of the manual, in roff.", shouldDisplay: false)

  @Option(help: "8, the program, or 5, its configuration file.")
  var section = 8

  func run() throws {
    switch section {
    case 8: Process.writeOutput(Array(ServerManual.page.utf8))
    case 5: Process.writeOutput(Array(ConfigurationManual.page.utf8))
    default: throw ValidationError("there is no page of section \(section); write 5 or 8")
    }
  }
}
