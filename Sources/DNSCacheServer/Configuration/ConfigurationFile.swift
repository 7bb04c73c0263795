import YAML

/// What a configuration file gives, and everything that is wrong with it by itself.
struct ConfigurationFile {
  /// The settings that it has, each with its values, in the order of the file.
  private(set) var given: [GivenSetting] = []
  private(set) var mistakes: [Mistake] = []
  /// Where each setting's key stands.
  private let path: String

  /// Longest word of the file that a message repeats.
  private static let longestWord = 60

  /// Reads a file's text.
  ///
  /// - Parameter path: its path, for messages.
  init(_ octets: [UInt8], path: String) {
    self.path = path
    do {
      let root = try Document(octets).root
      if let root, !root.isNothing { readGroup(root, in: []) }
    } catch {
      let lines = octets.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let line = lines.indices.contains(error.mark.line - 1) ? lines[error.mark.line - 1] : []
      let hint = ForeignWords.hint(line: String(decoding: line, as: UTF8.self))
      report(error.mark, hint ?? error.message)
    }
    mistakes.sort { ConfigurationFile.isBefore($0, $1) }
  }

  private static func isBefore(_ one: Mistake, _ other: Mistake) -> Bool {
    guard case .file(_, let first) = one.origin, case .file(_, let second) = other.origin else {
      return false
    }
    return (first.line, first.column) < (second.line, second.column)
  }

  private mutating func report(_ mark: Mark, _ message: String) {
    mistakes.append(Mistake(origin: .file(path, mark), message: message))
  }

  private mutating func readGroup(_ node: Node, in group: [String]) {
    if group.isEmpty, case .scalar(let text, _) = node.content,
      let hint = ForeignWords.hint(text: text)
    {
      report(node.mark, hint)
      return
    }
    guard case .mapping(let entries) = node.content else {
      let what = group.isEmpty ? "the file" : group.joined(separator: ".")
      report(node.mark, "\(what) is \(node.kind); it must be a group of settings, as size: 64MiB")
      return
    }
    for entry in entries {
      let key = (group + [entry.key]).joined(separator: ".")
      if let setting = Setting.named(key) {
        read(setting, entry)
      } else if Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
        if !entry.value.isNothing { readGroup(entry.value, in: group + [entry.key]) }
      } else {
        reportUnknown(entry, in: group)
      }
    }
  }

  /// Names the word that was perhaps meant, and its place when that is another group.
  private mutating func reportUnknown(_ entry: Node.Entry, in group: [String]) {
    if let hint = ForeignWords.hint(key: entry.key) {
      report(entry.mark, "\(Self.shown(entry.key)): \(hint)")
      return
    }
    let prefix = group.map { $0 + "." }.joined()
    let siblings = Setting.all.filter { $0.key.hasPrefix(prefix) }
      .compactMap { $0.key.dropFirst(prefix.count).split(separator: ".").first.map(String.init) }
    let elsewhere = Setting.all.first {
      $0.key.split(separator: ".").last.map(String.init) == entry.key || $0.flag == entry.key
    }
    let hint =
      elsewhere.map { "; did you mean \($0.key)?" }
      ?? NearestWord.hint(for: entry.key, among: siblings)
    let place = group.isEmpty ? "" : " of \(group.joined(separator: "."))"
    report(entry.mark, "\(Self.shown(entry.key)): no setting\(place) has this name\(hint)")
  }

  private mutating func read(_ setting: Setting, _ entry: Node.Entry) {
    let nodes: [Node]
    switch entry.value.content {
    case .mapping:
      report(
        entry.value.mark, "\(setting.key) is a group of settings; it must be \(setting.expected)")
      return
    case .sequence(let items):
      guard setting.isList else {
        report(entry.value.mark, "\(setting.key) is a list; it must be \(setting.expected)")
        return
      }
      guard !items.isEmpty || setting.arity == .any else {
        report(
          entry.value.mark, "\(setting.key) is an empty list; leave it out to have the default")
        return
      }
      nodes = items
    case .scalar:
      if entry.value.isNothing {
        report(entry.mark, "\(setting.key) has no value; write \(setting.expected)")
        return
      }
      nodes = [entry.value]
    }
    var found = GivenSetting(setting: setting)
    for node in nodes {
      guard case .scalar(let text, let isQuoted) = node.content, !node.isNothing else {
        report(node.mark, "\(setting.key) has \(node.kind) here; write \(setting.expected)")
        continue
      }
      if case .truth = setting.kind, isQuoted {
        report(node.mark, "\(setting.key): \"\(Self.shown(text))\": text; write true or false")
        continue
      }
      do {
        found.values.append(
          GivenValue(
            value: try setting.kind.value(text), text: Self.shown(text),
            origin: .file(path, node.mark)))
      } catch {
        report(node.mark, "\(setting.key): \(Self.shown(text)): \(error)")
      }
    }
    given.append(found)
  }

  /// A word of the file as a message repeats it: not too long, and in one line.
  private static func shown(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(longestWord) {
      shown.unicodeScalars.append(
        scalar.properties.isWhitespace || scalar.value < 32 ? " " : scalar)
    }
    return text.unicodeScalars.count > longestWord ? shown + "…" : shown
  }
}
