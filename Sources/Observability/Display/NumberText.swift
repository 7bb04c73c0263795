import DNSWire

/// Numbers as people read them.
package enum NumberText {
  /// A whole number with a comma before each three digits.
  package static func count(_ value: Double) -> String {
    // More digits than that are no figure for people.
    count(Int64(min(max(0, value), 0x1p62).rounded()))
  }

  /// A whole number with a comma before each three digits.
  package static func count(_ value: Int64) -> String {
    var digits = "\(value.magnitude)"
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }

  /// A count with the word for what is counted, as in "1 error" and "no errors".
  package static func count(_ value: Int64, _ one: String, _ many: String) -> String {
    value == 0 ? "no \(many)" : value == 1 ? "1 \(one)" : "\(count(value)) \(many)"
  }

  /// A part of all with one digit behind the point.
  package static func percent(_ share: Double?) -> String {
    guard let share, share.isFinite else { return "-" }
    let tenths = Int((min(max(share, -1e6), 1e6) * 1_000).rounded())
    return "\(tenths / 10).\(abs(tenths % 10))%"
  }

  /// A part of a whole; "-" of nothing.
  package static func percent(_ part: Int64, of whole: Int64) -> String {
    percent(whole > 0 ? Double(part) / Double(whole) : nil)
  }

  /// Bytes in the largest unit of which there is one.
  package static func size(_ bytes: Int64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1_024, unit < units.count - 1 {
      value /= 1_024
      unit += 1
    }
    return "\(unit == 0 ? count(bytes) : short(value)) \(units[unit])"
  }

  /// Microseconds in a unit that suits them.
  package static func time(microseconds: Int64, isUnicode: Bool) -> String {
    if microseconds < 1_000 { return "\(microseconds) \(isUnicode ? "µ" : "u")s" }
    let (value, unit) =
      microseconds < 1_000_000
      ? (Double(microseconds) / 1_000, "ms") : (Double(microseconds) / 1_000_000, "s")
    return "\(short(value)) \(unit)"
  }

  /// The two largest units of a time in seconds, close together.
  package static func age(_ seconds: Int64) -> String {
    let parts = [
      (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"),
      (seconds % 60, "s"),
    ].drop { $0.0 == 0 }.prefix(2).filter { $0.0 > 0 }
    return parts.isEmpty ? "0s" : parts.map { "\($0.0)\($0.1)" }.joined(separator: " ")
  }

  /// How long ago a moment was, by two readings of the wall clock.
  package static func ago(_ moment: Int64, now: Int64) -> String {
    guard moment <= now else { return "in the future, by this clock" }
    return moment == now ? "just now" : "\(Elapsed.text(seconds: Int(clamping: now - moment))) ago"
  }

  /// One digit behind the point below ten.
  package static func short(_ value: Double) -> String {
    guard value < 9.95 else { return count(value) }
    let tenths = Int((max(0, value) * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// Times as people read them.
package enum Elapsed {
  /// A number of seconds in its two largest units, as in "4 min 52 s".
  package static func text(seconds: Int) -> String {
    let parts = [
      (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"),
      (seconds % 60, "s"),
    ]
    guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 s" }
    return parts[first...].prefix(2).filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
      .joined(separator: " ")
  }

  /// Milliseconds, as seconds when there are many.
  package static func text(milliseconds: UInt64) -> String {
    milliseconds < 1_000 ? "\(milliseconds) ms" : text(seconds: Int(milliseconds / 1_000))
  }

  /// A moment by the wall clock.
  package static func moment(_ seconds: Int64) -> String {
    Timestamp(seconds: UInt32(clamping: seconds)).dateAndTime + " UTC"
  }
}
