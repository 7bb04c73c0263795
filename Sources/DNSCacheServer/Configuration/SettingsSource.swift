import EventLoop

/// Where the settings come from: the flags of the start, a file, and this host.
///
/// It is kept, to be read again by a reload.
struct SettingsSource: Sendable {
  /// The flags of the start, which win over the file.
  var flags: [GivenFlag] = []
  /// The file that was named; else the usual one, if it is there.
  var file: String?
  /// The addresses of the service manager's sockets, listened on instead of the defaults.
  var passed: [SocketAddress] = []
  /// What is not given.
  ///
  /// Made once: the folders that a default names depend on who we are, which changes.
  let usual = Settings()

  /// Read when no other file is named.
  static let usualFile = "/etc/dns-cache-server.yaml"

  /// Reads and checks everything, and fills in what depends on this host.
  func settings() throws(Mistakes) -> Settings {
    var usual = usual
    if !passed.isEmpty {
      usual.listen = passed
      usual.isListenExplicit = true
    }
    var configuration = Configuration(usual: usual)
    for flag in flags { configuration.take(flag) }
    if let path = file ?? SettingsSource.usualFileIfThere() { configuration.read(path) }
    return try configuration.settings(isForStart: true)
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
