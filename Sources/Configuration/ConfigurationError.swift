import YAML

/// Where a setting's value was written.
package enum Origin: Equatable, Sendable {
  /// On the command line, by this flag, without its dashes.
  case flag(String)
  case file(String, Mark)
  /// Nowhere; it is a default, or concerns no single value.
  case nowhere
}

/// One thing that is wrong: where, with which word, and what to write instead.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  package let origin: Origin
  /// What is wrong, with the word that is.
  package let message: String

  package var description: String {
    switch origin {
    case .flag(let flag): "--\(flag) \(message)"
    case .file(let path, let mark): "\(path):\(mark.line):\(mark.column): \(message)"
    case .nowhere: message
    }
  }
}

/// Everything that is wrong with a configuration, in the order of the file.
package struct ConfigurationErrors: Error, CustomStringConvertible {
  package let all: [ConfigurationError]

  init(all: [ConfigurationError]) { self.all = all }

  /// A single one, without a place.
  package init(_ message: String) {
    self.init(all: [ConfigurationError(origin: .nowhere, message: message)])
  }

  /// A line for each.
  package var description: String { all.map(\.description).joined(separator: "\n") }
}

/// A value as it was given, which is right by itself.
struct GivenValue: Sendable {
  let value: Value
  let text: String
  let origin: Origin

  /// Says that it is wrong.
  ///
  /// - Parameter key: the setting that it is a value of.
  func error(_ key: String, _ message: String) -> ConfigurationError {
    switch origin {
    case .file: ConfigurationError(origin: origin, message: "\(key): \(text): \(message)")
    case .flag: ConfigurationError(origin: origin, message: "\(text): \(message)")
    case .nowhere: ConfigurationError(origin: origin, message: message)
    }
  }
}

/// What was given for one setting.
struct GivenSetting: Sendable {
  let setting: Setting
  var values: [GivenValue] = []
}
