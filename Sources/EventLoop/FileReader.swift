import Glibc

/// Reads a file from its beginning, in pieces.
public final class FileReader {
  /// The path that it was opened by.
  public let path: String
  /// Octets in the file when it was opened.
  public let size: Int

  private let descriptor: Descriptor

  /// Opens a regular file; throws ENOENT and the like, and EINVAL for anything but a regular file.
  public init(path: String) throws(SystemError) {
    self.path = path
    // O_NONBLOCK: a named pipe doesn't hold us up; on regular files it does nothing.
    // SAFETY: open reads a terminated string.
    let descriptor = Descriptor(
      owning: Int32(
        try CallResult(retrying: {
          unsafe Int(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        }).value(call: "open", purpose: path)))
    let number = descriptor.number
    var status = stat()
    // SAFETY: fstat writes one stat.
    _ = try CallResult(retrying: { unsafe Int(fstat(number, &status)) })
      .value(call: "fstat", purpose: path)
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "open", purpose: path, code: EINVAL)
    }
    size = Int(status.st_size)
    self.descriptor = descriptor
  }

  /// Reads the next octets and returns how many there were.
  ///
  /// Less than the span holds only at the end of the file, 0 there. Blocks for the disk.
  public func read(into octets: inout MutableSpan<UInt8>) throws(SystemError) -> Int {
    var filled = 0
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
    return filled
  }
}
