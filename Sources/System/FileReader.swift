import Glibc

/// Reads a file from its beginning, in pieces.
package final class FileReader {
  /// The path that it was opened by.
  package let path: String
  /// Octets in the file when it was opened.
  package let size: Int
  /// Tells its state from others.
  package let stamp: FileStamp
  /// Whether others than its owner and its group may read or change it.
  package let isOpenToOthers: Bool

  private let descriptor: Descriptor

  /// Opens a regular file; throws ENOENT and the like, and ``SystemError/isNotAFile`` for anything but
  /// a regular file.
  package init(path: String) throws(SystemError) {
    self.path = path
    // O_NONBLOCK: a named pipe doesn't hold us up; on regular files it does nothing.
    // SAFETY: open reads a terminated string.
    let descriptor = try Descriptor("open", for: path) {
      unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    let number = descriptor.number
    var status = stat()
    // SAFETY: fstat writes one stat.
    _ = try CallResult(retrying: { unsafe Int(fstat(number, &status)) })
      .value(call: "fstat", purpose: path)
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "open", purpose: path, code: EINVAL)
    }
    size = Int(status.st_size)
    stamp = FileStamp(status)
    isOpenToOthers = status.st_mode & (S_IROTH | S_IWOTH) != 0
    self.descriptor = descriptor
  }

  /// Reads the next octets to an offset of the span, up to its end, and returns how many there were.
  ///
  /// Less than there is room for only at the end of the file, 0 there. Blocks for the disk.
  package func read(
    into octets: inout MutableSpan<UInt8>, at start: Int = 0
  ) throws(SystemError) -> Int {
    // UNREACHABLE: a bound: callers go on where the last call ended.
    precondition(start >= 0 && start <= octets.count)
    var filled = start
    while filled < octets.count {
      let number = descriptor.number
      let offset = filled
      // SAFETY: the kernel writes at most as many octets as remain behind the offset.
      let count = try unsafe octets.withUnsafeMutableBufferPointer { octets in
        CallResult(retrying: {
          unsafe Glibc.read(
            number, octets.baseAddress.map { unsafe $0 + offset }, octets.count - offset)
        })
      }.value(call: "read", purpose: path)
      guard count > 0 else { break }
      filled += count
    }
    return filled - start
  }

  /// Whether there is something at a path that is no regular file, such as a pipe or `/dev/null`.
  package static func isSpecial(_ path: String) -> Bool {
    var status = stat()
    // SAFETY: stat reads a terminated string and writes one stat.
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }

  /// All that comes out of a pipe or a device, such as `/dev/null` or what a shell makes of `<(…)`.
  ///
  /// - Parameters:
  ///   - limit: octets at most, else EFBIG.
  ///   - patience: milliseconds to wait for more, else ETIMEDOUT.
  package static func octets(
    ofSpecial path: String, limit: Int, patience: Int32
  ) throws(SystemError) -> [UInt8] {
    // SAFETY: open reads a terminated string.
    let descriptor = try Descriptor("open", for: path) {
      unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    let number = descriptor.number
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while octets.count <= limit {
      // SAFETY: the call gets the array's length.
      let result = CallResult(retrying: { unsafe Glibc.read(number, &piece, piece.count) })
      if case .wouldBlock = result {
        var waiting = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        // SAFETY: the kernel reads and writes one pollfd.
        let ready = try CallResult(retrying: { unsafe Int(poll(&waiting, 1, patience)) })
          .value(call: "poll", purpose: path)
        guard ready > 0 else { throw SystemError(call: "read", purpose: path, code: ETIMEDOUT) }
        continue
      }
      let count = try result.value(call: "read", purpose: path)
      guard count > 0 else { return octets }
      octets += piece[..<count]
    }
    throw SystemError(call: "read", purpose: path, code: EFBIG)
  }

  /// The whole of a small file as text; what isn't UTF-8 is replaced.
  ///
  /// Throws EFBIG when the file has more than `limit` octets.
  package static func text(of path: String, limit: Int) throws(SystemError) -> String {
    String(decoding: try octets(of: path, limit: limit), as: UTF8.self)
  }

  /// The whole of a small file.
  ///
  /// Throws EFBIG when the file has more than `limit` octets.
  package static func octets(of path: String, limit: Int) throws(SystemError) -> [UInt8] {
    let file = try FileReader(path: path)
    guard file.size <= limit else {
      throw SystemError(call: "read", purpose: path, code: EFBIG)
    }
    var octets = [UInt8](repeating: 0, count: file.size)
    var space = octets.mutableSpan
    let count = try file.read(into: &space)
    octets.removeLast(octets.count - count)
    return octets
  }
}

/// What tells one state of a file from another without reading it.
package struct FileStamp: Equatable, Sendable {
  private let device: UInt64
  private let inode: UInt64
  private let size: Int64
  private let seconds: Int
  private let nanoseconds: Int

  package init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }

  /// Nanoseconds since 1970 of its last change; beyond the year 2500 the time is folded.
  package var changed: UInt64 {
    UInt64(bitPattern: Int64(seconds) &* 1_000_000_000 &+ Int64(nanoseconds))
  }

  /// Its number on its file system.
  package var number: UInt64 { inode }
}
