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
  within duration: Duration = .seconds(10), every pause: Duration = .milliseconds(5),
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
struct Stopwatch {
  private let start = ContinuousClock.now

  var elapsed: Duration { start.duration(to: .now) }
}

extension Duration {
  /// The duration in seconds, for printing and comparing.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
