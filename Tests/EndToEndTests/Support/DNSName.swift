/// A domain name as its labels, letter case kept.
///
/// The tests' own reading of the protocol, on purpose: a mistake in the server's modules is not
/// repeated here.
struct DNSName: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  var labels: [[UInt8]]

  init(labels: [[UInt8]]) {
    self.labels = labels
  }

  /// A name without escapes: dots separate its labels.
  init(_ text: String) {
    labels = text.split(separator: ".").map { Array($0.utf8) }
  }

  init(stringLiteral text: String) { self.init(text) }

  var encoded: [UInt8] {
    labels.flatMap { [UInt8($0.count)] + $0 } + [0]
  }

  var lowercased: DNSName {
    DNSName(labels: labels.map { $0.map { (65...90).contains($0) ? $0 + 32 : $0 } })
  }

  /// With a dot at the end, octets that are no letters as they are.
  var description: String {
    labels.map { String(decoding: $0, as: UTF8.self) + "." }.joined() + (labels.isEmpty ? "." : "")
  }
}
