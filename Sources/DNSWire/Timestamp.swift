/// Seconds since 1970 as RRSIG writes them, YYYYMMDDHHmmSS in UTC (RFC 4034 §3.2).
///
/// The number is taken as it stands, which is right until 2106.
public struct Timestamp {
  /// Seconds since 1970.
  public let seconds: UInt32

  /// Takes a number of seconds.
  public init(seconds: UInt32) { self.seconds = seconds }

  /// Reads 14 digits of a real date and time, or up to 10 digits of seconds.
  init?(_ text: ArraySlice<UInt8>) {
    guard text.count == 14 else {
      guard text.count <= 10, let seconds = text.decimal(UInt32.self) else { return nil }
      self.seconds = seconds
      return
    }
    var rest = text
    func next(_ count: Int) -> Int? {
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count).decimal(Int.self)
    }
    guard let year = next(4), let month = next(2), let day = next(2), let hour = next(2),
      let minute = next(2), let second = next(2), (1...12).contains(month)
    else { return nil }
    // Years counted from March, so that the leap day is a year's last.
    let marchYear = month > 2 ? year : year - 1
    let monthFromMarch = (month + 9) % 12
    let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
    let days = marchYear * 365 + leapDays + (monthFromMarch * 153 + 2) / 5 + day - 1
    let total = ((days - Timestamp.daysTo1970) * 24 + hour) * 3600 + minute * 60 + second
    guard let seconds = UInt32(exactly: total) else { return nil }
    self.seconds = seconds
    // Refuses 30 February, 24:00 and the like: they would come back as another date.
    guard self.text.utf8.elementsEqual(text) else { return nil }
  }

  /// Days from 1 March of the year 0 to 1 January 1970.
  private static let daysTo1970 = 719_468

  var text: String { fields.joined() }

  /// The same for people, as in "2026-11-23 18:30:05".
  public var dateAndTime: String {
    let fields = fields
    return fields[0...2].joined(separator: "-") + " " + fields[3...].joined(separator: ":")
  }

  /// Any seconds since 1970, or before, as RFC 3339 writes them in UTC: `2026-11-23T18:30:05Z`.
  public static func rfc3339(_ seconds: Int64) -> String {
    let fields = fields(Int(seconds))
    return fields[0...2].joined(separator: "-") + "T" + fields[3...].joined(separator: ":") + "Z"
  }

  private var fields: [String] { Timestamp.fields(Int(seconds)) }

  /// Year, month, day, hour, minute and second, each with all its digits.
  private static func fields(_ seconds: Int) -> [String] {
    let clock = (seconds % 86_400 + 86_400) % 86_400
    let days = (seconds &- clock) / 86_400 + Timestamp.daysTo1970
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    let twoDigits = [month, day, clock / 3600, clock / 60 % 60, clock % 60]
    return ["\(year)"] + twoDigits.map { $0 < 10 ? "0\($0)" : "\($0)" }
  }
}
