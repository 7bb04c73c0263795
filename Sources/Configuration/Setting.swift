import DNSWire

/// One setting: the only description of it, for the file, the command line, the schema and the reference page.
package struct Setting: ValueHolder {
  /// Its place in the file: `cache.size` is `size` in the group `cache`.
  package let key: String
  /// The flag without its dashes.
  package let flag: String
  package let kind: ValueKind
  package let arity: Arity
  /// One sentence for people.
  package let help: String
  /// Whether a reload changes it; else it needs a restart.
  package let isLive: Bool

  private let field: SettingField
  /// The default in words, where its value doesn't say it.
  private let defaultWords: String?

  init(
    _ key: String, flag: String, _ kind: ValueKind, arity: Arity = .one, isLive: Bool = true,
    default defaultWords: String? = nil, help: String, _ field: SettingField
  ) {
    self.key = key
    self.flag = flag
    self.kind = kind
    self.arity = arity
    self.isLive = isLive
    self.help = help
    self.field = field
    self.defaultWords = defaultWords
  }

  package var emptyWord: String? { nil }

  /// Whether its flag has no value but an opposite, as `--no-prefetch`.
  package var isBoolean: Bool { if case .boolean = kind { true } else { false } }

  /// The default as a person would write it.
  package var defaultText: String { defaultWords ?? text(in: Settings()) }

  /// Its present value as a person would write it; empty if it has none.
  package func text(in settings: Settings) -> String {
    values(in: settings).map { kind.text(of: $0) }.joined(separator: " ")
  }

  /// Its present values.
  package func values(in settings: Settings) -> [Value] { field.read(settings) }

  /// Sets values that have been checked.
  func apply(_ values: [Value], to settings: inout Settings) { field.write(&settings, values) }

  /// The setting with a key, if there is one.
  package static func named(_ key: String) -> Setting? { all.first { $0.key == key } }
}
