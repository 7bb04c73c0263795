import CEvent
import Glibc

/// Writes a file so that its path holds the old content or the new one, whole, also after a crash.
///
/// The content goes to a temporary file beside the target, mode 0600. Only `commit()` replaces the
/// target; a file that is let go before leaves no trace. One writer for a target at a time: the
/// temporary name is made from the target's, so that one left behind by a crash is replaced by the next.
public final class AtomicFile {
  /// Octets after which the kernel is asked to start writing them to the disk, so that little is
  /// left for the end.
  static let writeBackInterval = 1 << 20

  /// The path that `commit()` replaces.
  public let path: String
  /// Octets appended so far.
  public private(set) var size = 0

  private let temporaryPath: String
  /// -1 once committed or discarded.
  private var descriptor: Int32
  private var writtenBack = 0

  /// Makes the temporary file; throws when the directory isn't there or can't be written.
  public init(replacing path: String) throws(SystemError) {
    self.path = path
    temporaryPath = "\(path).tmp"
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
    let temporary = temporaryPath
    // SAFETY: open reads a terminated string.
    let open = { CallResult(retrying: { unsafe Int(Glibc.open(temporary, flags, 0o600)) }) }
    var result = open()
    if case .failed(EEXIST) = result {
      // Left behind by a crash.
      _ = unsafe unlink(temporaryPath)
      result = open()
    }
    descriptor = Int32(try result.value(call: "open", purpose: temporary))
  }

  deinit {
    discard()
  }

  /// Writes octets at the end.
  ///
  /// Goes to the page cache, which can block when the disk is slow; throws ENOSPC and the like.
  public func append(_ octets: Span<UInt8>) throws(SystemError) {
    var offset = 0
    while offset < octets.count {
      let rest = octets.extracting(droppingFirst: offset)
      let number = descriptor
      // SAFETY: the kernel reads as many octets as the span has.
      let count = try unsafe rest.withUnsafeBufferPointer { rest in
        CallResult(retrying: { unsafe write(number, rest.baseAddress, rest.count) })
      }.value(call: "write", purpose: temporaryPath)
      offset += count
      size += count
    }
    if size - writtenBack >= Self.writeBackInterval { startWriteBack() }
  }

  /// Makes the content durable and puts it in the target's place.
  ///
  /// Waits for the disk: short when the octets came in slices over some time, since write-back has
  /// begun by then. After an error the target is as it was, and the temporary file is gone.
  public func commit() throws(SystemError) {
    let number = descriptor
    do {
      _ = try CallResult(retrying: { Int(fdatasync(number)) })
        .value(call: "fdatasync", purpose: temporaryPath)
      // SAFETY: rename reads two terminated strings.
      _ = try CallResult(retrying: { unsafe Int(Glibc.rename(temporaryPath, path)) })
        .value(call: "rename", purpose: path)
    } catch {
      discard()
      throw error
    }
    _ = Descriptor(owning: number)
    descriptor = -1
    try syncDirectory()
  }

  /// Gives up: the temporary file goes, the target stays.
  public func discard() {
    guard descriptor >= 0 else { return }
    _ = Descriptor(owning: descriptor)
    descriptor = -1
    // SAFETY: unlink reads a terminated string.
    _ = unsafe unlink(temporaryPath)
  }

  /// Gives a file another name in the same file system.
  public static func rename(_ path: String, to name: String) throws(SystemError) {
    // SAFETY: rename reads terminated strings.
    _ = try CallResult(retrying: { unsafe Int(Glibc.rename(path, name)) })
      .value(call: "rename", purpose: path)
  }

  private func startWriteBack() {
    // A hint: file systems that don't know it do without.
    _ = sync_file_range(
      descriptor, writtenBack, size - writtenBack, UInt32(SYNC_FILE_RANGE_WRITE))
    writtenBack = size
  }

  /// Makes the new name durable.
  private func syncDirectory() throws(SystemError) {
    let directory =
      path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    // SAFETY: open reads a terminated string.
    let handle = Descriptor(
      owning: Int32(
        try CallResult(retrying: {
          unsafe Int(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        }).value(call: "open", purpose: directory)))
    let number = handle.number
    _ = try CallResult(retrying: { Int(fsync(number)) })
      .value(call: "fsync", purpose: directory)
  }
}
