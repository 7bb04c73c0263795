import Glibc

/// A user of this machine, as its user database has it (passwd(5)).
package struct SystemUser: Sendable {
  /// The name to log in with.
  package let name: String
  /// The number that stands for the user.
  package let id: UInt32
  /// The user's own group.
  package let group: UInt32

  /// Octets of an entry at most; real ones have some hundred.
  private static let largestEntry = 1 << 20

  /// Looks a name up; nil when nobody has it.
  ///
  /// Throws when the database can't be read.
  package init?(named name: String) throws(SystemError) {
    // The C function would take it for the end.
    guard !name.utf8.contains(0) else { return nil }
    var entry = unsafe passwd()
    var size = 1_024
    while true {
      var found: UnsafeMutablePointer<passwd>?
      var room = [CChar](repeating: 0, count: size)
      // SAFETY: the call writes one passwd, whose strings lie in the room, and no more than its size.
      let code = unsafe getpwnam_r(name, &entry, &room, room.count, &found)
      switch code {
      case 0:
        guard unsafe found != nil else { return nil }
        self.name = name
        // Of the copy; its strings are not looked at.
        id = unsafe entry.pw_uid
        group = unsafe entry.pw_gid
        return
      case ERANGE where size < Self.largestEntry: size *= 2
      // What other databases than files say for "nobody" (getpwnam(3)).
      case EINTR: continue
      case ENOENT, ESRCH, EBADF, EPERM: return nil
      default: throw SystemError(call: "getpwnam_r", purpose: "the user \(name)", code: code)
      }
    }
  }

  /// Whether the program runs as this user already.
  package var isCurrent: Bool { getuid() == id && geteuid() == id }
}
