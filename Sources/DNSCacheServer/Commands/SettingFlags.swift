import ArgumentParser
import Configuration
import Observability

/// The flags of settings: `--cache-size 64MiB` is `--set cache.size=64MiB`, `--no-prefetch` is
/// `--set cache.prefetch=false`.
///
/// The catalogue has them, so the parser does not: it hands over the words that it does not know.
enum SettingFlags {
  /// Settings whose flags `--help` explains; dns-cache-server.yaml(5) has all.
  static let common: Set = [
    "listen", "upstream", "routes", "allow", "cache.size", "cache.file", "cache.save-interval",
    "cache.serve-stale", "cache.prefetch", "control", "http", "user", "log.level", "log.queries",
  ]

  /// What some words set, each as `key=value`.
  static func assignments(_ words: [String]) throws(ValidationError) -> [String] {
    var assignments: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("-") else { throw ValidationError("Unexpected argument '\(word)'") }
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let flag = String(parts[0])
      guard let (setting, implied) = meaning(of: flag) else {
        let positive = flag.replacing("--no-", with: "--")
        let nearest = all.contains(positive) ? positive : NearestWord.to(flag, among: all)
        throw ValidationError(
          "Unknown option '\(flag)'\(nearest.map { ". Did you mean '\($0)'?" } ?? "")")
      }
      let given = parts.count == 2 ? String(parts[1]) : nil
      if let implied {
        if let given {
          throw ValidationError(
            "The option '\(flag)' does not take any value, but '\(given)' was specified.")
        }
        assignments.append("\(setting.key)=\(implied)")
      } else if let given {
        assignments.append("\(setting.key)=\(given)")
      } else if let next = rest.first, next == "-" || !next.hasPrefix("-") {
        assignments.append("\(setting.key)=\(next)")
        rest.removeFirst()
      } else {
        throw ValidationError(
          "Missing value for '\(flag) <\(setting.kind.form)>'\nHelp:  \(setting.help)")
      }
    }
    return assignments
  }

  /// The setting of a flag, and the value where the flag implies it.
  private static func meaning(of flag: String) -> (setting: Setting, implied: Bool?)? {
    for setting in Setting.all {
      if flag == "--\(setting.flag)" { return (setting, setting.isBoolean ? true : nil) }
      if setting.isBoolean, flag == "--no-\(setting.flag)" { return (setting, false) }
    }
    return nil
  }

  /// Every flag of `run`, for who has misspelt one.
  private static var all: [String] {
    Setting.all.flatMap { setting in
      setting.isBoolean ? ["--\(setting.flag)", "--no-\(setting.flag)"] : ["--\(setting.flag)"]
    } + ["--config", "--set"]
  }

  /// The common flags for `--help`.
  static var help: String {
    Setting.all.filter { common.contains($0.key) }.map { setting in
      let value = setting.isBoolean ? ", --no-\(setting.flag)" : " <\(setting.kind.form)>"
      let end = (setting.isList ? " Repeatable." : "") + " (default: \(setting.defaultText))"
      return Display(columns: helpColumns, now: 0)
        .wrapped("--\(setting.flag)\(value): \(setting.help)\(end)")
    }.joined(separator: "\n")
  }

  /// Columns that the parser leaves for the help of a flag.
  private static let helpColumns = 70
}
