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
  /// Bytes appended so far.
  public private(set) var size = 0

  private let temporaryPath: String
  /// -1 once the target is replaced or the file discarded.
  private var descriptor: Int32
  private var phase = Phase.writing
  private var failure: CommitError?
  private var writtenBack = 0

  /// Bytes appended since the last write-back.
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

  /// Writes bytes at the end.
  ///
  /// Goes to the page cache, which blocks when too much in it has yet to be written: begin a write-back
  /// now and then. Throws ENOSPC and the like.
  public func append(_ octets: Span<UInt8>) throws(SystemError) {
    var offset = 0
    while offset < octets.count {
      let rest = octets.extracting(droppingFirst: offset)
      let number = descriptor
      // SAFETY: the kernel reads as many bytes as the span has.
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

  /// Has what was appended written to the disk while the loop goes on, and then calls back on the
  /// loop's thread.
  ///
  /// Append when it is done: then there is never more than that to write, and neither blocks. After a
  /// failure the file is to be discarded; the error isn't told again. The file keeps itself until then.
  public func writeBack(
    on loop: EventLoop, _ completion: @escaping (Result<Void, SystemError>) -> Void
  ) {
    writtenBack = size
    loop.sync(descriptor, dataOnly: true) { [self] code in
      let error = SystemError(call: "fdatasync", purpose: temporaryPath, code: code)
      completion(code == 0 ? .success(()) : .failure(error))
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
    commit(on: nil) { _ in }
    if let failure { throw failure }
  }

  /// Does what `commit()` does while the loop goes on, and then calls back on the loop's thread.
  ///
  /// The file keeps itself until then. A `commit()` meanwhile ends it without the callback.
  public func commit(
    on loop: EventLoop, _ completion: @escaping (Result<Void, CommitError>) -> Void
  ) {
    commit(on: Optional(loop), completion)
  }

  /// Without a loop it is done when the call returns.
  private func commit(
    on loop: EventLoop?, _ completion: @escaping (Result<Void, CommitError>) -> Void
  ) {
    guard phase == .writing else { return commitDirectory(on: loop, completion) }
    sync(descriptor, dataOnly: true, on: loop) { [self] code in
      guard phase == .writing else { return }
      do throws(SystemError) {
        try check(code, of: "fdatasync", for: temporaryPath)
        let old = loop.flatMap { FileEviction(of: path, on: $0) }
        try replace()
        commitDirectory(on: loop, completion)
        old?.run()
      } catch {
        completion(.failure(end(failure: error)))
      }
    }
  }

  /// Makes the new name durable, and calls back.
  private func commitDirectory(
    on loop: EventLoop?, _ completion: @escaping (Result<Void, CommitError>) -> Void
  ) {
    guard phase == .replaced else { return }
    do throws(SystemError) {
      let directory = try openDirectory()
      sync(directory.number, dataOnly: false, on: loop) { [self] code in
        guard phase == .replaced else { return }
        do throws(SystemError) {
          try check(code, of: "fsync", for: self.directory)
          phase = .ended
          completion(.success(()))
        } catch {
          completion(.failure(end(failure: error)))
        }
      }
    } catch {
      completion(.failure(end(failure: error)))
    }
  }

  private func sync(
    _ descriptor: Int32, dataOnly: Bool, on loop: EventLoop?,
    _ completion: @escaping (Int32) -> Void
  ) {
    if let loop {
      loop.sync(descriptor, dataOnly: dataOnly, completion)
    } else {
      completion(DiskSync.wait(for: descriptor, dataOnly: dataOnly))
    }
  }

  private func check(
    _ code: Int32, of call: StaticString, for purpose: String
  ) throws(SystemError) {
    if code != 0 { throw SystemError(call: call, purpose: purpose, code: code) }
  }

  /// Puts the synced content in the target's place.
  private func replace() throws(SystemError) {
    // SAFETY: rename reads two terminated strings.
    _ = try CallResult(retrying: { unsafe Int(Glibc.rename(temporaryPath, path)) })
      .value(call: "rename", purpose: path)
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
