import ArgumentParser
import Configuration
import Control
import Observability
import System

/// Talks to a running server.
struct ControlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl", abstract: "Ask or tell a running server.",
    subcommands: Verbs.commands())

  /// What every verb takes.
  struct Options: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "The server's control socket; else $\(ControlAddress.variable), or control of \(SettingsSource.defaultFile).",
        valueName: "path"))
    var control: String?

    @Flag(help: "Print JSON, for programs.")
    var json = false

    /// Asks the server and prints what it says.
    ///
    /// - Parameter progress: is told by how much of the answer has come; made once the server was found.
    func perform<V: Verb>(
      _ verb: V, progress: (ControlClient) -> DumpProgress? = { _ in nil }
    ) throws {
      try ask { client throws in
        try verb.parameters.check()
        try client.perform(V.row, verb.parameters, as: form, progress: progress(client))
      }
    }

    /// How answers are wanted.
    var form: ControlForm { json ? .json : .laidOut(.current) }

    /// Does something with a client; says what is wrong, and ends the program with the exit status for it.
    ///
    /// - Parameter timeout: seconds that an answer may take.
    func ask(
      timeout: Int = ControlClient.usualTimeout, _ body: (ControlClient) throws -> Void
    ) throws {
      do {
        try body(ControlClient(ControlAddress(flag: control), timeout: timeout))
      } catch let refusal as ControlVerb.Refusal {
        Process.writeError("error: \(refusal.sentence)\n")
        throw ExitCode(ExitStatus.usage.rawValue)
      } catch let error as StartupError {
        Process.writeError("error: \(error)\n")
        throw ExitCode(error.status.rawValue)
      }
    }
  }
}

/// The verbs about the cache.
struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Look at the cache, flush, dump or save it.",
    subcommands: Verbs.commands(of: "cache"))
}

/// The verbs about what is blocked.
struct BlockCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "block", abstract: "See and change what is blocked.",
    subcommands: Verbs.commands(of: "block"))
}

/// The verbs about the LAN's own names.
struct LocalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "local", abstract: "The LAN's own names.",
    subcommands: Verbs.commands(of: "local"))
}

/// The verbs about what comes most.
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
    subcommands: Verbs.commands(of: "top"))
}
