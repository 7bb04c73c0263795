import Control
import EventLoop
import Glibc
import Observability
import System

/// Asks a server each second and shows what it says, until a signal comes or nobody reads.
final class LiveView {
  /// Seconds that an answer may take.
  static let patience = 2
  private static let interval: UInt64 = 1_000

  private let client: ControlClient
  private let isJSON: Bool
  private let isScreen: Bool
  private let loop: EventLoop
  private var timer: Timer?
  private var signals: [SignalSource] = []
  /// What the server said last.
  private var last: String
  private var notice: String?

  private var form: ControlForm {
    isJSON ? .json : isScreen ? .laidOut(.current) : .lines
  }

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
    last = try client.answer(
      Verbs.Watch.row, as: isJSON ? .json : isScreen ? .laidOut(.current) : .lines)
  }

  func run() throws {
    do {
      try listen()
      let timer = Timer(on: loop) { [unowned self] in poll() }
      timer.schedule(every: LiveView.interval)
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
    signals.append(try SignalSource(on: loop, signal: SIGWINCH) { [unowned self] in poll() })
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
      last = try client.answer(Verbs.Watch.row, as: form)
      notice = nil
      if isScreen { draw() } else { show(last) }
    } catch {
      // It may come back; what was known last stays.
      notice = "\(error)"
      if isScreen { draw() } else { Process.writeError("\(error)\n") }
    }
  }

  private func draw() {
    let lines = last.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    show(Terminal.frame(WatchScreen(.current).fitted(lines, notice: notice)))
  }

  private func show(_ text: String) {
    if !Process.writeOutput(Array(text.utf8)) { loop.stop() }
  }
}
