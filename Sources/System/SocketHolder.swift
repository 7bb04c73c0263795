import Glibc

/// The process that listens on a Unix socket, as the kernel noted it (SO_PEERCRED, unix(7)).
package struct SocketHolder: Sendable, CustomStringConvertible {
  /// The process's number; 0 for one of another container.
  package let process: Int32
  /// The program's name, where it can be seen (proc(5)).
  package let program: String?
  /// The user that it ran as when it began to listen.
  package let user: String

  /// Asks about a connected socket.
  init?(of descriptor: borrowing Descriptor) {
    // struct ucred: process, user and group.
    var credentials: (process: pid_t, user: uid_t, group: gid_t) = (0, 0, 0)
    var size = socklen_t(MemoryLayout.size(ofValue: credentials))
    let number = descriptor.number
    // SAFETY: the kernel writes three words of four bytes each, and no more than the size.
    guard
      case .done = CallResult(retrying: {
        unsafe Int(getsockopt(number, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
      })
    else { return nil }
    process = credentials.process
    program = Process.programName(credentials.process)
    user = FileOwner.userName(credentials.user)
  }

  /// Connects to a socket, to ask who listens there; nil when that can't be told.
  package init?(path: String) {
    guard let descriptor = try? Descriptor.connecting(unixPath: path) else { return nil }
    self.init(of: descriptor)
  }

  /// The process with its program and its user.
  package var description: String {
    let name = program.map { " (\($0))" } ?? ""
    return process > 0 ? "process \(process)\(name) of user \(user)" : "a process of user \(user)"
  }
}
