/// Writes metrics in Prometheus' text format, version 0.0.4.
///
/// Samples of one family stand together, behind its HELP and TYPE: begin a ``family(_:_:_:)``, then write
/// its samples. Names follow Prometheus' conventions: a prefix, base units (`_seconds`, `_bytes`), and
/// `_total` at the end of a counter; the writer checks that in debug builds and adds nothing itself.
public struct PrometheusText {
  /// What is written so far.
  public private(set) var text = ""

  private let prefix: String
  private var name = ""
  private var kind = Kind.gauge

  /// What kind of figure a family is.
  public enum Kind: String, Sendable {
    /// It only grows, but for a restart.
    case counter
    /// It goes up and down.
    case gauge
    /// Counts by size.
    case histogram
  }

  /// Labels of a sample, in the order in which they are written.
  public typealias Labels = [(name: String, value: String)]

  /// The content type of what is written.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Begins a text; each name is written with the prefix before it.
  public init(prefix: String) { self.prefix = prefix }

  /// Begins a family.
  public mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    assert(name.hasSuffix("_total") == (kind == .counter), "\(name): only counters end with _total")
    self.name = prefix + name
    self.kind = kind
    text += "# HELP \(self.name) \(PrometheusText.escaped(help, quotes: false))\n"
    text += "# TYPE \(self.name) \(kind.rawValue)\n"
  }

  /// Writes a sample of the family, a whole number.
  public mutating func sample(_ value: UInt64, _ labels: Labels = []) {
    assert(kind != .histogram)
    line("", labels, "\(value)")
  }

  /// Writes a sample of the family, a number with a fraction.
  public mutating func sample(_ value: Double, _ labels: Labels = []) {
    assert(kind != .histogram)
    line("", labels, PrometheusText.number(value))
  }

  /// Writes a histogram of the family, in seconds.
  ///
  /// A bucket for each power of two of microseconds: what is less than 16 µs is counted by
  /// `le="1.6e-05"`.
  public mutating func histogram(_ histogram: borrowing LatencyHistogram, _ labels: Labels = []) {
    assert(kind == .histogram)
    // Most of a text are these lines: what they have in common is made once.
    let head =
      name + "_bucket{" + PrometheusText.pairs(labels) + (labels.isEmpty ? "" : ",") + "le=\""
    histogram.visitCounts { magnitude, count in
      text += head
      text += PrometheusText.bounds[magnitude]
      text += "\"} "
      text += String(count)
      text += "\n"
    }
    text += "\(head)+Inf\"} \(histogram.count)\n"
    line("_sum", labels, PrometheusText.seconds(histogram.sum))
    line("_count", labels, "\(histogram.count)")
  }

  private mutating func line(_ suffix: String, _ labels: Labels, _ value: String) {
    text += name + suffix
    if !labels.isEmpty { text += "{" + PrometheusText.pairs(labels) + "}" }
    text += " " + value + "\n"
  }

  private static func pairs(_ labels: Labels) -> String {
    labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",")
  }

  /// The bounds of a histogram's buckets.
  private static let bounds = (0...LatencyHistogram.last).map { seconds(1 << UInt64($0)) }

  /// Microseconds as seconds.
  private static func seconds(_ microseconds: UInt64) -> String {
    number(Double(microseconds) / 1_000_000)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// Escapes what ends a line; in a label's value, what ends that, too.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
