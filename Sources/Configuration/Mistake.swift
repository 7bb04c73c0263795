import YAML

/// Where a setting's value was written.
package enum Origin: Equatable, Sendable {
  /// On the command line, by this flag, without its dashes.
  case flag(String)
  case file(String, Mark)
  /// Nowhere: it is the default.
  case usual
}

/// What is wrong in one place: place, offending word, what to write instead.
package struct Mistake: Error, Equatable, CustomStringConvertible {
  package let origin: Origin
  /// What is wrong, with the words that are.
  package let message: String

  package var description: String {
    switch origin {
    case .flag(let flag): "--\(flag) \(message)"
    case .file(let path, let mark): "\(path):\(mark.line):\(mark.column): \(message)"
    case .usual: message
    }
  }
}

/// All that is wrong with a configuration, in the order of the places.
package struct Mistakes: Error, CustomStringConvertible {
  package let list: [Mistake]

  package init(list: [Mistake]) { self.list = list }

  /// One that has no place.
  package init(_ message: String) { self.init(list: [Mistake(origin: .usual, message: message)]) }

  /// A line for each.
  package var description: String { list.map(\.description).joined(separator: "\n") }
}

/// A value that was given, checked by itself.
struct GivenValue: Sendable {
  let value: Value
  let text: String
  let origin: Origin

  /// Says what is wrong with it, where it stands.
  ///
  /// - Parameter key: what it is a value of.
  func mistake(_ key: String, _ message: String) -> Mistake {
    switch origin {
    case .file: Mistake(origin: origin, message: "\(key): \(text): \(message)")
    case .flag: Mistake(origin: origin, message: "\(text): \(message)")
    case .usual: Mistake(origin: origin, message: message)
    }
  }
}

/// What was given for one setting.
struct GivenSetting: Sendable {
  let setting: Setting
  var values: [GivenValue] = []
}
