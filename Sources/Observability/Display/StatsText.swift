/// What `ctl stats` prints for a person: the figures of each group, with their units.
package struct StatsText {
  package let text: String

  /// Groups that are for those who change the server; shown when all is, or when they are named.
  private static let internalGroups: Set<Substring> = ["loop"]
  /// Columns of the longest figure, as "23 h 59 min ago".
  private static let longestFigure = 16

  /// Which figures are wanted.
  package enum Scope {
    case usual
    /// Also those that are for developers.
    case all
    /// Those of a group, or else with a part of their names.
    case matching(String)
  }

  /// Lays out the figures.
  ///
  /// - Parameter share: of all queries, the part that was answered from the cache.
  package init(
    _ rows: [FigureRow], _ scope: Scope, share: String, _ display: Display
  ) {
    var groups: [(name: Substring, rows: [[String]])] = []
    for row in rows {
      let name = row.path.prefix { $0 != "." }
      if case .usual = scope, StatsText.internalGroups.contains(name) { continue }
      if groups.last?.name != name { groups.append((name, [])) }
      groups[groups.count - 1].rows.append([row.path, StatsText.cell(row.unit, row.value, display)])
    }
    let isShareWanted =
      if case .matching(let word) = scope {
        word == "cache" || "cache.hit_ratio".contains(word)
      } else {
        true
      }
    if isShareWanted, let group = groups.firstIndex(where: { $0.name == "cache" }) {
      let misses = groups[group].rows.firstIndex { $0[0] == "cache.misses" }
      groups[group].rows.insert(
        ["cache.hit_ratio", share], at: misses.map { $0 + 1 } ?? groups[group].rows.count)
    }
    // One width for all, so that figures stand below each other; a path may be longer.
    let cells = groups.flatMap(\.rows)
    let names = cells.map { $0[0].count }.max() ?? 0
    let figures = cells.map { $0[1].count }.filter { $0 <= StatsText.longestFigure }.max()
    text = groups.map { _, rows in
      rows.map { row in
        let space = names - row[0].count + 2 + max(0, (figures ?? 0) - row[1].count)
        return row[0] + String(repeating: " ", count: space) + row[1] + "\n"
      }.joined()
    }.joined(separator: "\n")
  }

  /// A figure with its unit.
  private static func cell(
    _ unit: FigureUnit, _ value: StructuredValue, _ display: Display
  ) -> String {
    guard case .number(let number) = value else { return value.text.dropLast().description }
    return switch unit {
    case .bytes: NumberText.size(number)
    case .microseconds: NumberText.time(microseconds: number, isUnicode: display.isUnicode)
    case .milliseconds: NumberText.time(microseconds: number &* 1_000, isUnicode: display.isUnicode)
    case .moment: NumberText.ago(number, now: display.now)
    case .count, .flag, .text: NumberText.count(number)
    }
  }
}
