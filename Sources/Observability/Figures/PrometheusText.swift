/// Writes metrics in Prometheus' text format, version 0.0.4.
///
/// Samples of one family stand together, behind its HELP and TYPE: ``begin(_:)`` a ``Family``, then write its
/// samples. What is the same in every text, heads, names and labels, is made once and kept as bytes; then a
/// sample costs a copy and the digits of its number, and no string is made.
package struct PrometheusText {
  /// What is written so far.
  package private(set) var octets: [UInt8] = []

  private var family: Family?

  /// What kind of figure a family is.
  package enum Kind: String, Sendable {
    /// It only grows, but for a restart.
    case counter
    /// It goes up and down.
    case gauge
    /// Counts by size.
    case histogram
  }

  /// Samples of one name, with what they mean.
  ///
  /// Names follow Prometheus' conventions: a prefix, base units (`_seconds`, `_bytes`), and `_total` at the end of
  /// a counter; that is checked in debug builds, and nothing is added.
  package struct Family: Sendable {
    fileprivate let name: [UInt8]
    fileprivate let kind: Kind
    /// The lines HELP and TYPE.
    fileprivate let head: [UInt8]

    /// Describes a family.
    package init(_ name: String, _ kind: Kind, _ help: String) {
      // UNREACHABLE: families are constants, and their samples stand behind them.
      assert(
        name.hasSuffix("_total") == (kind == .counter), "\(name): only counters end with _total")
      self.name = Array(name.utf8)
      self.kind = kind
      let help = PrometheusText.escaped(help, quotes: false)
      head = Array("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n".utf8)
    }
  }

  /// Labels of samples.
  package struct Labels: Sendable {
    /// As between braces.
    fileprivate let pairs: [UInt8]

    /// No labels.
    package static let none = Labels([])

    /// Labels in the order in which they are written.
    package init(_ labels: [(name: String, value: String)]) {
      let pairs = labels.map {
        "\($0.name)=\"\(PrometheusText.escaped($0.value, quotes: true))\""
      }
      self.pairs = Array(pairs.joined(separator: ",").utf8)
    }

    private init(pairs: [UInt8]) { self.pairs = pairs }

    /// Both, one behind the other.
    static func + (left: Labels, right: Labels) -> Labels {
      if left.pairs.isEmpty { return right }
      if right.pairs.isEmpty { return left }
      return Labels(pairs: left.pairs + [UInt8(ascii: ",")] + right.pairs)
    }
  }

  /// What every name of ours begins with.
  package static let prefix = "dns_cache_server_"

  /// The content type of what is written.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Begins a text.
  ///
  /// - Parameter capacity: bytes that it will have, more or less.
  package init(capacity: Int) { octets.reserveCapacity(capacity) }

  /// Begins a family.
  package mutating func begin(_ family: Family) {
    self.family = family
    octets += family.head
  }

  /// Writes a sample of the family, a whole number.
  package mutating func sample(_ value: UInt64, _ labels: Labels = .none) {
    // UNREACHABLE: families are constants, and their samples stand behind them.
    assert(family?.kind != .histogram)
    name("", labels)
    line(value)
  }

  /// Writes a sample of the family, a time in seconds.
  package mutating func sample(microseconds: UInt64, _ labels: Labels = .none) {
    // UNREACHABLE: families are constants, and their samples stand behind them.
    assert(family?.kind != .histogram)
    name("", labels)
    seconds(microseconds)
    octets.append(UInt8(ascii: "\n"))
  }

  /// Writes a histogram of the family, in seconds.
  ///
  /// A bucket for each power of two of microseconds: what is less than 16 µs is counted by
  /// `le="1.6e-05"`.
  package mutating func histogram(
    _ histogram: borrowing LatencyHistogram, _ labels: Labels = .none
  ) {
    // UNREACHABLE: families are constants, and each sample is written behind its own.
    guard let family, family.kind == .histogram else { preconditionFailure("not a histogram") }
    // Most of a text are these lines: what they have in common is made once.
    var head = family.name + Array("_bucket{".utf8) + labels.pairs
    if !labels.pairs.isEmpty { head.append(UInt8(ascii: ",")) }
    head += Array("le=\"".utf8)
    histogram.visitCounts { magnitude, count in
      octets += head
      octets += PrometheusText.bounds[magnitude]
      line(count)
    }
    octets += head
    octets += PrometheusText.endless
    line(histogram.count)
    name("_sum", labels)
    seconds(histogram.sum)
    octets.append(UInt8(ascii: "\n"))
    name("_count", labels)
    line(histogram.count)
  }

  /// The bounds of a histogram's buckets, to the space before the number.
  private static let bounds = (0...LatencyHistogram.last).map { magnitude in
    // As Prometheus' own libraries write them: 1e-06, 0.001024, 1.048576.
    Array("\(Double(1 << magnitude) / 1_000_000)\"} ".utf8)
  }

  /// The bound of the last one.
  private static let endless = Array("+Inf\"} ".utf8)

  // MARK: Parts of a line

  /// Writes the family's name with labels, and a space.
  private mutating func name(_ suffix: StaticString, _ labels: Labels) {
    // UNREACHABLE: begin(_:) stands before each sample.
    guard let family else { preconditionFailure("a sample without a family") }
    octets += family.name
    // SAFETY: a static string's bytes are there for as long as the program.
    suffix.withUTF8Buffer { unsafe octets += $0 }
    if !labels.pairs.isEmpty {
      octets.append(UInt8(ascii: "{"))
      octets += labels.pairs
      octets.append(UInt8(ascii: "}"))
    }
    octets.append(UInt8(ascii: " "))
  }

  /// Writes a number and ends the line.
  private mutating func line(_ value: UInt64) {
    digits(value)
    octets.append(UInt8(ascii: "\n"))
  }

  /// Writes microseconds as seconds, exactly.
  private mutating func seconds(_ microseconds: UInt64) {
    let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    digits(whole)
    guard rest > 0 else { return }
    octets.append(UInt8(ascii: "."))
    var unit: UInt64 = 100_000
    var left = rest
    while left > 0 {
      octets.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: left / unit))
      left %= unit
      unit /= 10
    }
  }

  private mutating func digits(_ value: UInt64) {
    let start = octets.count
    var left = value
    repeat {
      octets.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: left % 10))
      left /= 10
    } while left > 0
    octets[start...].reverse()
  }

  /// Escapes what ends a line; in a label's value, what ends that, too.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    guard text.utf8.contains(where: { "\\\n\"".utf8.contains($0) }) else { return text }
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
