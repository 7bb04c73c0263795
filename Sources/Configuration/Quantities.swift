/// An amount of memory, written as `64MiB`.
package struct MemorySize: CustomStringConvertible, Equatable {
  package let octets: Int

  private static let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]

  package init(octets: Int) { self.octets = octets }

  /// Reads a whole number and its unit; a number without a unit is refused, 0 aside.
  package init?(_ text: String) {
    guard let octets = Quantity.parse(text, units: MemorySize.units) else { return nil }
    self.octets = octets
  }

  /// The largest unit that divides the amount.
  package var description: String { Quantity.format(octets, units: MemorySize.units) }
}

/// A length of time, written as `5m`.
package struct Duration: CustomStringConvertible, Equatable {
  package let milliseconds: Int

  private static let units = [
    ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]

  package init(milliseconds: Int) { self.milliseconds = milliseconds }

  /// Reads a whole number and its unit; a number without a unit is refused, 0 aside.
  package init?(_ text: String) {
    guard let milliseconds = Quantity.parse(text, units: Duration.units) else { return nil }
    self.milliseconds = milliseconds
  }

  /// The largest unit that divides the time.
  package var description: String { Quantity.format(milliseconds, units: Duration.units) }
}

/// Whole numbers with units.
enum Quantity {
  static func parse(_ text: String, units: [(name: String, factor: Int)]) -> Int? {
    if text == "0" { return 0 }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count)
    guard let number = Int(digits), let factor = units.first(where: { $0.name == unit })?.factor
    else { return nil }
    let (value, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : value
  }

  static func format(_ value: Int, units: [(name: String, factor: Int)]) -> String {
    if value == 0 { return "0" }
    for unit in units.reversed() where value % unit.factor == 0 {
      return "\(value / unit.factor)\(unit.name)"
    }
    return "\(value)"
  }
}
