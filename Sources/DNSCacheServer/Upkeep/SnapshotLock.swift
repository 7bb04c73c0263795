import Logging
import System

/// Whether a snapshot is this server's to write: a file beside it is locked as long as it is.
///
/// The snapshot itself is replaced with each save.
final class SnapshotLock {
  /// The snapshot's path.
  let path: String
  /// Who has it instead.
  private(set) var rival: String?

  private let logger: Logger
  private var lock: FileLock?
  /// Whether it was said that there are no locks here.
  private var lacksLocks = false

  init(_ path: String, _ logger: Logger) {
    self.path = path
    self.logger = logger
  }

  /// The file that is locked for a snapshot.
  static func file(for path: String) -> String { path + ".lock" }

  /// Who a process is that has a lock.
  static func name(_ process: Int32?) -> String {
    process.map { "another server, process \($0)," } ?? "another server"
  }

  /// Takes the lock if it isn't held yet; false when another server has it.
  ///
  /// Where there are no locks the snapshot is written all the same.
  func take() -> Bool {
    if lock != nil { return true }
    switch FileLock.take(SnapshotLock.file(for: path)) {
    case .locked(let taken):
      lock = taken
      if rival != nil {
        rival = nil
        logger.notice(
          "the cache is saved from now on: nobody else does", metadata: ["file": "\(path)"])
      }
      return true
    case .taken(let process):
      if rival == nil {
        let sentence = "\(SnapshotLock.name(process)) keeps its cache in \(path)"
        rival = sentence
        logger.warning(
          "the cache is not saved: \(sentence); stop that one, or name another file with --cache-file"
        )
      }
      return false
    case .unavailable(let error, let isThere):
      // Where no file can be made, saving will fail, too, and say so. One that is there and can't be had may be
      // locked by another server, of another user.
      if !lacksLocks, isThere ? !error.isReadOnly : !error.isNoPlaceToWrite {
        lacksLocks = true
        logger.warning(
          "the snapshot can't be locked; see that no other server has the same --cache-file",
          metadata: ["error": "\(error)"])
      }
      return true
    }
  }
}
