import Foundation
import Synchronization

/// Forged replies during one flight: all is right about them but the ID, or else the port that they come
/// from.
///
/// They leave from a thread of their own at a steady rate. The kernel cuts each call's octets into
/// datagrams (UDP_SEGMENT, udp(7)), so that sending costs a fraction of what receiving does.
final class Flood: Sendable {
  /// How many there are to be, and in what time.
  let count: Int
  let duration: Duration

  /// Datagrams that the kernel took for the socket that asked, with a wrong ID.
  var wrongIDs: Int { state.withLock { $0.wrongIDs } }
  /// Datagrams that the kernel took with the right ID, from a port that wasn't asked.
  var wrongPorts: Int { state.withLock { $0.wrongPorts } }

  private struct State {
    var aim: Aim?
    var begin: ContinuousClock.Instant?
    var wrongIDs = 0
    var wrongPorts = 0
    var isOver = false
  }

  private let state = Mutex(State())

  /// Datagrams of a call; the kernel takes 64 at most.
  private static let batch = 64
  /// Batches at once at most.
  private static let burst = 2
  /// One batch in so many comes from another port.
  private static let otherPortShare = 8

  init(count: Int, over duration: Duration) {
    self.count = count
    self.duration = duration
  }

  /// Milliseconds until all are sent, below zero when they have been.
  var remaining: Int {
    let begin = state.withLock { $0.begin } ?? .now
    let (seconds, attoseconds) = (begin + duration - .now).components
    return Int(seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }

  /// Whether all were sent, or there was no more time.
  var isOver: Bool { state.withLock { $0.isOver } }

  /// Begins, or goes on with another ID and port of the same question.
  func aim(_ aim: Aim) {
    let isFirst = state.withLock { state in
      state.aim = aim
      guard state.begin == nil else { return false }
      state.begin = .now
      return true
    }
    guard isFirst else { return }
    Thread { [self] in run() }.start()
  }

  private func run() {
    let watch = Stopwatch()
    var sent = 0
    var batches = 0
    while sent < count, watch.elapsed < duration {
      let due = min(count, Int(Double(count) * 1.05 * (watch.elapsed / duration)))
      // Not many at once, or they would only be dropped at the receiver's buffer.
      for _ in 0..<Flood.burst where sent < due {
        batches += 1
        let isOtherPort = batches.isMultiple(of: Flood.otherPortShare)
        let taken = state.withLock { state in
          let taken = state.aim?.send(min(Flood.batch, count - sent), isOtherPort) ?? 0
          if isOtherPort { state.wrongPorts += taken } else { state.wrongIDs += taken }
          return taken
        }
        guard taken > 0 else { break }
        sent += taken
      }
      usleep(50)
    }
    state.withLock { $0.isOver = true }
  }

  /// Replies to one query, prepared, and where they go.
  struct Aim {
    private let target: Endpoint
    private let right: Socket
    private let other: Socket
    /// Octets of a reply.
    private let size: Int
    /// One reply for each ID but the right one.
    private let wrong: [UInt8]
    /// As many as a call takes, with the right ID.
    private let exact: [UInt8]
    private var next = 0

    /// - Parameters:
    ///   - reply: the forged one, with the right ID.
    ///   - right: the socket that was asked.
    ///   - other: one that wasn't.
    init(_ reply: [UInt8], at target: Endpoint, from right: Socket, orFrom other: Socket) throws {
      self.target = target
      self.right = right
      self.other = other
      size = reply.count
      let id = UInt16(reply[0]) << 8 | UInt16(reply[1])
      var octets: [UInt8] = []
      octets.reserveCapacity(Int(UInt16.max) * reply.count)
      for offset in 1...UInt16.max { octets += (id &+ offset).octets + reply[2...] }
      wrong = octets
      exact = Array(repeatElement(reply, count: Flood.batch).joined())
      for socket in [right, other] {
        try socket.set(Aim.udpLevel, Aim.segment, Int32(reply.count))
      }
    }

    private static let udpLevel: Int32 = 17
    private static let segment: Int32 = 103

    /// Sends datagrams in one call, and returns how many the kernel took.
    mutating func send(_ count: Int, _ isOtherPort: Bool) -> Int {
      guard !isOtherPort else {
        return max(0, other.send(Array(exact.prefix(count * size)), to: target)) / size
      }
      let end = min(next + count * size, wrong.count)
      let taken = max(0, right.send(Array(wrong[next..<end]), to: target)) / size
      next = end == wrong.count ? 0 : next + taken * size
      return taken
    }
  }
}
