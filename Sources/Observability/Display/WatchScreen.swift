/// Lays out what `ctl watch` shows for a terminal of a size.
package struct WatchScreen {
  private let columns: Int
  private let rows: Int
  /// Whether the terminal shows more than ASCII.
  private let isUnicode: Bool

  /// What a terminal that doesn't tell its size is taken for.
  private static let usualRows = 24

  /// The width of the words on the left.
  private static let labelWidth = 11
  private static let gap = "  "

  package init(_ display: Display) {
    columns = display.columns
    rows = display.rows ?? WatchScreen.usualRows
    isUnicode = display.isUnicode
  }

  /// The screen's lines: none is longer than the screen is wide, and there are no more than its rows.
  package func lines(_ figures: WatchFigures) -> [String] {
    fitted(
      heading(figures) + [""] + traffic(figures) + state(figures) + [""]
        + upstreams(figures.upstreams))
  }

  /// Lines that were laid out for a screen of perhaps another size.
  ///
  /// - Parameter notice: what is wrong, if anything; it stands below the heading.
  package func fitted(_ lines: [String], notice: String? = nil) -> [String] {
    var lines = lines
    if let notice { lines.insert(notice, at: lines.firstIndex(of: "") ?? 0) }
    return lines.prefix(rows).map { cut($0, to: columns) }
  }

  // MARK: Parts

  private func heading(_ figures: WatchFigures) -> [String] {
    let name = "dns-cache-server \(figures.version)"
    let age = "pid \(figures.pid), up \(NumberText.age(figures.uptime))"
    let space = columns - name.count - age.count
    guard space >= 2 else { return [name, age] }
    return [name + String(repeating: " ", count: space) + age]
  }

  private func traffic(_ figures: WatchFigures) -> [String] {
    func percent(_ name: String, _ value: Double?) -> String {
      "\(name) \(NumberText.percent(value))"
    }
    let rates = figures.rates
    var lines = flow(
      "queries",
      [
        "\(rates.map { NumberText.count($0.queries) } ?? "-")/s", percent("hits", rates?.hits),
        percent("stale", rates?.stale), percent("failures", rates?.failures),
      ])
    if !figures.past.isEmpty {
      let width = max(1, min(columns - WatchScreen.labelWidth, figures.past.count))
      let shown = figures.past.suffix(width)
      let most = shown.max() ?? 0
      lines.append(WatchScreen.indent + graph(shown, most: most))
      lines += flow(
        "",
        ["the last \(NumberText.age(Int64(width) * 10))", "up to \(NumberText.count(most))/s"])
    }
    func times(_ name: String, _ times: (median: Int64?, tail: Int64?)) -> String {
      "\(name) p50 \(time(times.median)), p99 \(time(times.tail))"
    }
    return lines
      + flow("latency", [times("hits", figures.hitTimes), times("misses", figures.missTimes)])
  }

  private func state(_ figures: WatchFigures) -> [String] {
    let share = Double(figures.cacheOctets) / Double(max(1, figures.limitOctets))
    let memory =
      "\(NumberText.size(figures.cacheOctets)) of \(NumberText.size(figures.limitOctets))"
    let bar = bar(share, width: 20)
    return flow("memory", [memory, "\(bar) \(NumberText.percent(share))"])
      + flow(
        "cache",
        [
          "\(NumberText.count(Double(figures.names))) names",
          "\(NumberText.count(Double(figures.records))) records",
          "\(figures.rates.map { NumberText.count($0.evictions) } ?? "-") evicted/s",
        ])
      + flow(
        "in flight",
        [
          "\(figures.inFlight) of \(NumberText.count(Double(figures.inFlightLimit)))",
          "\(figures.streams) TCP clients",
        ])
  }

  /// A table whose last columns are left out where it is narrow.
  private func upstreams(_ upstreams: [WatchFigures.Upstream]) -> [String] {
    var cells = [["upstream", "state", "rtt", "queries/s", "timeouts", "in flight"]]
    for upstream in upstreams {
      cells.append([
        upstream.address, upstream.state, time(upstream.roundTrip.map { $0 * 1_000 }),
        upstream.queries.map { NumberText.count($0) } ?? "-",
        NumberText.percent(upstream.timeouts), "\(upstream.inFlight)",
      ])
    }
    var widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    func total() -> Int { widths.reduce(0, +) + WatchScreen.gap.count * (widths.count - 1) }
    while total() > columns, widths.count > 3 { widths.removeLast() }
    // An address that is too long gives way to what is known of it.
    widths[0] = max(8, widths[0] - max(0, total() - columns))
    return cells.map { row in
      widths.indices.map { column in
        let text = cut(row[column], to: widths[column])
        let space = String(repeating: " ", count: widths[column] - text.count)
        // Words from the left, numbers from the right.
        return column < 2 ? text + space : space + text
      }.joined(separator: WatchScreen.gap)
    }
  }

  // MARK: Drawing

  private static var indent: String { String(repeating: " ", count: labelWidth) }

  /// A label and what belongs to it, on as many lines as it takes.
  private func flow(_ label: String, _ cells: [String]) -> [String] {
    var lines: [String] = []
    var line = label + String(repeating: " ", count: WatchScreen.labelWidth - label.count)
    var isEmpty = true
    for cell in cells {
      let gap = isEmpty ? "" : WatchScreen.gap + " "
      if !isEmpty, line.count + gap.count + cell.count > columns {
        lines.append(line)
        line = WatchScreen.indent + cell
      } else {
        line += gap + cell
      }
      isEmpty = false
    }
    return lines + [line]
  }

  private func graph(_ values: ArraySlice<Double>, most: Double) -> String {
    let steps = Array(isUnicode ? "▁▂▃▄▅▆▇█" : "_.:-=+*#")
    return String(
      values.map { value in
        steps[most > 0 ? min(steps.count - 1, Int(value / most * Double(steps.count))) : 0]
      })
  }

  private func bar(_ share: Double, width: Int) -> String {
    let full = Int((min(max(share, 0), 1) * Double(width)).rounded())
    return String(repeating: isUnicode ? "█" : "#", count: full)
      + String(repeating: isUnicode ? "░" : ".", count: width - full)
  }

  /// Microseconds in a unit that suits them.
  private func time(_ microseconds: Int64?) -> String {
    microseconds.map { NumberText.time(microseconds: $0, isUnicode: isUnicode) } ?? "-"
  }

  private func cut(_ line: String, to width: Int) -> String {
    guard line.count > width else { return line }
    return width > 1 ? line.prefix(width - 1) + (isUnicode ? "…" : "~") : String(line.prefix(width))
  }
}
