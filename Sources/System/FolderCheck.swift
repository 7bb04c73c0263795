import Glibc

/// Whether a program could make a file at a path: for checks before a start.
package enum FolderCheck {
  /// What is in the way of a file at a path, in words; nothing when it could be made.
  ///
  /// - Parameters:
  ///   - user: who would make it, when root changes to another user: missing folders are made for that one.
  ///   - looksAtRights: whether who runs this program is who would make the file, or root.
  package static func fault(
    at path: String, user: SystemUser? = nil, looksAtRights: Bool = true
  ) -> String? {
    if let status = status(of: path), status.st_mode & S_IFMT == S_IFDIR {
      return "it is a folder; name a file in it"
    }
    let folder = folder(of: path)
    var place = folder
    var found = status(of: place)
    while found == nil, errno == ENOENT, place.count > 1 {
      place = Self.folder(of: place)
      found = status(of: place)
    }
    guard let found else {
      // SAFETY: strerror returns a terminated string that stays valid until this thread's next call.
      return looksAtRights ? "\(place): \(unsafe String(cString: strerror(errno)))" : nil
    }
    guard found.st_mode & S_IFMT == S_IFDIR else { return "\(place) is not a folder" }
    guard looksAtRights else { return nil }
    if let user {
      let isOwn = found.st_uid == 0 && folder.split(separator: "/").last == "dns-cache-server"
      return place != folder || isOwn || mayWrite(user, found)
        ? nil : "user \(user.name) may not write to \(place)"
    }
    // SAFETY: access reads a terminated string.
    guard unsafe access(place, W_OK | X_OK) != 0 else { return nil }
    return "\(place) can't be written: \(unsafe String(cString: strerror(errno)))"
  }

  private static func mayWrite(_ user: SystemUser, _ status: stat) -> Bool {
    if status.st_uid == user.id { return status.st_mode & S_IWUSR != 0 }
    if status.st_gid == user.group { return status.st_mode & S_IWGRP != 0 }
    return status.st_mode & S_IWOTH != 0
  }

  private static func status(of path: String) -> stat? {
    var status = stat()
    // SAFETY: stat reads a terminated string and writes one stat.
    return unsafe stat(path, &status) == 0 ? status : nil
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
