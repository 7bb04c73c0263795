import Foundation

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
/// this thread could have run, but had no processor, doesn't count.
struct Stopwatch {
  private let start = ContinuousClock.now
  private let server: ServerProcess?
  private let pid: pid_t
  private let before: (server: Duration, thread: Duration)

  init(_ server: ServerProcess? = nil) {
    self.server = server
    pid = server?.pid ?? 0
    before = (server.map { Self.wait("\($0.pid)") } ?? .zero, Self.wait("thread-self"))
  }

  var elapsed: Duration {
    let all = start.duration(to: .now)
    guard let server else { return all }
    // One that was started meanwhile had not waited before; one that has ended tells nothing any more.
    let earlier = server.pid == pid ? before.server : .zero
    let wait = max(.zero, Self.wait("\(server.pid)") - earlier)
    return all - wait - (Self.wait("thread-self") - before.thread)
  }

  /// For how long a process's main thread, or this one, has waited for a processor (`/proc/…/schedstat`).
  private static func wait(_ process: String) -> Duration {
    let fields = Tool.text(of: "/proc/\(process)/schedstat").split(separator: " ")
    return .nanoseconds(fields.count > 1 ? Int64(fields[1]) ?? 0 : 0)
  }
}

extension Duration {
  /// The duration in seconds, for printing and comparing.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
