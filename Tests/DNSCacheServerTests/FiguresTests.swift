import Foundation
import Observability
import Testing

@testable import DNSCacheServer

@Suite("The figures that the server has of itself")
struct FiguresTests {
  private static let page = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../docs/figures.md").standardized

  @Test func `each figure has a name, a place among others of its group, and a metric of its own`()
  {
    check(Figures.statistics)
    check(Figures.upstreams)
    check(Figures.lists)
    check(Figures.groups)
  }

  private func check<Source>(_ table: FigureTable<Source>) {
    let paths = table.figures.compactMap(\.path)
    #expect(Set(paths).count == paths.count)
    #expect(Set(table.groups).count == table.groups.count)
    var names: [String] = []
    var samples: Set<String> = []
    for figure in table.figures {
      #expect(!figure.help.isEmpty && figure.help.last != ".", "\(figure.help)")
      guard let metric = figure.metric else { continue }
      #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
      #expect(figure.unit != .microseconds || metric.name.hasSuffix("_seconds"), "\(metric.name)")
      #expect(figure.unit != .bytes || metric.name.hasSuffix("_bytes"), "\(metric.name)")
      #expect(samples.insert("\(metric.name) \(metric.labels)").inserted, "\(metric.name)")
      if names.last != metric.name { names.append(metric.name) }
    }
    #expect(Set(names).count == names.count, "samples of a metric stand together")
  }

  @Test func `what has a metric is a number, and what has none is text or a part of a histogram`() {
    for figure in Figures.statistics.figures where figure.metric == nil {
      let path = figure.path ?? ""
      #expect(
        figure.unit == .text || path.hasPrefix("loop.") || path.hasPrefix("latency."), "\(path)")
    }
  }

  /// `make golden` writes the page.
  @Test func `docs/figures.md has every figure`() throws {
    let text = Self.text()
    if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] != nil {
      try text.write(to: Self.page, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: Self.page, encoding: .utf8) == text)
  }

  private static func text() -> String {
    """
    # Figures

    Every figure that the server has of itself. `make golden` writes this page from the table that they are read by
    (`Figures`). [operations.md](operations.md#is-it-well) says what to make of them, [limits.md](limits.md) what each limit is.
    Metrics begin with `\(PrometheusText.prefix)`; histograms have times in seconds.

    ## Of the server

    `ctl stats`, and `ctl stats GROUP` for those of a group.

    \(rows(Figures.statistics))
    ## Of each upstream

    `ctl upstreams --json`, and metrics with the label `upstream`.

    \(rows(Figures.upstreams))
    ## Of each block list

    `ctl block status --json`, and metrics with the label `list`.

    \(rows(Figures.lists))
    ## Of each group of clients

    Metrics with the label `group`.

    \(rows(Figures.groups))
    """
  }

  private static func rows<Source>(_ table: FigureTable<Source>) -> String {
    var text = "| Figure | Unit | Metric | Means |\n|---|---|---|---|\n"
    for figure in table.figures {
      let metric = figure.metric.map { "`\($0.name)`, \($0.kind)" } ?? ""
      let path = figure.path.map { "`\($0)`" } ?? ""
      text += "| \(path) | \(figure.unit) | \(metric) | \(figure.help) |\n"
    }
    return text
  }
}
