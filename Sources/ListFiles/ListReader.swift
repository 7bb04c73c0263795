import DNSWire
import Memory

/// Reads a block list, whatever pieces it comes in, and gives one rule after the other.
///
/// What a line is it says by itself: lists of all formats, and mixtures of them, are read the same way. Lines with
/// nothing but a name, as most are, cost no allocation.
public struct ListReader: ~Copyable {
  /// Octets of a line at most.
  public static let longestLine = 4_096
  /// Octets that may be appended at once.
  public static let largestPiece = 1 << 18
  /// Rules of a list at most.
  public static let mostRules = 10_000_000
  /// Lines with octets that are no text after which it is no list.
  static let mostBinaryLines = 8

  /// What plain names and those of hosts files are about; nothing for what their format says.
  let match: NameMatch?
  let trust: ListTrust
  var buffer = FixedArray<UInt8>(
    reserving: ListReader.largestPiece + ListReader.longestLine + 1)
  private var begin = 0
  private var end = 0
  private var isFinished = false
  private var isAtStart = true
  /// Whether the rest of a line that is too long is passed over.
  private var isSkipping = false
  var binaryLines = 0
  private var ruleCount = 0

  /// The line that is being read: its place in the buffer, without the blanks around it.
  var lineStart = 0
  var lineEnd = 0
  /// Where in it the next name is looked for, in a line with several; nothing when it is done.
  var rest: Int?
  /// The number of the line that was given last, from 1 on.
  public private(set) var line = 0

  /// The name in wire form.
  var wire = FixedArray<UInt8>(repeating: 0, count: 256)
  var wireCount = 1
  /// What the rule that was given last says beside its name.
  public internal(set) var details = RuleDetails()
  /// Why no more is read of the list: it is none.
  public internal(set) var fault: String?
  /// How many rules of each format there were.
  var formats = FixedArray<Int>(repeating: 0, count: ListFormat.allCases.count)
  /// The zone that names of a response policy zone end in, in wire form; and whether a record goes on.
  var origin: [UInt8] = [0]
  var isInParentheses = false

  /// Begins a list.
  public init(match: NameMatch? = nil, trust: ListTrust = .block) {
    self.match = match
    self.trust = trust
  }

  /// The name of the rule given last, in wire form, lower-cased.
  public var name: Span<UInt8> {
    @_lifetime(borrow self)
    get { wire.span.extracting(0..<wireCount) }
  }

  /// The line that the last rule stands in.
  public var lineText: String { text(lineStart..<lineEnd) }

  /// What most of its rules are.
  public var format: ListFormat? {
    var best = 0
    for index in 0..<formats.count where formats[index] > formats[best] { best = index }
    return formats[best] == 0 ? nil : ListFormat.allCases[best]
  }

  // MARK: Octets and lines

  /// Takes the next octets of the list, after ``next()`` has nothing more to give: ``largestPiece`` at most.
  ///
  /// - Returns: how many were taken.
  @discardableResult
  public mutating func append(_ piece: Span<UInt8>) -> Int {
    // What is left is a part of a line.
    let left = end - begin
    for index in 0..<left { buffer[index] = buffer[begin + index] }
    begin = 0
    end = left
    let count = min(piece.count, buffer.count - left)
    var space = buffer.mutableSpan
    space.store(piece.extracting(0..<count), left)
    end += count
    return count
  }

  /// Says that there are no more octets.
  public mutating func finish() { isFinished = true }

  /// What comes next; nothing when more octets are needed, or at the end.
  public mutating func next() -> ListEvent? {
    while fault == nil {
      if rest == nil {
        switch takeLine() {
        case nil: return nil
        case .whole: rest = lineStart
        case .mistake(let mistake): return .mistake(mistake)
        }
      }
      guard let event = readLine() else { continue }
      guard case .rule = event else { return event }
      ruleCount += 1
      guard ruleCount <= ListReader.mostRules else {
        fault = "has more than \(ListReader.mostRules) rules"
        return nil
      }
      return event
    }
    return nil
  }

  private enum Line {
    case whole
    case mistake(ListMistake)
  }

  /// Finds the next line that has something in it.
  private mutating func takeLine() -> Line? {
    while true {
      var stop = begin
      let found = findLineEnd(&stop)
      guard found || isFinished && begin < end else {
        if end - begin > ListReader.longestLine {
          begin = end
          if !isSkipping {
            isSkipping = true
            line += 1
            return .mistake(.tooLong)
          }
        }
        return nil
      }
      let start = begin
      begin = found ? stop + 1 : end
      if isSkipping {
        isSkipping = false
        continue
      }
      line += 1
      guard stop - start <= ListReader.longestLine else { return .mistake(.tooLong) }
      lineStart = start
      lineEnd = stop
      if isAtStart { skipMark() }
      while lineStart < lineEnd, ListReader.isBlank(buffer[lineEnd - 1]) { lineEnd -= 1 }
      // The blanks in front tell of records that go on.
      isIndented = lineStart < lineEnd && (buffer[lineStart] == 0x20 || buffer[lineStart] == 9)
      while lineStart < lineEnd, buffer[lineStart] == 0x20 || buffer[lineStart] == 9 {
        lineStart += 1
      }
      guard lineStart < lineEnd else { continue }
      if isFirst {
        isFirst = false
        if buffer[lineStart] == UInt8(ascii: "<") {
          fault = "is a page of the web, no list"
          return nil
        }
      }
      return .whole
    }
  }

  /// A blank, a tab, or the carriage return in front of a line feed.
  private static func isBlank(_ octet: UInt8) -> Bool {
    octet == 0x20 || octet == 9 || octet == 0x0D
  }

  private var isFirst = true
  /// Whether there were blanks in front of the line.
  private(set) var isIndented = false

  /// A byte order mark is no part of the first line.
  private mutating func skipMark() {
    isAtStart = false
    if lineEnd - lineStart >= 3, buffer[lineStart] == 0xEF, buffer[lineStart + 1] == 0xBB,
      buffer[lineStart + 2] == 0xBF
    {
      lineStart += 3
    }
  }

  /// Looks for a line feed, eight octets a step.
  private func findLineEnd(_ position: inout Int) -> Bool {
    let octets = buffer.span
    let ones: UInt64 = 0x0101_0101_0101_0101
    while position + 8 <= end {
      let word = octets.load64(position) ^ ones &* 0x0A
      let zeros = (word &- ones) & ~word & (ones &* 0x80)
      if zeros != 0 {
        position += zeros.trailingZeroBitCount / 8
        return true
      }
      position += 8
    }
    while position < end {
      if octets[position] == 0x0A { return true }
      position += 1
    }
    return false
  }
}
