import EventLoop
import Memory
import Observability

/// Background work on the loop.
enum SliceWork: Int, CaseIterable {
  case sweep, save, load, control, walk, sockets, local, lists

  /// The name that `ctl stats` shows it by.
  var name: String { "\(self)" }
}

/// How long slices of work took, in microseconds: by the clock, and of the processor.
///
/// By the clock a slice is long also when the machine gave the processor to others in its middle; the
/// thread's own time tells that apart from a slice that is too large.
struct SliceTimes: ~Copyable {
  /// By the clock.
  private(set) var wall = LatencyHistogram()
  /// Of the processor.
  private(set) var cpu = LatencyHistogram()
  /// By the clock, ticks in which replies were taken in and old names made room for them.
  ///
  /// Not of the processor: asking for that costs a noticeable share of what a single reply does.
  private(set) var replies = LatencyHistogram()
  private var longest = FixedArray<Duration>(repeating: Duration(), count: SliceWork.allCases.count)

  /// What a slice took, in microseconds.
  struct Duration: BitwiseCopyable {
    var wall: UInt64 = 0
    var cpu: UInt64 = 0
  }

  /// When a slice began, on both clocks, in microseconds.
  struct Moment {
    let wall = EventLoop.microseconds()
    let cpu = EventLoop.processorMicroseconds()
  }

  /// Notes a slice that ends now.
  mutating func note(_ work: SliceWork, since start: Moment) {
    let cpuTime = EventLoop.processorMicroseconds() - start.cpu
    let wallTime = EventLoop.microseconds() - start.wall
    wall.note(wallTime)
    cpu.note(cpuTime)
    let before = longest[work.rawValue]
    longest[work.rawValue] = Duration(
      wall: max(before.wall, wallTime), cpu: max(before.cpu, cpuTime))
  }

  /// Notes a tick of taking in replies that began at a moment and ends now.
  mutating func noteReplies(since start: UInt64) {
    replies.note(EventLoop.microseconds() - start)
  }

  /// The longest of a kind of work so far.
  func longest(_ work: SliceWork) -> Duration { longest[work.rawValue] }
}

extension Worker {
  /// Runs a slice of work and notes how long the loop was held up by it.
  mutating func measureSlice<Result>(
    _ work: SliceWork, _ body: (inout Worker) -> Result
  ) -> Result {
    let start = SliceTimes.Moment()
    let result = body(&self)
    slices.note(work, since: start)
    return result
  }
}
