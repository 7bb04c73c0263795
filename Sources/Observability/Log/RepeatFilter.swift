/// Holds back lines that are said again and again, and tells how often.
///
/// Of each text some lines pass in a span of time; when it is over, one more says how many were held
/// back. A bounded number of texts is watched; of others every line passes.
public struct RepeatFilter {
  /// Texts that are watched at most.
  public static let capacity = 64
  /// Milliseconds after which a text's count begins anew.
  public static let window: UInt64 = 10_000

  /// Lines of a text that pass in that time.
  public let burst: Int

  private struct Entry {
    var text: String
    var began: UInt64
    var said: Int
    var held: UInt64
  }

  private var entries: [Entry] = []

  /// Makes a filter that lets so many lines of a text pass.
  public init(burst: Int) { self.burst = burst }

  /// Whether a line is to be said now; it counts either way.
  ///
  /// - Parameter now: milliseconds on a clock that never goes back.
  public mutating func admits(_ text: String, now: UInt64) -> Bool {
    if let index = entries.firstIndex(where: { $0.text == text }) {
      if now >= entries[index].began + RepeatFilter.window && entries[index].held == 0 {
        entries[index].began = now
        entries[index].said = 0
      }
      guard entries[index].said < burst else {
        entries[index].held += 1
        return false
      }
      entries[index].said += 1
      return true
    }
    let entry = Entry(text: text, began: now, said: 1, held: 0)
    if entries.count < RepeatFilter.capacity {
      entries.append(entry)
    } else if let place = oldest(where: { $0.held == 0 }) {
      entries[place] = entry
    }
    return true
  }

  /// When ``takeDue(now:)`` has something to give; nothing while nothing is held back.
  public var nextDue: UInt64? {
    oldest { $0.held > 0 }.map { entries[$0].began + RepeatFilter.window }
  }

  /// Takes an expired text of which lines were held back, and how many there were.
  public mutating func takeDue(now: UInt64) -> (text: String, times: UInt64)? {
    guard let place = oldest(where: { $0.held > 0 }),
      now >= entries[place].began + RepeatFilter.window
    else { return nil }
    return take(place)
  }

  /// Takes any text of which lines were held back: for the end of the program.
  public mutating func takeAny() -> (text: String, times: UInt64)? {
    oldest { $0.held > 0 }.map { take($0) }
  }

  private mutating func take(_ place: Int) -> (text: String, times: UInt64) {
    let entry = entries.remove(at: place)
    return (entry.text, entry.held)
  }

  private func oldest(where isMeant: (Entry) -> Bool) -> Int? {
    entries.indices.filter { isMeant(entries[$0]) }.min { entries[$0].began < entries[$1].began }
  }
}
