import CEvent
import Glibc

/// The file of a listening Unix socket; unlinked when this goes out of use.
///
/// The file stays when it is no longer the one that was made, as when another program replaced it.
package final class UnixSocketFile {
  let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Takes charge of the file that bind just made.
  init(path: String) throws(SystemError) {
    guard let status = Self.status(of: path) else {
      throw SystemError(call: "lstat", purpose: path, code: errno)
    }
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  deinit {
    if let status = Self.status(of: path), status.st_dev == device, status.st_ino == inode {
      // SAFETY: unlink reads a terminated string.
      _ = unsafe unlink(path)
    }
  }

  /// Removes a socket file that a program left behind when it ended.
  ///
  /// Throws EADDRINUSE when somebody answers on it, EEXIST when it is something else than a socket.
  static func removeStale(_ path: String) throws(SystemError) {
    guard let status = status(of: path) else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw SystemError(call: "bind", purpose: path, code: EEXIST)
    }
    let probe = try Descriptor(socket: SOCK_STREAM, family: AF_UNIX, for: path)
    let address = try UnixAddress(path: path)
    let number = probe.number
    // SAFETY: the kernel copies the address before the call returns.
    let result = CallResult(retrying: {
      unsafe address.withPointer { unsafe Int(connect(number, $0, $1)) }
    })
    // Anything but a refusal means a listener: a full backlog is EAGAIN, another user's EACCES.
    guard case .failed(ECONNREFUSED) = result else {
      throw SystemError(call: "bind", purpose: path, code: EADDRINUSE)
    }
    // SAFETY: unlink reads a terminated string.
    _ = unsafe unlink(path)
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    // SAFETY: lstat reads a terminated string and writes one stat.
    return unsafe lstat(path, &status) == 0 ? status : nil
  }
}
