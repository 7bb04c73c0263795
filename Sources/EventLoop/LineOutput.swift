import CEvent
import Glibc
import Memory
import System

/// Writes lines to a descriptor without ever waiting for whoever reads it.
///
/// What the reader doesn't take waits in a buffer of fixed size; lines that find no room in it are
/// counted and dropped, and the next line that fits is preceded by one that says so. The descriptor's own
/// flags stay as they are: it may be shared with the program that started us.
@safe
public final class LineOutput {
  /// What has been written so far.
  public struct Counters: Sendable {
    /// Lines that were taken.
    public var lines: UInt64 = 0
    /// Lines that found no room.
    public var dropped: UInt64 = 0
    /// Times that the reader was found gone, with all that it had not taken.
    public var failures: UInt64 = 0
  }

  /// What has been written so far.
  public private(set) var counters = Counters()
  /// Octets that wait.
  public private(set) var count = 0
  /// Octets that may wait.
  public let capacity: Int
  /// Makes the line that tells how many were dropped.
  public var dropNotice: ((UInt64) -> String)?

  /// How to write without waiting.
  private enum Way {
    /// A file, where nobody has to read.
    case file
    /// A socket: each call says that it is not to wait.
    case socket
    /// A pipe or terminal, opened anew with flags of its own.
    case reopened
    /// One that can't be opened anew: asked before each write, and given no more than it then takes.
    case polled
  }

  private let descriptor: Int32
  private let opened: Descriptor?
  private let way: Way
  private let buffer: Pinned<FixedArray<UInt8>>
  private var start = 0
  private var unreported: UInt64 = 0
  /// Tells that the reader takes more; none while no loop is to wait for that.
  private var event: LoopEvent?

  /// Octets that a pipe which is ready takes without waiting: POSIX's least PIPE_BUF is 512, Linux's is
  /// this.
  private static let pipeShare = 4_096

  /// Makes an output to a descriptor that stays the caller's.
  ///
  /// - Parameter capacity: octets that may wait.
  public init(descriptor: Int32, capacity: Int) {
    self.capacity = capacity
    buffer = Pinned(FixedArray(repeating: 0, count: capacity))
    var status = stat()
    // SAFETY: the kernel fills the structure.
    let mode = unsafe fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
    var own: Int32?
    switch mode {
    case S_IFREG: way = .file
    case S_IFSOCK: way = .socket
    default:
      let path = "/proc/self/fd/\(descriptor)"
      let flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
      // SAFETY: the string outlives the call.
      if case .done(let number) = CallResult(retrying: { unsafe Int(open(path, flags)) }) {
        own = Int32(number)
      }
      way = own == nil ? .polled : .reopened
    }
    opened = own.map { Descriptor(owning: $0) }
    self.descriptor = own ?? descriptor
  }

  deinit {
    detach()
    buffer.destroy()
  }

  /// From now on, what waits leaves as soon as the reader takes it.
  public func attach(to loop: EventLoop) {
    let event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_WRITE, of: descriptor, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (output: LineOutput) in output.flush() }
    }
    self.event = consume event
  }

  /// Lets go of the loop; what waits leaves with the next ``flush()``.
  public func detach() { event = nil }

  /// Takes a line, its end included; ``flush()`` has it leave.
  ///
  /// - Returns: whether there was room.
  @discardableResult
  public func append(_ line: Span<UInt8>) -> Bool {
    if unreported > 0, let notice = dropNotice?(unreported) {
      let notice = Array(notice.utf8)
      guard notice.count + line.count <= capacity - count else { return drop() }
      unreported = 0
      put(notice.span)
    }
    guard line.count <= capacity - count else { return drop() }
    put(line)
    counters.lines += 1
    return true
  }

  private func drop() -> Bool {
    counters.dropped += 1
    unreported += 1
    return false
  }

  private func put(_ octets: Span<UInt8>) {
    let end = (start + count) % capacity
    let first = min(octets.count, capacity - end)
    // A handle of our own: the compiler sees that the octets are no part of what else changes.
    let buffer = buffer
    var target = buffer.value.mutableSpan
    target.store(octets.extracting(0..<first), end)
    if first < octets.count { target.store(octets.extracting(first..<octets.count), 0) }
    count += octets.count
  }

  /// Writes what the reader takes now.
  public func flush() {
    while count > 0 {
      let run = min(count, capacity - start)
      switch write(way == .polled ? min(run, LineOutput.pipeShare) : run) {
      case .done(let written) where written > 0:
        start = (start + written) % capacity
        count -= written
      case .done, .wouldBlock:
        event?.add()
        return
      case .failed:
        counters.failures += 1
        count = 0
      }
    }
  }

  private func write(_ octets: Int) -> CallResult {
    if way == .polled && !isReady(within: 0) { return .wouldBlock }
    let buffer = buffer
    return LineOutput.write(
      buffer.value.span.extracting(start..<start + octets), to: descriptor, isSocket: way == .socket
    )
  }

  private static func write(
    _ part: Span<UInt8>, to descriptor: Int32, isSocket: Bool
  ) -> CallResult {
    // SAFETY: the kernel reads as many octets as the part has, before the calls return.
    unsafe part.withUnsafeBufferPointer { part in
      CallResult(retrying: {
        unsafe isSocket
          ? send(
            descriptor, part.baseAddress, part.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
          : Glibc.write(descriptor, part.baseAddress, part.count)
      })
    }
  }

  private func isReady(within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // SAFETY: one entry, which the kernel writes to.
    return unsafe poll(&entry, 1, milliseconds) > 0
  }

  /// Writes what waits, and gives the reader some time to take it: for the end of the program.
  public func drain(atMost milliseconds: UInt64) {
    let deadline = EventLoop.now() + milliseconds
    flush()
    while count > 0 {
      let now = EventLoop.now()
      guard now < deadline, isReady(within: Int32(clamping: deadline - now)) else { return }
      flush()
    }
  }
}
