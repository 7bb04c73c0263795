import ArgumentParser

/// What a flag of `run` was given, as text; checked with the file's values, by the same rules.
struct GivenFlag: Sendable {
  /// The setting's key.
  let key: String
  let texts: [String]

  /// A flag that is repeatable; nothing when it wasn't given.
  init?(_ key: String, _ texts: [String]) {
    if texts.isEmpty { return nil }
    self.key = key
    self.texts = texts
  }

  init?(_ key: String, _ text: String?) {
    guard let text else { return nil }
    self.key = key
    texts = [text]
  }

  init?(_ key: String, _ truth: Bool?) {
    guard let truth else { return nil }
    self.key = key
    texts = ["\(truth)"]
  }

  /// Checks each value by itself.
  func read() -> (given: GivenSetting, mistakes: [Mistake])? {
    guard let setting = Setting.named(key) else { return nil }
    var given = GivenSetting(setting: setting)
    var mistakes: [Mistake] = []
    let origin = Origin.flag(setting.flag)
    for text in texts {
      do {
        given.values.append(
          GivenValue(
            value: try setting.kind.value(text, at: origin), text: text, origin: origin))
      } catch {
        mistakes.append(Mistake(origin: origin, message: "\(text): \(error)"))
      }
    }
    return (given, mistakes)
  }
}

extension ArgumentHelp {
  /// The help text of a setting's flag, from the catalogue.
  static func setting(_ key: String) -> ArgumentHelp {
    guard let setting = Setting.named(key) else {
      // UNREACHABLE: keys are literals; a test has each flag's help.
      preconditionFailure("no setting is called \(key)")
    }
    let usual = setting.usual
    return ArgumentHelp(
      "\(setting.help)\(setting.isList ? " Repeatable." : "")"
        + (usual.isEmpty ? "" : " (default: \(usual))"),
      valueName: setting.kind.form)
  }
}
