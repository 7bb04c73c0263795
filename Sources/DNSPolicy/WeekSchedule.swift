/// Times of the week, as `mon-fri 20:00-07:00, sat 09:00-12:00`: by the clock on the wall.
public struct WeekSchedule: Sendable, Equatable {
  /// Minutes of the week from Monday 0:00 on, the end not included; an end beyond Sunday goes on on Monday.
  private var spans: [Range<Int>] = []

  private static let day = 1_440
  /// Minutes of a week.
  public static let week = 7 * 1_440
  /// Spans at most.
  private static let mostSpans = 64

  private static var days: [Substring] { ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] }

  /// What is wrong with a schedule, in words.
  public struct Fault: Error, Equatable, CustomStringConvertible {
    /// The words.
    public let description: String
  }

  /// Reads days and times; days may be left out for all of them, and a span may go beyond midnight.
  public init(_ text: String) throws(Fault) {
    for part in text.lowercased().split(separator: ",") {
      let words = part.split(separator: " ")
      guard let times = words.last, words.count <= 2 else { throw Self.form(part) }
      let days = words.count == 2 ? try Self.days(words[0]) : 0...6
      let span = try Self.times(times)
      for day in days {
        let begin = (day % 7) * Self.day + span.lowerBound
        spans.append(begin..<begin + span.count)
      }
    }
    guard !spans.isEmpty, spans.count <= Self.mostSpans else { throw Self.form(text[...]) }
  }

  private static func form(_ text: Substring) -> Fault {
    Fault(
      description:
        "\"\(text)\" is not days and times; write \"mon-fri 20:00-07:00\" or \"sat 9:00-12:00, sun 9:00-12:00\""
    )
  }

  /// Days by their numbers; beyond 6 they are those of the next week.
  private static func days(_ text: Substring) throws(Fault) -> ClosedRange<Int> {
    let sides = text.split(separator: "-", omittingEmptySubsequences: false)
    guard let first = sides.first, let last = sides.last, sides.count <= 2,
      let begin = days.firstIndex(of: first), let end = days.firstIndex(of: last)
    else { throw form(text) }
    return begin...(end < begin ? end + 7 : end)
  }

  /// Minutes of a day; beyond 1,440 they are those of the next.
  private static func times(_ text: Substring) throws(Fault) -> Range<Int> {
    let sides = text.split(separator: "-", omittingEmptySubsequences: false)
    guard sides.count == 2, let begin = minute(sides[0]), let end = minute(sides[1]), begin < day,
      begin != end
    else { throw form(text) }
    return begin..<(end < begin ? end + day : end)
  }

  private static func minute(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].utf8.count == 2, (1...2).contains(parts[0].utf8.count),
      let hour = UInt8(parts[0]), let minute = UInt8(parts[1]), minute < 60,
      hour < 24 || hour == 24 && minute == 0
    else { return nil }
    return Int(hour) * 60 + Int(minute)
  }

  /// Whether it is one of these times.
  ///
  /// - Parameter minute: of the week, from Monday 0:00 on.
  public func isActive(at minute: Int) -> Bool {
    spans.contains { $0.contains(minute) || $0.contains(minute + Self.week) }
  }

  /// Minutes until that changes: a week at most.
  public func minutesToChange(after minute: Int) -> Int {
    let now = isActive(at: minute)
    let edges = spans.flatMap { [$0.lowerBound, $0.upperBound] }.map { edge in
      let wait = (edge - minute) % Self.week
      return wait <= 0 ? wait + Self.week : wait
    }.sorted()
    return edges.first { isActive(at: (minute + $0) % Self.week) != now } ?? Self.week
  }
}
