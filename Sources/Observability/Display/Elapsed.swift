import DNSWire

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
