import CEvent
import Glibc
import System

/// Has the kernel make files durable while the loop goes on (Linux AIO, io_submit(2)).
///
/// A sync can take seconds on a busy disk. The kernel does it in a thread of its own and tells by an
/// eventfd, so that ours stays the only one of the process.
@safe
final class DiskSync {
  /// Called on the loop's thread with 0, or the `errno` of the sync.
  typealias Completion = (Int32) -> Void

  /// Syncs under way at most; one save makes one at a time.
  private static let capacity: UInt32 = 8

  private let context: aio_context_t
  private let wake: Int32
  private let event: LoopEvent
  private var completions: [UInt64: Completion] = [:]
  private var nextNumber: UInt64 = 0

  /// Nil where the kernel has no AIO, doesn't let us use it, or has none left.
  init?(on base: OpaquePointer) {
    var context: aio_context_t = 0
    // SAFETY: the kernel writes one context.
    guard unsafe aio_setup(Self.capacity, &context) == 0 else { return nil }
    wake = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
    guard wake >= 0 else {
      _ = aio_destroy(context)
      return nil
    }
    self.context = context
    event = unsafe LoopEvent(within: base)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: wake, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (sync: DiskSync) in sync.becameReadable() }
    }
  }

  deinit {
    event.remove()
    // Waits for what is under way.
    _ = aio_destroy(context)
    _ = Descriptor(owning: wake)
  }

  /// Begins to make a file or a directory durable; false when the caller has to do it, and wait.
  ///
  /// The descriptor may be closed right after the call: the kernel keeps the file open. Without
  /// `dataOnly`, times and the like are synced as well.
  func begin(_ descriptor: Int32, dataOnly: Bool, _ completion: @escaping Completion) -> Bool {
    var request = iocb()
    request.aio_data = nextNumber
    request.aio_lio_opcode = UInt16(dataOnly ? IOCB_CMD_FDSYNC : IOCB_CMD_FSYNC)
    request.aio_fildes = UInt32(descriptor)
    request.aio_flags = UInt32(IOCB_FLAG_RESFD)
    request.aio_resfd = UInt32(wake)
    // SAFETY: the kernel copies the request before the call returns.
    guard unsafe aio_submit(context, &request) == 1 else { return false }
    // Not for longer than there is something to wait for: it would keep an idle loop turning.
    if completions.isEmpty { event.add() }
    completions[nextNumber] = completion
    nextNumber += 1
    return true
  }

  private func becameReadable() {
    var count: UInt64 = 0
    // SAFETY: an eventfd gives eight bytes. How many were done is told by the results.
    _ = unsafe read(wake, &count, MemoryLayout<UInt64>.size)
    while takeOne(waiting: false) {}
  }

  /// Makes a file or a directory durable and waits for it; gives 0 or the `errno`.
  static func wait(for descriptor: Int32, dataOnly: Bool) -> Int32 {
    let result = CallResult(retrying: {
      Int(dataOnly ? fdatasync(descriptor) : fsync(descriptor))
    })
    if case .failed(let code) = result { return code }
    return 0
  }

  /// Waits for all that is under way, and for what its completions begin, and makes the calls.
  func finish() {
    while !completions.isEmpty, takeOne(waiting: true) {}
  }

  private func takeOne(waiting: Bool) -> Bool {
    var result = io_event()
    // SAFETY: the kernel writes one result.
    guard
      case .done(1) = CallResult(retrying: {
        unsafe aio_take(context, waiting ? 1 : 0, &result)
      })
    else { return false }
    let completion = completions.removeValue(forKey: result.data)
    if completions.isEmpty { event.remove() }
    completion?(result.res < 0 ? Int32(truncatingIfNeeded: -result.res) : 0)
    return true
  }
}
