/// What `ctl top` prints for a person: figures first, since names may be long.
package struct TopText {
  package let text: String

  /// Lays out the rows of a list.
  package init(_ report: StructuredValue, _ list: TopList, _ display: Display) {
    let rows = report["top"]?.elements ?? []
    guard !rows.isEmpty else {
      text = "none yet\n"
      return
    }
    let isExact = rows.allSatisfy { $0.number("at_least") == $0.number("at_most") }
    var cells = [["count"] + (isExact ? [] : ["at least", "at most"])]
    let numbers = cells[0].count
    switch list {
    case .names: cells[0] += ["type", "name"]
    case .clients:
      // Only where some have a name on the LAN.
      cells[0] += ["client"] + (rows.contains { $0["host"] != nil } ? ["host"] : [])
    case .failures: cells[0] += ["type", "reason", "name"]
    }
    for row in rows {
      let counts = ["count", "at_least", "at_most"].prefix(numbers).map { row.number($0) ?? 0 }
      let facts = cells[0].dropFirst(numbers).map { row[$0]?.string ?? ($0 == "host" ? "" : "?") }
      cells.append(counts.map { NumberText.count($0) } + facts)
    }
    text =
      TopText.heading(report, list, isExact: isExact, display)
      + Display.table(cells, numbers: Set(0..<numbers))
  }

  /// Of how many in how long, and whether all were counted.
  private static func heading(
    _ report: StructuredValue, _ list: TopList, isExact: Bool, _ display: Display
  ) -> String {
    let total = report.number("total") ?? 0
    let what =
      list == .failures
      ? NumberText.count(total, "failure", "failures") : NumberText.count(total, "query", "queries")
    let age = NumberText.ago(report.number("since") ?? 0, now: display.now)
    var line = "\(what) since the start, \(age)"
    let samples = report.number("samples") ?? total
    if list != .failures, samples > 0, samples < total {
      line += "; one of \(NumberText.short(Double(total) / Double(samples))) counted"
    }
    return isExact ? "\(line)\n\n" : "\(line);\nthe true counts are between the bounds\n\n"
  }
}

/// What `ctl top` ranks.
package enum TopList: String, CaseIterable {
  /// Names asked for, by type.
  case names
  /// Addresses that ask.
  case clients
  /// Questions answered with SERVFAIL, by type and reason.
  case failures

  /// Rows that are shown by default.
  package static let usualCount = 20
  /// Rows that may be asked for.
  package static let mostCount = 500
}
