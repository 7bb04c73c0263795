/// A figure as it is at a moment.
package typealias FigureRow = (path: String, unit: FigureUnit, value: StructuredValue)

/// Figures in the order in which they are shown, with what every text of them has in common made once.
package struct FigureTable<Source>: Sendable {
  package let figures: [Figure<Source>]
  /// Those of `ctl stats`, with the parts of their paths.
  private let shown: [(figure: Figure<Source>, path: String, parts: [String])]
  private let families: [(family: PrometheusText.Family, samples: [Sample])]

  private typealias Sample = (figure: Figure<Source>, labels: PrometheusText.Labels)

  package init(_ figures: [Figure<Source>]) {
    self.figures = figures
    shown = figures.compactMap { figure in
      figure.path.map { (figure, $0, $0.split(separator: ".").map(String.init)) }
    }
    var families: [(family: PrometheusText.Family, samples: [Sample])] = []
    var rest = figures.filter { $0.metric != nil }[...]
    while let first = rest.first, let metric = first.metric {
      let samples = rest.prefix { $0.metric?.name == metric.name }
      rest = rest.dropFirst(samples.count)
      // Where it stands in `ctl stats` is part of the help.
      let paths = samples.compactMap(\.path).filter { $0.contains(".") }
      let place = paths.isEmpty ? "" : " (\(paths.joined(separator: ", ")))"
      families.append(
        (
          PrometheusText.Family(
            PrometheusText.prefix + metric.name, metric.kind, "\(first.help)\(place)."),
          samples.map { ($0, PrometheusText.Labels($0.metric?.labels ?? [])) }
        ))
    }
    self.families = families
  }

  // MARK: For people and programs

  /// The groups, as `cache`.
  package var groups: [String] {
    shown.map { $0.parts[0] }.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
  }

  /// Figures as they are now.
  ///
  /// - Parameter filter: a group's name, or else a part of paths; nil for all.
  package func rows(of source: Source, matching filter: String? = nil) -> [FigureRow] {
    matching(filter).compactMap { figure, path, _ in
      figure.value(of: source).map { (path, figure.unit, $0) }
    }
  }

  /// The same as an object for each group; null is a group that isn't there at present, as HTTP when it is off.
  package func values(of source: Source, matching filter: String? = nil) -> StructuredValue {
    var next = 0
    return FigureTable.tree(matching(filter), from: &next, depth: 0, of: source)
  }

  /// One of the figures; null when it isn't there.
  package func value(_ path: String, of source: Source) -> StructuredValue {
    shown.first { $0.path == path }?.figure.value(of: source) ?? .null
  }

  private func matching(
    _ filter: String?
  ) -> [(figure: Figure<Source>, path: String, parts: [String])] {
    guard let filter else { return shown }
    let group = shown.filter { $0.parts[0] == filter }
    return group.isEmpty ? shown.filter { $0.path.contains(filter) } : group
  }

  /// Those from one on whose paths begin with as many parts of its own; moves behind them.
  private static func tree(
    _ figures: [(figure: Figure<Source>, path: String, parts: [String])], from next: inout Int,
    depth: Int, of source: Source
  ) -> StructuredValue {
    let first = next
    var members: [(name: String, value: StructuredValue)] = []
    while next < figures.count, figures[next].parts[..<depth] == figures[first].parts[..<depth] {
      let name = figures[next].parts[depth]
      if figures[next].parts.count > depth + 1 {
        members.append((name, tree(figures, from: &next, depth: depth + 1, of: source)))
      } else {
        if let value = figures[next].figure.value(of: source) { members.append((name, value)) }
        next += 1
      }
    }
    return members.isEmpty && depth > 0 ? .null : .object(members)
  }

  // MARK: For Prometheus

  /// Writes each family with its samples of every source, which the source's labels tell apart.
  package func write(
    _ sources: [(source: Source, labels: PrometheusText.Labels)], to text: inout PrometheusText
  ) {
    for (family, samples) in families {
      var hasBegun = false
      func begin(_ text: inout PrometheusText) {
        if !hasBegun { text.begin(family) }
        hasBegun = true
      }
      for (source, place) in sources {
        for (figure, own) in samples {
          switch figure.reading {
          case .value(let read):
            // What isn't there now, as of HTTP when it is off, is left out.
            guard let number = read(source)?.magnitude else { continue }
            begin(&text)
            if figure.unit == .microseconds {
              text.sample(microseconds: number, place + own)
            } else {
              text.sample(number, place + own)
            }
          case .histogram(let lend):
            lend(source) {
              begin(&text)
              text.histogram($0, place + own)
            }
          }
        }
      }
    }
  }
}

extension StructuredValue {
  /// A number, or whether something is so, as Prometheus is told it.
  package var magnitude: UInt64? {
    switch self {
    case .number(let number): UInt64(clamping: number)
    case .flag(let flag): flag ? 1 : 0
    case .object, .list, .text, .null: nil
    }
  }
}
