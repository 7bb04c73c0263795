import ArgumentParser
import EventLoop
import Glibc
import Observability
import System

/// `ctl watch`: how a running server is doing, renewed each second.
struct WatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "A live view: queries, latency, memory, upstreams; ^C ends it.",
    discussion: """
      Where standard output is no terminal, or with --json, a line a second. Latencies are those of \
      the last ten seconds; shares in lines are thousandths.
      """)
  @OptionGroup var options: ControlCommand.Options

  func run() throws {
    try options.ask(timeout: Watch.patience) { client in
      try Watch(client, isJSON: options.json).run()
    }
  }
}

/// Asks a server each second and shows what it says, until a signal comes or nobody reads.
private final class Watch {
  /// Seconds that an answer may take.
  static let patience = 2
  private static let interval: UInt64 = 1_000
  /// What a terminal that doesn't tell its size is taken for.
  private static let usualSize = (columns: 80, rows: 24)

  private let client: ControlClient
  private let isJSON: Bool
  private let isScreen: Bool
  private let isUnicode = Terminal.isUnicode
  private let loop: EventLoop
  private var timer: Timer?
  private var signals: [SignalSource] = []
  private var last: WatchPoll
  private var figures: WatchFigures
  private var notice: String?

  /// Asks for the first time: a server that isn't there is said at once.
  init(_ client: ControlClient, isJSON: Bool) throws {
    self.client = client
    self.isJSON = isJSON
    isScreen = !isJSON && Terminal.isOutput
    do {
      loop = try EventLoop()
    } catch {
      throw StartupError(.fault, "\(error)")
    }
    last = try WatchPoll(client)
    figures = WatchFigures(last, since: nil)
  }

  func run() throws {
    do {
      try listen()
      let timer = Timer(on: loop) { [unowned self] in poll() }
      timer.schedule(every: Watch.interval)
      self.timer = timer
      if isScreen {
        show(Terminal.enter)
        draw()
      }
      defer { if isScreen { show(Terminal.leave) } }
      try loop.run()
    } catch {
      throw StartupError(.fault, "\(error)")
    }
  }

  private func listen() throws(SystemError) {
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
      signals.append(try SignalSource(on: loop, signal: number) { [unowned self] in loop.stop() })
    }
    guard isScreen else { return }
    signals.append(try SignalSource(on: loop, signal: SIGWINCH) { [unowned self] in draw() })
    // ^Z: the screen is given back before the shell has it.
    signals.append(
      try SignalSource(on: loop, signal: SIGTSTP) { [unowned self] in
        show(Terminal.leave)
        Process.stop()
        show(Terminal.enter)
        draw()
      })
  }

  private func poll() {
    do {
      let poll = try WatchPoll(client)
      figures = WatchFigures(poll, since: last)
      last = poll
      notice = nil
      if isScreen {
        draw()
      } else {
        let line = isJSON ? figures.report.json : Watch.line(figures.report)
        show(line + "\n")
      }
    } catch {
      // It may come back; what was known last stays.
      notice = "\(error)"
      if isScreen { draw() } else { Process.writeError("\(error)\n") }
    }
  }

  private func draw() {
    let size = Terminal.size() ?? Watch.usualSize
    let screen = WatchScreen(columns: size.columns, rows: size.rows, isUnicode: isUnicode)
    show(Terminal.frame(screen.lines(figures, notice: notice)))
  }

  private func show(_ text: String) {
    if !Process.writeOutput(Array(text.utf8)) { loop.stop() }
  }

  /// Facts as `name=value`.
  private static func line(_ report: StructuredValue) -> String {
    guard case .object(let members) = report else { return "" }
    return members.map { "\($0.name)=\($0.value.text.dropLast())" }.joined(separator: " ")
  }
}
