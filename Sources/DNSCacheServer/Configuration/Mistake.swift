import YAML

/// Where a setting's value was written.
enum Origin: Equatable, Sendable {
  /// On the command line, by this flag, without its dashes.
  case flag(String)
  case file(String, Mark)
  /// Nowhere: it is the default.
  case usual
}

/// What is wrong in one place: place, offending word, what to write instead.
struct Mistake: Error, Equatable, CustomStringConvertible {
  let origin: Origin
  /// What is wrong, with the words that are.
  let message: String

  var description: String {
    switch origin {
    case .flag(let flag): "--\(flag) \(message)"
    case .file(let path, let mark): "\(path):\(mark.line):\(mark.column): \(message)"
    case .usual: message
    }
  }
}

/// All that is wrong with a configuration, in the order of the places.
struct Mistakes: Error, CustomStringConvertible {
  let list: [Mistake]

  init(list: [Mistake]) { self.list = list }

  /// One that has no place.
  init(_ message: String) { self.init(list: [Mistake(origin: .usual, message: message)]) }

  /// A line for each.
  var description: String { list.map(\.description).joined(separator: "\n") }
}

/// A value that was given, checked by itself.
struct GivenValue: Sendable {
  let value: Value
  let text: String
  let origin: Origin
}

/// What was given for one setting.
struct GivenSetting: Sendable {
  let setting: Setting
  var values: [GivenValue] = []

  /// Says what is wrong with a value.
  func mistake(_ value: GivenValue, _ message: String) -> Mistake {
    switch value.origin {
    case .file: Mistake(origin: value.origin, message: "\(setting.key): \(value.text): \(message)")
    case .flag: Mistake(origin: value.origin, message: "\(value.text): \(message)")
    case .usual: Mistake(origin: value.origin, message: message)
    }
  }
}
