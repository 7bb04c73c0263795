/// Whole numbers with a unit, as `64MiB` and `5m`; only 0 needs none.
package struct Quantity {
  package static let size = Quantity(units: [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
  /// In milliseconds.
  package static let duration = Quantity(units: [
    ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ])
  static let percent = Quantity(units: [("%", 1)])

  /// From the smallest to the largest.
  private let units: [(name: String, factor: Int)]

  /// Reads a number and its unit.
  package func number(_ text: String) -> Int? {
    if text == "0" { return 0 }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count)
    guard let number = Int(digits), let factor = units.first(where: { $0.name == unit })?.factor
    else { return nil }
    let (value, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : value
  }

  /// Writes a number with the largest unit that divides it.
  package func text(_ number: Int) -> String {
    if number == 0 { return "0" }
    let unit = units.last { number % $0.factor == 0 }
    return unit.map { "\(number / $0.factor)\($0.name)" } ?? "\(number)"
  }
}
