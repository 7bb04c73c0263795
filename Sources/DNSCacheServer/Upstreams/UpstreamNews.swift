import DNSExchange
import DNSResolver
import Logging
import Observability

/// What the log says of upstreams: that one stopped answering, and that it answers again.
///
/// A short outage is not worth a line, and an upstream that comes and goes is mentioned less and less often.
struct UpstreamNews {
  /// An upstream as it is now.
  struct State {
    var address: String
    var isDown: Bool
    /// Why it failed last.
    var cause: ResolutionError?
    /// Whether it has sent us queries of our own.
    var isLooping = false
  }

  /// A line of the log.
  struct Line: Equatable {
    var level: Logger.Level
    var text: String
  }

  /// Milliseconds that an upstream must have been down before the log says so.
  static let settling: UInt64 = 1_000
  /// Milliseconds between two lines about one upstream at least.
  static let leastPause: UInt64 = 1_000
  /// The same for an upstream that keeps coming and going: doubled with each line, up to this.
  static let mostPause: UInt64 = 300_000
  /// So many pauses without a line, and the pause is the least one again.
  private static let calm: UInt64 = 4

  private struct Entry {
    var isDown = false
    var changedAt: UInt64 = 0
    /// Changes since the last line.
    var changes = 0
    /// What the log said last, when, and when that had begun.
    var isSaidDown = false
    var saidAt: UInt64 = 0
    var downAt: UInt64 = 0
    var pause = UpstreamNews.leastPause
    /// Whether the log has said that it sends us our own queries.
    var isLoopSaid = false

    /// When the log may say what is so now; nothing when it has said that.
    var due: UInt64? {
      guard isDown != isSaidDown else { return nil }
      let settled = isDown ? changedAt + UpstreamNews.settling : changedAt
      return saidAt == 0 ? settled : max(settled, saidAt + pause)
    }

    mutating func noteLine(now: UInt64) {
      let isCalm = saidAt == 0 || now >= saidAt + pause * UpstreamNews.calm
      pause = isCalm ? UpstreamNews.leastPause : min(pause * 2, UpstreamNews.mostPause)
      isSaidDown = isDown
      saidAt = now
      changes = 0
    }
  }

  private var entries: [String: Entry] = [:]

  /// Takes a look at all upstreams.
  ///
  /// - Parameter now: milliseconds on a clock that never goes back.
  /// - Returns: what is to be said.
  mutating func look(at states: [State], now: UInt64) -> [Line] {
    let up = states.count { !$0.isDown }
    var lastDown: Int?
    var kept: [String: Entry] = [:]
    var lines: [Line] = []
    for state in states {
      var entry = entries[state.address] ?? Entry()
      if entry.isDown != state.isDown {
        entry.isDown = state.isDown
        entry.changedAt = now
        entry.changes += 1
      }
      if let due = entry.due, due <= now {
        if state.isDown {
          entry.downAt = entry.changedAt
          lastDown = lines.count
        }
        lines.append(UpstreamNews.line(state, entry, up: up, of: states.count))
        entry.noteLine(now: now)
      }
      if state.isLooping && !entry.isLoopSaid { lines.append(UpstreamNews.loopLine(state)) }
      entry.isLoopSaid = state.isLooping
      kept[state.address] = entry
    }
    entries = kept
    if up == 0, let lastDown {
      lines[lastDown].level = .warning
      lines[lastDown].text += "; until one does, there is only what the cache has"
    }
    return lines
  }

  /// When the next look has something to say, if nothing changes until then.
  var nextLook: UInt64? { entries.values.compactMap(\.due).min() }

  private static func loopLine(_ state: State) -> Line {
    Line(
      level: .warning,
      text:
        "queries to upstream \(state.address) come back to this server, which refuses them; name another upstream"
    )
  }

  private static func line(_ state: State, _ entry: Entry, up: Int, of count: Int) -> Line {
    let often = entry.changes > 1 ? ", having come and gone \(entry.changes) times" : ""
    guard state.isDown else {
      let time = Elapsed.text(milliseconds: entry.changedAt - min(entry.changedAt, entry.downAt))
      return Line(
        level: .notice, text: "upstream \(state.address) answers again after \(time)\(often)")
    }
    let what =
      switch state.cause {
      case .unreachable: "can't be reached"
      case .upstreamError: "answers with errors only"
      case .looping: "asks this server"
      default: "does not answer"
      }
    let others = up > 0 ? "\(up) of \(count) answer" : "no upstream answers"
    return Line(level: .notice, text: "upstream \(state.address) \(what)\(often); \(others)")
  }
}
