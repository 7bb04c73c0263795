import DNSWire
import System
import YAML

/// Where the settings come from: the command line, a file, and this host.
///
/// A server keeps it and reads the file again at each reload.
package struct SettingsSource: Sendable {
  /// What the command line sets, each as `key=value`; it wins over the file.
  let assignments: [String]
  /// The file that was named; else ``defaultFile``, if it is there.
  let file: String?
  /// The addresses of sockets that a service manager has opened; they take the place of the default ones.
  let passed: [Endpoint]
  /// Made once: the folders in it depend on the user, who may change after the start.
  let defaults = Settings()

  package init(assignments: [String] = [], file: String? = nil, passed: [Endpoint] = []) {
    self.assignments = assignments
    self.file = file
    self.passed = passed
  }

  /// Read when no other file is named.
  package static let defaultFile = "/etc/dns-cache-server.yaml"

  /// Reads and checks everything, and fills in what depends on this host, for a start.
  package func settings() throws(ConfigurationErrors) -> Settings { try settings(with: text()) }

  /// What the file holds now; nil when none was named and the default one isn't there.
  package func text(
    pipeTimeout: Int32 = ConfigurationText.pipeTimeout
  ) throws(ConfigurationErrors) -> ConfigurationText? {
    guard let path = file ?? SettingsSource.existingDefaultFile() else { return nil }
    return try ConfigurationText(reading: path, pipeTimeout: pipeTimeout)
  }

  /// Checks what a file held, with the flags, and fills in what depends on this host.
  ///
  /// - Parameter needsUpstream: whether it is an error that no upstream is named, nor by the system.
  package func settings(
    with text: ConfigurationText?, needsUpstream: Bool = false
  ) throws(ConfigurationErrors) -> Settings {
    var defaults = defaults
    if !passed.isEmpty {
      defaults.listen = passed
      defaults.isListenExplicit = true
    }
    var configuration = Configuration(defaults: defaults)
    configuration.take(assignments: assignments)
    if let text { configuration.take(text) }
    return try configuration.settings(needsUpstream: needsUpstream)
  }

  private static func existingDefaultFile() -> String? {
    do {
      _ = try FileReader(path: defaultFile)
      return defaultFile
    } catch {
      // A file that is there and can't be read is named, and reading it says why.
      return error.isMissingFile ? nil : defaultFile
    }
  }
}

extension SettingsSource {
  /// What a file has under `control`, although the rest of it may be wrong.
  ///
  /// - Returns: the path, or why the file can't be read.
  package static func controlSocket(in file: String) -> (path: String?, problem: String?) {
    do {
      let root = try Document(try FileReader.octets(of: file, limit: Document.longest)).root
      guard case .mapping(let entries)? = root?.content,
        let value = entries.first(where: { $0.key == "control" })?.value, !value.isNothing,
        case .scalar(let path, _) = value.content
      else { return (nil, nil) }
      return (path, nil)
    } catch let error as SystemError {
      return (nil, error.isMissingFile ? nil : "\(file) can't be read: \(error.reason)")
    } catch let error as SyntaxError {
      return (nil, "\(file):\(error.mark.line): \(error.message)")
    } catch {
      return (nil, "\(file): \(error)")
    }
  }
}
