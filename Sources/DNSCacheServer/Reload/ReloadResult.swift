import Configuration
import Observability

/// What a reload did.
struct ReloadResult {
  /// The keys of settings that have other values now, which are in force; of a list of items, each item by name.
  var changed: [String] = []
  /// The keys of settings that have other values in the file, which need a restart.
  var restart: [String] = []

  /// What `ctl reload` shows.
  var report: StructuredValue {
    .object([
      ("reloaded", .flag(true)), ("changed", .list(changed.map { .text($0) })),
      ("needs_restart", .list(restart.map { .text($0) })),
    ])
  }

  /// The same for people.
  var text: String {
    var lines = [
      changed.isEmpty ? "nothing has changed" : "changed: \(changed.joined(separator: ", "))"
    ]
    if !restart.isEmpty {
      lines.append("needs a restart: \(restart.joined(separator: ", "))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Settings {
  /// What is different in another set of settings: what a reload changes, and what needs a restart.
  ///
  /// - Parameter reservedCache: octets that memory is reserved for, as many as the cache may become without
  ///   a restart.
  func difference(to other: Settings, reservedCache: Int = .max) -> ReloadResult {
    var result = ReloadResult()
    for setting in Setting.all where setting.text(in: self) != setting.text(in: other) {
      if setting.isLive && (setting.key != "cache.size" || other.cache.octets <= reservedCache) {
        result.changed += setting.changes(from: self, to: other)
      } else {
        result.restart.append(setting.key)
      }
    }
    return result
  }
}

extension Setting {
  /// The key, or that of each item that was added, removed, or has other fields; the order of items says nothing.
  fileprivate func changes(from old: Settings, to new: Settings) -> [String] {
    guard case .item = kind else { return [key] }
    let (old, new) = (items(in: old), items(in: new))
    return Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
      .map { "\(key)[\($0)]" }
  }

  private func items(in settings: Settings) -> [String: [String]] {
    Dictionary(grouping: values(in: settings).compactMap(\.item), by: \.name)
      .mapValues { $0.map(\.text) }
  }
}
