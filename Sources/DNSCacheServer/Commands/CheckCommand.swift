import ArgumentParser
import EventLoop

/// Checks a configuration file without starting anything.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a configuration file and say all that is wrong with it.",
    discussion: "Exit status: 0 nothing is wrong, 64 something is.")

  @Argument(help: ArgumentHelp("The file.", valueName: "file"))
  var file: String

  func run() throws {
    var configuration = Configuration(usual: Settings())
    configuration.read(file)
    do {
      let settings = try configuration.settings()
      print("\(file): nothing is wrong")
      if settings.isUpstreamExplicit, settings.upstreams.count > 1,
        settings.resolver.order == .fastest
      {
        print(
          "note: all upstreams are equal, and the fastest is asked first; to have the first one asked, and the next only while it is down, set upstream-order: strict"
        )
      }
    } catch {
      Process.writeError("\(error)\n")
      throw ExitCode(ExitStatus.usage.rawValue)
    }
  }
}
