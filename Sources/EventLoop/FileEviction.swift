import Glibc
import System

/// Takes a file's content out of memory bit by bit, so that its end costs no long tick of the loop.
///
/// When the last name and descriptor of a file go, the kernel frees its cached pages in that very
/// call: measured, 50 µs a MiB and more. The file itself isn't touched; a process that reads it goes on.
final class FileEviction {
  /// Bytes that are let go in one tick of the loop.
  private static let slice = 1 << 20

  private let loop: EventLoop
  private let descriptor: Descriptor
  private let size: Int
  private var offset = 0

  /// Keeps the file, whatever becomes of its name; nil when there is nothing to be had.
  init?(of path: String, on loop: EventLoop) {
    self.loop = loop
    // SAFETY: open reads a terminated string.
    guard
      case .done(let number) = CallResult(retrying: {
        unsafe Int(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
      })
    else { return nil }
    let descriptor = Descriptor(owning: Int32(number))
    var status = stat()
    // SAFETY: fstat writes one stat.
    guard unsafe fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG
    else { return nil }
    size = Int(status.st_size)
    self.descriptor = descriptor
  }

  /// Does the next bit and comes back in the next tick, until all is done; keeps itself until then.
  func run() {
    guard offset < size else { return }
    // A hint: where it isn't taken, the last tick is the long one.
    _ = posix_fadvise(descriptor.number, offset, Self.slice, POSIX_FADV_DONTNEED)
    offset += Self.slice
    loop.onNextTick { [self] in run() }
  }
}
