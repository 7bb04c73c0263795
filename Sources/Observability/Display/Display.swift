/// The terminal that text is laid out for.
package struct Display {
  /// Columns that a line may have.
  package var columns = Display.usualColumns
  /// Rows of the screen; nil where there is no terminal.
  package var rows: Int?
  /// Whether the terminal shows more than ASCII.
  package var isUnicode = false
  /// The wall clock, for how long ago something was.
  package var now: Int64

  /// Describes a terminal.
  package init(
    columns: Int = Display.usualColumns, rows: Int? = nil, isUnicode: Bool = false, now: Int64
  ) {
    self.columns = columns
    self.rows = rows
    self.isUnicode = isUnicode
    self.now = now
  }

  /// What a terminal has whose size isn't known.
  package static let usualColumns = 80

  /// A label and what belongs to it, separated by commas, on as many lines as it takes.
  ///
  /// - Parameter width: columns of the label, and of the margin below it.
  package func list(_ label: String, _ items: [String], width: Int) -> String {
    let margin = String(repeating: " ", count: width)
    var lines: [String] = []
    var line = label.count < width ? label + margin.dropFirst(label.count) : label + " "
    var isEmpty = true
    for (index, item) in items.enumerated() {
      let text = item + (index < items.count - 1 ? "," : "")
      if !isEmpty, line.count + 1 + text.count > columns {
        lines.append(line)
        line = margin + text
      } else {
        line += isEmpty ? text : " " + text
      }
      isEmpty = false
    }
    return (lines + [line]).joined(separator: "\n") + "\n"
  }

  /// A text whose lines are broken between words where they are too long, with a margin of two columns more.
  package func wrapped(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard line.count > columns else { return String(line) }
      let margin = String(repeating: " ", count: line.prefix { $0 == " " }.count)
      var lines: [String] = []
      var current = margin
      for word in line.split(separator: " ") {
        let isFirst = current.allSatisfy { $0 == " " }
        if !isFirst, current.count + 1 + word.count > columns {
          lines.append(current)
          current = margin + "  " + word
        } else {
          current += (isFirst ? "" : " ") + word
        }
      }
      return (lines + [current]).joined(separator: "\n")
    }.joined(separator: "\n")
  }

  /// Rows below each other, columns two spaces apart.
  ///
  /// - Parameter numbers: columns whose cells stand on the right.
  package static func table(_ rows: [[String]], numbers: Set<Int>) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += numbers.contains(column) ? space + cell : cell + space
        if column < row.count - 1 { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
