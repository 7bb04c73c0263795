import CEvent
import Glibc
import System

/// Writes a file so that its path holds the old content or the new one, whole, also after a crash.
///
/// The content goes to a temporary file beside the target, mode 0600. Only a commit replaces the
/// target; a file that is let go before leaves no trace. One writer for a target at a time: the
/// temporary name is made from the target's, so that one left behind by a crash is replaced by the next.
public final class AtomicFile {
  /// The path that `commit()` replaces.
  public let path: String
  /// Octets appended so far.
  public private(set) var size = 0

  private let temporaryPath: String
  /// -1 once the target is replaced or the file discarded.
  private var descriptor: Int32
  private var phase = Phase.writing
  private var failure: CommitError?
  private var writtenBack = 0

  /// Octets appended since the last write-back.
  public var unwritten: Int { size - writtenBack }

  private enum Phase {
    case writing
    /// The target has the new content; that its directory remembers is not certain yet.
    case replaced
    case ended
  }

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
  /// Goes to the page cache, which blocks when too much in it has yet to be written: begin a write-back
  /// now and then. Throws ENOSPC and the like.
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
  }

  /// Gives up: the temporary file goes, the target stays.
  ///
  /// Does nothing once the target is replaced.
  public func discard() {
    guard phase == .writing else { return }
    close()
    phase = .ended
    // SAFETY: unlink reads a terminated string.
    _ = unsafe unlink(temporaryPath)
  }

  private func close() {
    _ = Descriptor(owning: descriptor)
    descriptor = -1
  }

  /// Gives a file another name in the same file system.
  public static func rename(_ path: String, to name: String) throws(SystemError) {
    // SAFETY: rename reads terminated strings.
    _ = try CallResult(retrying: { unsafe Int(Glibc.rename(path, name)) })
      .value(call: "rename", purpose: path)
  }

  /// Has the kernel begin to write what was appended to the disk, so that less is left for the end.
  ///
  /// Can block when the disk is slow.
  public func writeBack() {
    // A hint: file systems that don't know it do without.
    _ = sync_file_range(descriptor, writtenBack, unwritten, UInt32(SYNC_FILE_RANGE_WRITE))
    writtenBack = size
  }

  /// Has what was appended written to the disk while the loop goes on, and then calls back on the
  /// loop's thread.
  ///
  /// Append when it is done: then there is never more than that to write, and neither blocks. After a
  /// failure the file is to be discarded; the error isn't told again. The file keeps itself until then.
  public func writeBack(
    on loop: EventLoop, _ completion: @escaping (Result<Void, SystemError>) -> Void
  ) {
    let isBegun = loop.beginSync(descriptor, dataOnly: true) { [self] code in
      let error = SystemError(call: "fdatasync", purpose: temporaryPath, code: code)
      completion(code == 0 ? .success(()) : .failure(error))
    }
    if isBegun {
      writtenBack = size
    } else {
      writeBack()
      loop.onNextTurn { completion(.success(())) }
    }
  }
}

extension AtomicFile {
  /// A commit that failed, and what is now in the target's place.
  public struct CommitError: Error, CustomStringConvertible {
    /// What failed.
    public let cause: SystemError
    /// Whether the target has the new content already, which only a crash of the machine could undo;
    /// else it is as it was, and the temporary file is gone.
    public let isReplaced: Bool

    /// The call, its purpose and the reason in words.
    public var description: String { cause.description }
  }

  /// Makes the content durable and puts it in the target's place.
  ///
  /// Waits for the disk. Finishes a commit that was begun on a loop, too; `EventLoop.finishSyncs()`
  /// comes first then, or an error may be missed.
  public func commit() throws(CommitError) {
    if phase == .writing {
      let number = descriptor
      do {
        _ = try CallResult(retrying: { Int(fdatasync(number)) })
          .value(call: "fdatasync", purpose: temporaryPath)
      } catch {
        throw end(failure: error)
      }
      try replace()
    }
    if phase == .replaced {
      do {
        let directory = try openDirectory()
        let number = directory.number
        _ = try CallResult(retrying: { Int(fsync(number)) })
          .value(call: "fsync", purpose: self.directory)
        phase = .ended
      } catch {
        throw end(failure: error)
      }
    }
    if let failure { throw failure }
  }

  /// Does what `commit()` does while the loop goes on, and then calls back on the loop's thread.
  ///
  /// Where the kernel can't sync beside us the call waits for the disk, and calls back on the next
  /// turn. The file keeps itself until then. A `commit()` meanwhile ends it without the callback.
  public func commit(
    on loop: EventLoop, _ completion: @escaping (Result<Void, CommitError>) -> Void
  ) {
    let isBegun = loop.beginSync(descriptor, dataOnly: true) { [self] code in
      guard phase == .writing else { return }
      do throws(CommitError) {
        guard code == 0 else {
          throw end(
            failure: SystemError(call: "fdatasync", purpose: temporaryPath, code: code))
        }
        let old = FileEviction(of: path, on: loop)
        try replace()
        commitDirectory(on: loop, completion)
        old?.run()
      } catch {
        completion(.failure(error))
      }
    }
    if !isBegun { finishWaiting(on: loop, completion) }
  }

  /// Makes the new name durable, and calls back.
  private func commitDirectory(
    on loop: EventLoop, _ completion: @escaping (Result<Void, CommitError>) -> Void
  ) {
    if let directory = try? openDirectory() {
      let isBegun = loop.beginSync(directory.number, dataOnly: false) { [self] code in
        guard phase == .replaced else { return }
        guard code == 0 else {
          let cause = SystemError(call: "fsync", purpose: self.directory, code: code)
          return completion(.failure(end(failure: cause)))
        }
        phase = .ended
        completion(.success(()))
      }
      if isBegun { return }
    }
    finishWaiting(on: loop, completion)
  }

  private func finishWaiting(
    on loop: EventLoop, _ completion: @escaping (Result<Void, CommitError>) -> Void
  ) {
    let result = Result { () throws(CommitError) in try commit() }
    loop.onNextTurn { completion(result) }
  }

  /// Puts the synced content in the target's place.
  private func replace() throws(CommitError) {
    do {
      // SAFETY: rename reads two terminated strings.
      _ = try CallResult(retrying: { unsafe Int(Glibc.rename(temporaryPath, path)) })
        .value(call: "rename", purpose: path)
    } catch {
      throw end(failure: error)
    }
    close()
    phase = .replaced
  }

  private func end(failure cause: SystemError) -> CommitError {
    let error = CommitError(cause: cause, isReplaced: phase == .replaced)
    discard()
    phase = .ended
    failure = error
    return error
  }

  private var directory: String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  private func openDirectory() throws(SystemError) -> Descriptor {
    let directory = directory
    // SAFETY: open reads a terminated string.
    return try Descriptor("open", for: directory) {
      unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
  }
}
