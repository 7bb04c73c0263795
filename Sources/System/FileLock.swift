import Glibc

/// A lock on a file that stands for another one, so that two programs don't write that one in turns (flock(2)).
///
/// The kernel releases it with the program, however that ends. The file stays: whoever removed it could take a
/// lock that somebody else holds.
package final class FileLock {
  /// The path of the lock's own file.
  package let path: String
  private let descriptor: Descriptor

  /// What became of an attempt.
  package enum Outcome {
    case locked(FileLock)
    /// Another program holds it: its process number, if that is known.
    case taken(Int32?)
    /// There are no locks here: a folder that can't be written, a file system without them, a file that isn't
    /// this program's to write. `isThere`: the lock's file is, so that another program may hold it.
    case unavailable(SystemError, isThere: Bool)
  }

  /// Longest text that is read of a file that somebody else holds.
  private static let longestNote = 32

  /// Tries to take a lock, without waiting.
  package static func take(_ path: String) -> Outcome {
    do throws(SystemError) {
      // SAFETY: open reads a terminated string.
      let descriptor = try Descriptor("open", for: path) {
        unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
      }
      let number = descriptor.number
      try check(number, path)
      let result = CallResult(retrying: { Int(flock(number, LOCK_EX | LOCK_NB)) })
      if case .wouldBlock = result { return .taken(holder(number)) }
      _ = try result.value(call: "flock", purpose: path)
      return .locked(FileLock(path, descriptor))
    } catch {
      var status = stat()
      // SAFETY: lstat reads a terminated string and writes one stat.
      return .unavailable(error, isThere: unsafe lstat(path, &status) == 0)
    }
  }

  /// Refuses what is no file of its own: locking one that has another name, too, and writing to it, would be
  /// done to what somebody else put there.
  private static func check(_ number: Int32, _ path: String) throws(SystemError) {
    var status = stat()
    // SAFETY: fstat writes one stat.
    _ = try CallResult(retrying: { unsafe Int(fstat(number, &status)) })
      .value(call: "fstat", purpose: path)
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "open", purpose: path, code: EINVAL)
    }
    guard status.st_nlink == 1 else {
      throw SystemError(call: "open", purpose: path, code: EMLINK)
    }
  }

  private init(_ path: String, _ descriptor: consuming Descriptor) {
    self.path = path
    let number = descriptor.number
    self.descriptor = descriptor
    // For people, and for the message of a second server, which says less where this can't be written.
    let note = Array("\(getpid())\n".utf8)
    if ftruncate(number, 0) == 0 {
      // SAFETY: the kernel reads as many octets as the array has.
      _ = unsafe pwrite(number, note, note.count, 0)
    }
  }

  /// The process that wrote itself into the file.
  private static func holder(_ number: Int32) -> Int32? {
    var octets = [UInt8](repeating: 0, count: longestNote)
    // SAFETY: the call gets the array's length.
    let count = unsafe pread(number, &octets, octets.count, 0)
    guard count > 0 else { return nil }
    return Int32(String(decoding: octets.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }
}
