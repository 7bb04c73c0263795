import DNSWire

/// One thing that a person can set: the only description of it, for the file, the command line, the
/// schema and the reference page.
package struct Setting: ValueHolder {
  /// Its place in the file, words separated by dots: `cache.size`.
  package let key: String
  /// The flag without its dashes.
  package let flag: String
  package let kind: ValueKind
  package let arity: Arity
  /// One sentence for people.
  package let help: String
  /// Whether a new value is in force after a reload; else after a restart.
  package let isLive: Bool

  private let field: SettingField
  /// The default in words, where its value doesn't say it.
  private let usualWords: String?

  init(
    _ key: String, flag: String, _ kind: ValueKind, arity: Arity = .one, isLive: Bool = true,
    usual: String? = nil, help: String, _ field: SettingField
  ) {
    self.key = key
    self.flag = flag
    self.kind = kind
    self.arity = arity
    self.isLive = isLive
    self.help = help
    self.field = field
    usualWords = usual
  }

  package var emptyWord: String? { nil }

  /// Whether its flag has no value but an opposite, as `--no-prefetch`.
  package var isBoolean: Bool { if case .truth = kind { true } else { false } }

  /// The default as a person would write it.
  package var usual: String { usualWords ?? text(in: Settings()) }

  /// What it is now, as a person would write it; an empty text for no value.
  package func text(in settings: Settings) -> String {
    values(in: settings).map { kind.text(of: $0) }.joined(separator: " ")
  }

  /// The values that it has now.
  package func values(in settings: Settings) -> [Value] { field.read(settings) }

  /// Puts values in place that were checked.
  func apply(_ values: [Value], to settings: inout Settings) { field.write(&settings, values) }

  /// The setting with a key, if there is one.
  package static func named(_ key: String) -> Setting? { all.first { $0.key == key } }
}
