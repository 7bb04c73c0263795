/// The time of a line of the log: UTC, as RFC 3339 writes it.
public enum LogTime {
  private static let daySeconds: Int64 = 86_400

  /// Writes the seconds since 1970, as `2026-11-23T08:05:09Z`.
  public static func text(_ seconds: Int64) -> String {
    let second = floorRemainder(seconds, daySeconds)
    let (year, month, day) = date((seconds - second) / daySeconds)
    let time = [second / 3_600, second / 60 % 60, second % 60].map(twoDigits)
    return "\(year)-\(twoDigits(month))-\(twoDigits(day))T\(time.joined(separator: ":"))Z"
  }

  /// The date so many days after the first of January 1970, by Howard Hinnant's `civil_from_days`.
  private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    // Years begin in March here, so that a leap day is the last of its year; 400 years are 146,097 days.
    let shifted = days + 719_468
    let dayOfEra = floorRemainder(shifted, 146_097)
    let era = (shifted - dayOfEra) / 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * month + 2) / 5 + 1
    let calendarMonth = month < 10 ? month + 3 : month - 9
    return (yearOfEra + era * 400 + (calendarMonth <= 2 ? 1 : 0), calendarMonth, day)
  }

  private static func floorRemainder(_ number: Int64, _ divisor: Int64) -> Int64 {
    let remainder = number % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }

  private static func twoDigits(_ number: Int64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }
}
