import EventLoop
import Glibc

extension EventLoop {
  /// Turns the loop until the condition holds; false when that takes longer than the deadline.
  package func turn(within milliseconds: UInt64 = 10_000, until condition: () -> Bool) throws
    -> Bool
  {
    let deadline = EventLoop.now() + milliseconds
    // Keeps a turn from waiting for ever when nothing else happens.
    let ticker = Timer(on: self) {}
    ticker.schedule(every: 5)
    defer { ticker.cancel() }
    while !condition() {
      guard EventLoop.now() < deadline else { return false }
      try runOnce(blocking: true)
    }
    return true
  }

  /// Makes a number of turns that don't wait.
  package func spin(_ turns: Int) throws {
    for _ in 0..<turns { try runOnce() }
  }
}

/// A counter that closures share.
package final class Count {
  package var value = 0

  package init() {}
}

/// How many descriptors the process has open.
///
/// Other tests run at the same time: only a difference of dozens tells something, and only one that stays.
package func openDescriptors() -> Int {
  // SAFETY: the directory is closed once, and an entry is only tested for being there.
  guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
  defer { unsafe closedir(directory) }
  var count = 0
  while unsafe readdir(directory) != nil { count += 1 }
  return count
}

extension Array where Element == UInt8 {
  package init(_ span: Span<UInt8>) {
    // SAFETY: the octets are copied.
    self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
  }
}
