import ArgumentParser
import Configuration
import Control
import Glibc
import System

/// Starts the server.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Start the server.",
    discussion: """
      Each setting may be in the configuration file, too; a flag wins over it.
      SIGTERM and SIGINT save the cache and stop. SIGUSR1 saves it now. SIGHUP reads the file again.
      Exit status: 0 clean stop, 64 wrong usage, 69 cannot listen or a part is missing, 70 a fault.
      """)

  @Option(
    help: ArgumentHelp(
      "The configuration file. (default: \(SettingsSource.defaultFile) if it exists)",
      valueName: "file"))
  var config: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Give any setting of the configuration file a value, as cache.prefetch-rate=200. Repeatable.",
      valueName: "setting=value"),
    completion: .list(Setting.all.map { "\($0.key)=" }))
  var assignments: [String] = []

  @Argument(
    parsing: .allUnrecognized,
    help: ArgumentHelp(
      "Each setting has a flag. These are typed most; dns-cache-server.yaml(5) and `schema --reference` have all:",
      discussion: SettingFlags.help, valueName: "flag"))
  var flags: [String] = []

  func validate() throws { _ = try given() }

  /// What the command line sets, each as `key=value`; a setting's own flag wins over `--set`.
  func given() throws(ValidationError) -> [String] {
    assignments + (try SettingFlags.assignments(flags))
  }

  func run() throws {
    let sink = LogSink(descriptor: STDERR_FILENO)
    defer { sink.finish() }
    do {
      let service = try ServiceEnvironment.take()
      let source = SettingsSource(
        assignments: try given(), file: config, passed: service.sockets.addresses)
      let settings: Settings
      do {
        settings = try source.settings()
      } catch {
        for error in error.all { Process.writeError("error: \(error)\n") }
        throw ExitCode(ExitStatus.usage.rawValue)
      }
      try Server.run(settings, from: source, service: service, log: sink)
    } catch let error as StartupError {
      sink.finish()
      Process.writeError("error: \(error)\n")
      throw ExitCode(error.status.rawValue)
    }
  }
}
