/// A figure that is counted or measured: what it is called, what it means, and how it is read.
///
/// `ctl stats`, `ctl status`, the page, Prometheus' text and docs/figures.md are made of a ``FigureTable``: a new
/// counter is one row. What it is read from is lent for the call.
package struct Figure<Source>: Sendable {
  /// Where it stands in `ctl stats`, as `cache.hits`; nil for what only Prometheus is told.
  package let path: String?
  package let unit: FigureUnit
  /// One sentence without its full stop.
  package let help: String
  /// Nil for text, and for what Prometheus makes of a histogram itself.
  package let metric: Metric?
  let reading: Reading

  /// What Prometheus calls it.
  ///
  /// Samples of one name stand together and share the help of the first.
  package struct Metric: Sendable {
    /// Without ``PrometheusText/prefix``.
    package let name: String
    package let kind: PrometheusText.Kind
    package let labels: [(name: String, value: String)]

    package init(
      _ name: String, _ kind: PrometheusText.Kind, _ labels: [(name: String, value: String)] = []
    ) {
      self.name = name
      self.kind = kind
      self.labels = labels
    }
  }

  enum Reading: Sendable {
    /// Nil when it isn't there at present, null when it is not known.
    case value(@Sendable (Source) -> StructuredValue?)
    /// Lends a histogram of microseconds, or nothing.
    case histogram(@Sendable (Source, (borrowing LatencyHistogram) -> Void) -> Void)
  }

  /// Describes a figure.
  package init(
    _ path: String?, _ unit: FigureUnit, _ help: String, metric: Metric? = nil,
    _ read: @escaping @Sendable (Source) -> StructuredValue?
  ) {
    self.path = path
    self.unit = unit
    self.help = help
    self.metric = metric
    reading = .value(read)
  }

  /// Describes a histogram of microseconds that Prometheus is told, in seconds.
  package init(
    histogram name: String, _ help: String,
    _ lend: @escaping @Sendable (Source, (borrowing LatencyHistogram) -> Void) -> Void
  ) {
    path = nil
    unit = .microseconds
    self.help = help
    metric = Metric(name, .histogram)
    reading = .histogram(lend)
  }

  /// Something that is counted.
  ///
  /// Its metric is named as its path is, with `_total`, if nothing else is said.
  package static func counter(
    _ path: String, _ help: String, metric: Metric? = nil,
    _ read: @escaping @Sendable (Source) -> UInt64?
  ) -> Figure {
    Figure(path, .count, help, metric: metric ?? Metric(plain(path) + "_total", .counter)) {
      read($0).map { .count($0) }
    }
  }

  /// Something that goes up and down.
  ///
  /// Its metric is named as its path is, if nothing else is said.
  package static func gauge(
    _ path: String, _ help: String, _ unit: FigureUnit = .count, metric: String? = nil,
    _ read: @escaping @Sendable (Source) -> Int?
  ) -> Figure {
    Figure(path, unit, help, metric: Metric(metric ?? plain(path), .gauge)) {
      read($0).map { .count($0) }
    }
  }

  private static func plain(_ path: String) -> String {
    String(path.map { $0 == "." ? "_" : $0 })
  }

  /// The figure as it is now; nil when it isn't there, or a histogram.
  func value(of source: Source) -> StructuredValue? {
    if case .value(let read) = reading { read(source) } else { nil }
  }
}

/// What a figure's number counts.
package enum FigureUnit: String, Sendable {
  case count
  case bytes
  case microseconds
  case milliseconds
  /// A moment, in seconds since 1970.
  case moment
  /// Whether something is so.
  case flag
  case text
}
