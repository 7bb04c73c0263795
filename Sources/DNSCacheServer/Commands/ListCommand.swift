import ArgumentParser
import Control
import System

/// Reads a list for the server, which starts this beside itself; nobody types it.
struct ListCommand: ParsableCommand {
  /// What it is called.
  static let name = "read-list"

  static let configuration = CommandConfiguration(
    commandName: ListCommand.name, abstract: "Read a block list for the server that asks.",
    shouldDisplay: false)

  /// Seconds of the processor and octets of memory that a list may cost: ten million rules take 300 MB.
  private static let mostSeconds: UInt = 120
  private static let mostOctets: UInt = 4 << 30

  func run() throws {
    Process.confine(seconds: ListCommand.mostSeconds, octets: ListCommand.mostOctets)
    guard let request = ListRequest(Process.readInput(most: 1 << 20)),
      var compiler = ListCompiler(request)
    else { throw ExitCode(ExitStatus.usage.rawValue) }
    guard Process.writeOutput(compiler.run().encoded) else {
      throw ExitCode(ExitStatus.fault.rawValue)
    }
  }
}
