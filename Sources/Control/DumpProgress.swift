import EventLoop
import System

/// Tells on a terminal how far a dump has come, in one line that is written over.
package struct DumpProgress {
  /// Names that the server had at the start; some come and go meanwhile.
  private let total: Int
  private var names = 0
  /// The name of the line being read, as far as it came, and of the line before.
  private var owner: [UInt8] = []
  private var last: [UInt8] = []
  /// Where in a line the octets are.
  private var place = Place.start
  private var shownAt: UInt64 = 0
  private var isShown = false

  private enum Place { case start, owner, rest }

  /// Milliseconds between two looks at the line.
  private static let interval: UInt64 = 200
  /// The longest name that is told from others, escapes and all.
  private static let longestName = 1_100

  package init(total: Int) { self.total = total }

  /// Takes the next octets of the dump, as lines of a zone file or as JSON.
  package mutating func note(_ octets: [UInt8], now: UInt64 = EventLoop.now()) {
    for octet in octets { note(octet) }
    guard now >= shownAt + DumpProgress.interval else { return }
    shownAt = now
    isShown = true
    let share = total > 0 ? min(names * 100 / total, 100) : 0
    Process.writeError("\r\(names) of about \(total) names, \(share) %")
  }

  private mutating func note(_ octet: UInt8) {
    switch (place, octet) {
    case (_, UInt8(ascii: "\n")):
      place = .start
      owner.removeAll(keepingCapacity: true)
    case (.rest, _): break
    // What precedes a name: of negative answers "; ", of JSON {"name":".
    case (.start, UInt8(ascii: ";")), (.start, UInt8(ascii: " ")), (.start, UInt8(ascii: "{")),
      (.start, UInt8(ascii: "\"")):
      break
    case (.owner, UInt8(ascii: "\t")), (.owner, UInt8(ascii: ",")):
      place = .rest
      if owner != last {
        names += 1
        swap(&owner, &last)
      }
    default:
      place = .owner
      if owner.count < DumpProgress.longestName { owner.append(octet) }
    }
  }

  /// Takes the line away again.
  package func end() {
    if isShown { Process.writeError("\r\u{1B}[K") }
  }
}
