import Foundation
import Synchronization

/// A moment after which waiting is given up.
struct Deadline {
  let instant: ContinuousClock.Instant

  init(after duration: Duration) {
    instant = .now + duration
  }

  var hasPassed: Bool { .now >= instant }

  /// Milliseconds that are left, for `poll`; never negative.
  var milliseconds: Int32 {
    let left = instant - .now
    guard left > .zero else { return 0 }
    let (seconds, attoseconds) = left.components
    return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
  }
}

/// Waits until a condition holds, and tells whether it came to hold in time.
func eventually(
  within duration: Duration = .seconds(20), every pause: Duration = .milliseconds(5),
  _ condition: () throws -> Bool
) rethrows -> Bool {
  let deadline = Deadline(after: duration)
  while true {
    if try condition() { return true }
    if deadline.hasPassed { return false }
    usleep(UInt32(pause.components.attoseconds / 1_000_000_000_000))
  }
}

/// A clock that was started when the value was made.
///
/// With a server it measures what that does, not what else the machine does: the time for which the server and
/// this thread could have run, but had no processor, doesn't count, nor that for which nothing here ran at all,
/// or the server was stopped.
struct Stopwatch {
  private let start: ContinuousClock.Instant
  private let server: ServerProcess?
  private let pid: pid_t
  private let before: (server: Duration, here: Duration)

  init(_ server: ServerProcess? = nil) {
    self.server = server
    pid = server?.pid ?? 0
    before = (server.map { Self.lost(by: $0.pid) } ?? .zero, Self.lostHere())
    // Last: what is lost before doesn't count as time, what is lost after the end is taken off.
    start = .now
  }

  var elapsed: Duration {
    let all = start.duration(to: .now)
    return server == nil ? all : max(.zero, all - lost)
  }

  /// What the machine took; with a server it doesn't count.
  ///
  /// What is lost in two ways at a time counts twice: on a busy machine that is lenient.
  var lost: Duration {
    let here = Self.lostHere() - before.here
    guard let server else { return here }
    // One that was started meanwhile had lost nothing before; one that has ended tells nothing any more.
    let earlier = server.pid == pid ? before.server : .zero
    return max(.zero, Self.lost(by: server.pid) - earlier) + here
  }

  private static func lost(by pid: pid_t) -> Duration {
    wait("\(pid)") + LostTime.shared.stopped(pid)
  }

  private static func lostHere() -> Duration { wait("thread-self") + LostTime.shared.machine }

  /// For how long a process's main thread, or this one, has waited for a processor (`/proc/…/schedstat`).
  private static func wait(_ process: String) -> Duration {
    let fields = Tool.text(of: "/proc/\(process)/schedstat").split(separator: " ")
    return .nanoseconds(fields.count > 1 ? Int64(fields[1]) ?? 0 : 0)
  }
}

/// The time that the machine took away from the tests or from a server.
///
/// A virtual machine that doesn't run for a second finds its clocks a second later, and nothing else. A thread that
/// wants to run each hundredth of a second adds up by how much later it did. It looks at the servers, too, for a
/// signal can stop one of them alone (`scripts/unkind`).
final class LostTime: Sendable {
  static let shared = LostTime()

  private struct State {
    var lastTurn = ContinuousClock.now
    var machine = Duration.zero
    var watched: Set<pid_t> = []
    var stopped: [pid_t: Duration] = [:]

    /// By how much the turn that is due is late; not the little by which any thread is that waits for its turn.
    var late: Duration {
      let gap = lastTurn.duration(to: .now)
      return gap > .milliseconds(30) ? gap - LostTime.pause : .zero
    }
  }

  private let state = Mutex(State())
  private static let pause = Duration.milliseconds(10)

  private init() {
    let thread = Thread { [self] in
      while true {
        usleep(UInt32(Self.pause / .microseconds(1)))
        turn()
      }
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// What all of it has lost so far.
  ///
  /// Whoever asks may run again before the thread does.
  var machine: Duration { state.withLock { $0.machine + $0.late } }

  /// For how long a process was stopped, since this was first asked.
  func stopped(_ pid: pid_t) -> Duration {
    state.withLock { state in
      if state.stopped[pid] == nil {
        state.stopped[pid] = .zero
        state.watched.insert(pid)
      }
      return state.stopped[pid, default: .zero]
    }
  }

  /// The letter for what a process does, of which T is stopped (proc(5)); nothing when it has ended.
  static func state(of pid: pid_t) -> Substring? {
    Tool.text(of: "/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ").first
  }

  private func turn() {
    let watched = state.withLock { Array($0.watched) }
    let states = watched.map(Self.state)
    state.withLock { state in
      let late = state.late
      let gap = state.lastTurn.duration(to: .now)
      state.machine += late
      for (pid, letter) in zip(watched, states) {
        if letter == nil { state.watched.remove(pid) }
        if letter == "T" { state.stopped[pid, default: .zero] += gap - late }
      }
      state.lastTurn = .now
    }
  }
}

extension Duration {
  /// The duration in seconds, for printing and comparing.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
