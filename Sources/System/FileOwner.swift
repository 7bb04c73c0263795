import Glibc

/// Who owns a file, in words for a message.
package struct FileOwner: Sendable {
  /// The file itself, or the nearest folder above it that this program may see.
  package let path: String
  /// Its user's name, or number where no name is known.
  package let user: String
  /// Its group's name, or number where no name is known.
  package let group: String

  /// Looks at a file, or at the folder that keeps this program from seeing it.
  package init?(of path: String) {
    var path = path
    var status = stat()
    // SAFETY: the call reads a terminated string and writes one stat.
    while unsafe stat(path, &status) != 0 {
      guard errno == EACCES, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
        return nil
      }
      path = String(path[..<slash])
    }
    self.path = path
    user = Self.userName(status.st_uid)
    group = Self.groupName(status.st_gid)
  }

  /// Bytes of an entry of the user database that are read at most; real ones have some hundred.
  private static let entrySize = 1 << 16

  /// A user's name, or the number where the database has none.
  static func userName(_ id: uid_t) -> String {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var room = [CChar](repeating: 0, count: entrySize)
    // SAFETY: the call writes one passwd, whose strings lie in the room, and no more than its size. The
    // name is copied while the room is alive.
    return unsafe room.withUnsafeMutableBufferPointer { room in
      guard let start = room.baseAddress,
        unsafe getpwuid_r(id, &entry, start, room.count, &found) == 0, let found = unsafe found,
        let name = unsafe found.pointee.pw_name
      else { return "\(id)" }
      return unsafe String(cString: name)
    }
  }

  private static func groupName(_ id: gid_t) -> String {
    var entry = unsafe Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    var room = [CChar](repeating: 0, count: entrySize)
    // SAFETY: as with users.
    return unsafe room.withUnsafeMutableBufferPointer { room in
      guard let start = room.baseAddress,
        unsafe getgrgid_r(id, &entry, start, room.count, &found) == 0, let found = unsafe found,
        let name = unsafe found.pointee.gr_name
      else { return "\(id)" }
      return unsafe String(cString: name)
    }
  }
}
