import System

/// Where the settings come from: the flags of the start, a file, and this host.
///
/// It is kept, to be read again by a reload.
package struct SettingsSource: Sendable {
  /// What the command line sets, each as `key=value`; it wins over the file.
  let assignments: [String]
  /// The file that was named; else the usual one, if it is there.
  let file: String?
  /// The addresses of the service manager's sockets, listened on instead of the defaults.
  let passed: [SocketAddress]
  /// What is not given.
  ///
  /// Made once: the folders that a default names depend on who we are, which changes.
  package let usual = Settings()

  package init(assignments: [String] = [], file: String? = nil, passed: [SocketAddress] = []) {
    self.assignments = assignments
    self.file = file
    self.passed = passed
  }

  /// Read when no other file is named.
  package static let usualFile = "/etc/dns-cache-server.yaml"

  /// Reads and checks everything, and fills in what depends on this host, for a start.
  package func settings() throws(Mistakes) -> Settings { try settings(with: text(waits: true)) }

  /// What the file holds now; nothing when none was named and the usual one isn't there.
  ///
  /// - Parameter waits: whether there is time to wait for a pipe; a running server has none.
  package func text(waits: Bool) throws(Mistakes) -> ConfigurationText? {
    guard let path = file ?? SettingsSource.usualFileIfThere() else { return nil }
    return try ConfigurationText(reading: path, waits: waits)
  }

  /// Checks what a file held, with the flags, and fills in what depends on this host.
  ///
  /// - Parameter needsUpstream: whether it is a mistake that nobody is to be asked.
  package func settings(
    with text: ConfigurationText?, needsUpstream: Bool = false
  ) throws(Mistakes) -> Settings {
    var usual = usual
    if !passed.isEmpty {
      usual.listen = passed
      usual.isListenExplicit = true
    }
    var configuration = Configuration(usual: usual)
    configuration.take(assignments: assignments)
    if let text { configuration.take(text) }
    return try configuration.settings(needsUpstream: needsUpstream)
  }

  private static func usualFileIfThere() -> String? {
    do {
      _ = try FileReader(path: usualFile)
      return usualFile
    } catch {
      // That one which is there can't be read is for a person to know.
      return error.isMissingFile ? nil : usualFile
    }
  }
}
