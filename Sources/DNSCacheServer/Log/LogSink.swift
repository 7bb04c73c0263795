import DNSWire
import EventLoop
import Logging
import Memory
import Observability
import System

/// Where all lines of the log go: to standard error, without ever waiting for its reader.
///
/// Everything here happens on the loop's thread, or before and after it runs; that is why it may be
/// shared with loggers, which have to be Sendable.
final class LogSink: @unchecked Sendable {
  let output: LineOutput
  /// Whether the journal reads, which wants priorities and has times of its own; others get the time.
  private let isJournal: Bool
  /// Lines that are the same to the last character, and those that differ in their values only.
  private var same = RepeatFilter(burst: LogSink.sameBurst)
  private var alike = RepeatFilter(burst: LogSink.alikeBurst)
  /// Lines held back.
  private(set) var held: UInt64 = 0
  private var timer: Timer?
  private var tickEnd: EndOfTick?
  private var isFlushRequested = false
  /// The time as it was last written, for lines of queries, of which there may be many a second.
  private var timed: (second: Int64, text: [UInt8]) = (.min, [])

  /// Equal lines that pass in ten seconds.
  private static let sameBurst = 3
  /// Lines with the same message that pass in ten seconds, whatever their values.
  private static let alikeBurst = 32
  /// Bytes that wait for the reader at most: some 2,000 lines.
  private static let capacity = 256 << 10
  /// Milliseconds that the reader has at the end.
  private static let farewell: UInt64 = 500

  init(descriptor: Int32) {
    output = LineOutput(descriptor: descriptor, capacity: LogSink.capacity)
    isJournal = Process.isJournal(descriptor)
    let prefix = prefix(.warning)
    let isJournal = isJournal
    output.dropNotice = {
      LogSink.time(isJournal) + prefix
        + "lines of the log were dropped: its reader is too slow count=\($0)\n"
    }
  }

  /// From now on, what waits leaves whenever the reader takes it.
  func attach(to loop: EventLoop) {
    output.attach(to: loop)
    timer = Timer(on: loop) { [unowned self] in tellRepeats() }
    tickEnd = EndOfTick(on: loop) { [unowned self] in
      isFlushRequested = false
      output.flush()
    }
  }

  /// Lets go of the loop, and gives the reader a moment for what is left.
  func finish() {
    timer = nil
    tickEnd = nil
    output.detach()
    while let (text, times) = same.takeAny() ?? alike.takeAny() { put(text, times) }
    output.drain(atMost: LogSink.farewell)
  }

  // MARK: Events

  /// Says what happened, in one line.
  ///
  /// - Parameter values: `key=value`, ready to be written.
  func say(_ level: Logger.Level, _ message: String, _ values: String) {
    let now = EventLoop.now()
    tellRepeats(now: now)
    let head = prefix(level) + LogValue.message(message)
    guard same.admits(head + values, now: now), alike.admits(head, now: now) else {
      held += 1
      setTimer(now: now)
      return
    }
    put(head + values)
  }

  /// How the lines of a level begin.
  func prefix(_ level: Logger.Level) -> String {
    guard isJournal else { return "\(level): " }
    // syslog(3)
    return switch level {
    case .trace, .debug: "<7>"
    case .info: "<6>"
    case .notice: "<5>"
    case .warning: "<4>"
    case .error: "<3>"
    case .critical: "<2>"
    }
  }

  /// What each line begins with: the time, unless the reader has it.
  private static func time(_ isJournal: Bool) -> String {
    isJournal ? "" : Timestamp.rfc3339(EventLoop.wallClock()) + " "
  }

  private func put(_ text: String, _ times: UInt64? = nil) {
    let end = times.map { " (said \($0) times more)\n" } ?? "\n"
    let line = Array((LogSink.time(isJournal) + text + end).utf8)
    output.append(line.span)
    output.flush()
  }

  private func tellRepeats() {
    let now = EventLoop.now()
    tellRepeats(now: now)
    setTimer(now: now)
  }

  private func tellRepeats(now: UInt64) {
    while let (text, times) = same.takeDue(now: now) ?? alike.takeDue(now: now) {
      put(text, times)
    }
  }

  private func setTimer(now: UInt64) {
    guard let due = [same.nextDue, alike.nextDue].compactMap({ $0 }).min() else { return }
    timer?.schedule(after: due > now ? due - now : 1)
  }

  // MARK: Queries

  /// Takes a query's line; those of a tick leave together.
  func take(_ line: Span<UInt8>) {
    if isJournal {
      output.append(line)
    } else {
      let now = EventLoop.wallClock()
      if timed.second != now {
        timed = (now, Array(LogSink.time(isJournal).utf8))
      }
      var whole = timed.text
      whole.reserveCapacity(whole.count + line.count)
      for index in line.indices { whole.append(line[index]) }
      output.append(whole.span)
    }
    if isFlushRequested { return }
    isFlushRequested = true
    tickEnd?.request()
  }
}
