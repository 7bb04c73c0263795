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
  /// Lines with octets that are no text after which it is no list.
  static let mostBinaryLines = 8

  /// What plain names and those of hosts files are about; nothing for what their format says.
  let match: NameMatch?
  let trust: ListTrust
  /// Rules of a list at most.
  var mostRules = 10_000_000
  var buffer = FixedArray<UInt8>(
    reserving: ListReader.largestPiece + ListReader.longestLine + 1)
  private var begin = 0
  private var end = 0
  private var isFinished = false
  private var isAtStart = true
  /// Whether the rest of a line that is too long is passed over.
  private var isSkipping = false
  /// What ends a line: a line feed, or a carriage return in lists that have no others.
  private var lineFeed: UInt8 = 0x0A
  var binaryLines = 0
  var lastBinaryLine = 0
  private(set) var ruleCount = 0

  /// The line that is being read: its place in the buffer, without the blanks around it.
  var lineStart = 0
  var lineEnd = 0
  /// What of it is yet to be read.
  var rest = Rest.nothing
  /// The number of the line that was given last, from 1 on.
  public private(set) var line = 0

  /// The name in wire form, and where its last label begins.
  var wire = FixedArray<UInt8>(repeating: 0, count: 256)
  var wireCount = 1
  var lastLabel = 0
  /// What each octet is in a name, in lower case; 0 for those that are in none.
  let letters = ListReader.makeLetters()
  /// What the rule that was given last says beside its name.
  public internal(set) var details = RuleDetails()
  /// Why no more is read of the list: it is none.
  public internal(set) var fault: String?
  /// How many rules of each format there were.
  var formats = FixedArray<Int>(repeating: 0, count: ListFormat.allCases.count)
  /// The zone that names of a response policy zone end in, in wire form.
  var origin: [UInt8] = [0]
  /// How many lines more a record in parentheses may have.
  var linesInParentheses = 0

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
      if case .nothing = rest {
        switch takeLine() {
        case nil: return nil
        case .whole: rest = .all
        case .mistake(let mistake): return .mistake(mistake)
        }
      }
      guard let event = readLine() else { continue }
      guard case .rule = event else { return event }
      ruleCount += 1
      guard ruleCount <= mostRules else {
        fault = "has more than \(mostRules) rules"
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
    if isAtStart, !chooseLineFeed() { return nil }
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
      return .whole
    }
  }

  /// A blank, a tab, or the carriage return in front of a line feed.
  private static func isBlank(_ octet: UInt8) -> Bool {
    octet == 0x20 || octet == 9 || octet == 0x0D
  }

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

  /// Tells lists of which the lines end in nothing but a carriage return.
  ///
  /// - Returns: whether there were octets enough to know.
  private mutating func chooseLineFeed() -> Bool {
    let count = min(end - begin, ListReader.longestLine + 1)
    var hasReturn = false
    for index in begin..<begin + count {
      if buffer[index] == 0x0A { return true }
      hasReturn = hasReturn || buffer[index] == 0x0D
    }
    guard isFinished || count > ListReader.longestLine else { return false }
    if hasReturn { lineFeed = 0x0D }
    return true
  }

  private static func makeLetters() -> FixedArray<UInt8> {
    var letters = FixedArray<UInt8>(repeating: 0, count: 256)
    for octet in "abcdefghijklmnopqrstuvwxyz0123456789-_.".utf8 { letters[Int(octet)] = octet }
    for octet in UInt8(ascii: "A")...UInt8(ascii: "Z") { letters[Int(octet)] = octet | 0x20 }
    return letters
  }

  /// Looks for the end of a line, eight octets a step.
  private func findLineEnd(_ position: inout Int) -> Bool {
    let octets = buffer.span
    let ones: UInt64 = 0x0101_0101_0101_0101
    let pattern = ones &* UInt64(lineFeed)
    while position + 8 <= end {
      let word = octets.load64(position) ^ pattern
      let zeros = (word &- ones) & ~word & (ones &* 0x80)
      if zeros != 0 {
        position += zeros.trailingZeroBitCount / 8
        return true
      }
      position += 8
    }
    while position < end {
      if octets[position] == lineFeed { return true }
      position += 1
    }
    return false
  }
}
