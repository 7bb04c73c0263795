import ArgumentParser

/// Talks to a running server.
struct ControlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ctl", abstract: "Ask or tell a running server.")
}
