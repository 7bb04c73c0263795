/// What `ctl stats` prints for a person: the figures of each group, with their units.
package struct StatsText {
  /// Nothing when no figure was meant.
  package let text: String?

  /// Groups that are for those who change the server; shown when all is, or when they are named.
  private static let internalGroups: Set<String> = ["loop"]
  /// Columns of the longest figure, as "23 h 59 min ago".
  private static let longestFigure = 16

  /// Lays out the figures.
  ///
  /// - Parameters:
  ///   - filter: a group's name, or a part of a figure's.
  ///   - isWhole: whether figures are shown that are for developers.
  package init(_ stats: StructuredValue, filter: String?, isWhole: Bool, _ display: Display) {
    var groups: [[[String]]] = []
    for (name, value) in StatsText.filtered(stats, by: filter).members {
      if filter == nil, !isWhole, StatsText.internalGroups.contains(name) { continue }
      var rows = value.leaves(name).map { [$0.path, StatsText.cell($0.path, $0.value, display)] }
      if name == "cache", let ratio = StatsText.hitRatio(stats),
        filter.map({ $0 == name || "cache.hit_ratio".contains($0) }) ?? true
      {
        let index = rows.firstIndex { $0[0] == "cache.misses" }.map { $0 + 1 } ?? rows.count
        rows.insert(["cache.hit_ratio", ratio], at: index)
      }
      if !rows.isEmpty { groups.append(rows) }
    }
    guard !groups.isEmpty else {
      text = nil
      return
    }
    // One width for all, so that figures stand below each other; a path may be longer.
    let names = groups.joined().map { $0[0].count }.max() ?? 0
    let figures = groups.joined().map { $0[1].count }.filter { $0 <= StatsText.longestFigure }.max()
    text = groups.map { rows in
      rows.map { row in
        let space = names - row[0].count + 2 + max(0, (figures ?? 0) - row[1].count)
        return row[0] + String(repeating: " ", count: space) + row[1] + "\n"
      }.joined()
    }.joined(separator: "\n")
  }

  /// The figures of a group, or else those whose names contain a word.
  package static func filtered(_ stats: StructuredValue, by word: String?) -> StructuredValue {
    guard let word else { return stats }
    if let group = stats[word] { return .object([(word, group)]) }
    return .object(
      stats.members.compactMap { name, value in
        value.pruned(name) { $0.contains(word) }.map { (name, $0) }
      })
  }

  /// Which part of all queries was answered from the cache.
  private static func hitRatio(_ stats: StructuredValue) -> String? {
    guard let hits = stats.number("cache.hits"), let udp = stats.number("queries.udp"),
      let tcp = stats.number("queries.tcp")
    else { return nil }
    return NumberText.percent(hits, of: udp + tcp)
  }

  /// A figure with the unit that its name tells.
  private static func cell(_ path: String, _ value: StructuredValue, _ display: Display) -> String {
    guard case .number(let number) = value else { return value.text.dropLast().description }
    let name = path.split(separator: ".").last.map(String.init) ?? path
    if name == "bytes" || name.hasSuffix("_bytes") { return NumberText.size(number) }
    if name.hasSuffix("_us") {
      return NumberText.time(microseconds: number, isUnicode: display.isUnicode)
    }
    // Of the loop's longest times each is named for what it was spent on.
    if path.hasPrefix("loop.longest_us.") || path.hasPrefix("loop.longest_cpu_us.") {
      return NumberText.time(microseconds: number, isUnicode: display.isUnicode)
    }
    if name.hasSuffix("_unix") { return NumberText.ago(number, now: display.now) }
    return NumberText.count(number)
  }
}
