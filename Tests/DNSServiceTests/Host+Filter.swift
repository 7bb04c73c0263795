import DNSCache
import DNSPolicy
import DNSWire
import Memory

/// What a host of the tests blocks.
struct HostFilter {
  /// What each list has, by its name.
  var lists: [(name: String, entries: [(name: Name, kind: NameSet.Kind)])] = []
  var rules: [BlockRule] = []
}

extension Host {
  /// Has a list hold names, and nothing else.
  func setList(_ list: String, _ entries: [(name: Name, kind: NameSet.Kind)]) {
    blocked.lists.removeAll { $0.name == list }
    if !entries.isEmpty { blocked.lists.append((list, entries)) }
    applyFilter()
  }

  /// Adds a rule.
  func addRule(_ rule: BlockRule) {
    blocked.rules.append(rule)
    applyFilter()
  }

  private func applyFilter() {
    let hasher = NameHasher(5, 6)
    let filter = policy.value.filter
    let entries = blocked.lists.flatMap(\.entries)
    var set = NameSet(capacity: entries.count, hasher: hasher)
    while !set.prepare(words: 64) {}
    set.note(mostLabels: entries.map(\.name.labelCount).max() ?? 0)
    for (number, list) in blocked.lists.enumerated() {
      for entry in list.entries {
        let wire = entry.name.lowercased.wire
        _ = set.insert(hasher.hash(wire.span) | entry.kind.rawValue, list: number)
      }
    }
    filter.value.replace(&set, details: [:])
    filter.value.setRules(blocked.rules)
    filter.value.listNames = blocked.lists.map(\.name)
    cache.beginScreening(isActive: filter.value.isActive)
  }
}
