import YAML

/// The values in a configuration file, and everything that is wrong with each by itself.
struct ConfigurationFile {
  /// The settings in it with their values, in the order of the file.
  private(set) var given: [GivenSetting] = []
  private(set) var errors: [ConfigurationError] = []
  private let path: String
  private let catalogue: [Setting]

  /// Longest word of the file that a message repeats, in characters.
  private static let longestWord = 60

  /// Reads a file's text.
  ///
  /// - Parameters:
  ///   - path: its path, for messages.
  ///   - catalogue: the settings that it may have.
  init(_ bytes: [UInt8], path: String, catalogue: [Setting] = Setting.all) {
    self.path = path
    self.catalogue = catalogue
    do {
      let root = try Document(bytes).root
      if let root, !root.isNothing { readGroup(root, in: []) }
    } catch {
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let line = lines.indices.contains(error.mark.line - 1) ? lines[error.mark.line - 1] : []
      let hint = ForeignWords.hint(line: String(decoding: line, as: UTF8.self))
      report(error.mark, hint ?? error.message)
    }
    errors.sort { ConfigurationFile.isBefore($0, $1) }
  }

  private static func isBefore(_ one: ConfigurationError, _ other: ConfigurationError) -> Bool {
    guard case .file(_, let first) = one.origin, case .file(_, let second) = other.origin else {
      return false
    }
    return (first.line, first.column) < (second.line, second.column)
  }

  private mutating func report(_ mark: Mark, _ message: String) {
    errors.append(ConfigurationError(origin: .file(path, mark), message: message))
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
      if let setting = catalogue.first(where: { $0.key == key }) {
        read(setting, entry)
      } else if catalogue.contains(where: { $0.key.hasPrefix(key + ".") }) {
        if !entry.value.isNothing { readGroup(entry.value, in: group + [entry.key]) }
      } else {
        reportUnknown(entry, in: group)
      }
    }
  }

  /// Reports a key that is no setting, with the nearest one, also of another group.
  private mutating func reportUnknown(_ entry: Node.Entry, in group: [String]) {
    if let hint = ForeignWords.hint(key: entry.key) {
      report(entry.mark, "\(Self.shown(entry.key)): \(hint)")
      return
    }
    let prefix = group.map { $0 + "." }.joined()
    let siblings = catalogue.filter { $0.key.hasPrefix(prefix) }
      .compactMap { $0.key.dropFirst(prefix.count).split(separator: ".").first.map(String.init) }
    let elsewhere = catalogue.first {
      $0.key.split(separator: ".").last.map(String.init) == entry.key || $0.flag == entry.key
    }
    let hint =
      elsewhere.map { "; did you mean \($0.key)?" }
      ?? NearestWord.hint(for: entry.key, among: siblings)
    let place = group.isEmpty ? "" : " of \(group.joined(separator: "."))"
    report(entry.mark, "\(Self.shown(entry.key)): no setting\(place) has this name\(hint)")
  }

  private mutating func read(_ setting: Setting, _ entry: Node.Entry) {
    guard let values = values(of: setting, setting.key, entry) else { return }
    given.append(GivenSetting(setting: setting, values: values))
  }

  /// The values of a key without those that are wrong; nil if it can't have a value of this form.
  private mutating func values(
    of holder: some ValueHolder, _ key: String, _ entry: Node.Entry
  ) -> [GivenValue]? {
    let nodes: [Node]
    switch entry.value.content {
    case .mapping(let entries):
      guard case .item(let kind) = holder.kind else {
        report(entry.value.mark, "\(key) is a group of settings; it must be \(holder.expected)")
        return nil
      }
      if kind.isKeyed, holder.isList {
        return entries.map { item(kind, key, $0.value, named: $0) }
      }
      nodes = [entry.value]
    case .sequence(let items):
      guard holder.isList else {
        report(entry.value.mark, "\(key) is a list; it must be \(holder.expected)")
        return nil
      }
      guard !items.isEmpty || holder.arity == .any else {
        report(entry.value.mark, "\(key) is an empty list; leave it out to have the default")
        return nil
      }
      nodes = items
    case .scalar(let text, _):
      if entry.value.isNothing {
        report(entry.mark, "\(key) has no value; write \(holder.expected)")
        return nil
      }
      if text == holder.emptyWord { return [] }
      nodes = [entry.value]
    }
    return nodes.compactMap { value(of: holder, key, $0) }
  }

  private mutating func value(
    of holder: some ValueHolder, _ key: String, _ node: Node
  ) -> GivenValue? {
    if case .mapping = node.content, case .item(let kind) = holder.kind {
      return item(kind, key, node, named: nil)
    }
    guard case .scalar(let text, let isQuoted) = node.content, !node.isNothing else {
      report(node.mark, "\(key) has \(node.kind) here; write \(holder.expected)")
      return nil
    }
    if case .boolean = holder.kind, isQuoted {
      report(node.mark, "\(key): \"\(Self.shown(text))\": text; write true or false")
      return nil
    }
    return value(of: holder, key, text, at: node.mark)
  }

  private mutating func value(
    of holder: some ValueHolder, _ key: String, _ text: String, at mark: Mark
  ) -> GivenValue? {
    do {
      let origin = Origin.file(path, mark)
      return GivenValue(
        value: try holder.kind.value(text, at: origin), text: Self.shown(text), origin: origin)
    } catch {
      report(mark, "\(key): \(Self.shown(text)): \(error)")
      return nil
    }
  }

  // MARK: Items with named fields

  /// Reads an item.
  ///
  /// - Parameter name: the entry that it is the value of, where the key is its first field.
  private mutating func item(
    _ kind: ItemKind, _ key: String, _ node: Node, named name: Node.Entry?
  ) -> GivenValue {
    let errorsBefore = errors.count
    var item = Item(kind: kind, fields: [])
    var entries: [Node.Entry] = []
    if case .mapping(let found) = node.content {
      entries = found
    } else if !node.isNothing {
      report(
        node.mark, "\(key) has \(node.kind) here; a \(kind.noun) has fields, as \(kind.example)")
    }
    if let name, let field = kind.fields.first {
      let key = "\(key)[].\(field.name)"
      if let again = entries.first(where: { $0.key == field.name }) {
        report(again.mark, "\(key) stands here again; it is \(Self.shown(name.key)) already")
      }
      entries.removeAll { $0.key == field.name }
      let value = value(of: field, key, name.key, at: name.mark)
      item.fields.append(
        GivenField(
          field: field, origin: .file(path, name.mark), values: value.map { [$0] } ?? []))
    }
    for entry in entries {
      guard let field = kind.field(entry.key) else {
        reportUnknown(entry, of: kind, key)
        continue
      }
      guard let values = values(of: field, "\(key)[].\(field.name)", entry) else { continue }
      var isEmptyList = false
      if case .sequence(let items) = entry.value.content { isEmptyList = items.isEmpty }
      item.fields.append(
        GivenField(
          field: field, origin: .file(path, entry.value.mark), values: values,
          isEmptyList: isEmptyList))
    }
    item.fields = kind.fields.compactMap { item[$0.name] }
    for field in kind.fields
    where field.isRequired && item[field.name] == nil
      && !entries.contains(where: { $0.key == field.name })
    {
      report(
        node.mark, "\(key): a \(kind.noun) needs \(field.name); write \(field.expected)")
    }
    if errors.count == errorsBefore, let fault = kind.fault(item) {
      report(node.mark, "\(key): \(fault)")
    }
    return GivenValue(
      value: .item(item), text: Self.shown(item.fields.first?.values.first?.text ?? kind.noun),
      origin: .file(path, node.mark))
  }

  /// Reports a key that is no field, with the nearest one, or else all fields.
  private mutating func reportUnknown(_ entry: Node.Entry, of kind: ItemKind, _ key: String) {
    let names = kind.fields.map(\.name)
    let nearest = NearestWord.hint(for: entry.key, among: names)
    let hint = nearest.isEmpty ? "; those are \(names.joined(separator: ", "))" : nearest
    report(
      entry.mark,
      "\(key)[].\(Self.shown(entry.key)): no field of a \(kind.noun) has this name\(hint)")
  }

  /// A word of the file for a message: on one line, and cut if it is long.
  private static func shown(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars.prefix(longestWord) {
      shown.unicodeScalars.append(
        scalar.properties.isWhitespace || scalar.value < 32 ? " " : scalar)
    }
    return text.unicodeScalars.count > longestWord ? shown + "…" : shown
  }
}
