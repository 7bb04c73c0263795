import Glibc

/// Folders that root makes for the user that a program changes to.
package enum OwnedFolder {
  /// Makes a folder, with the parents that are missing, and gives what it made to a user.
  ///
  /// With `isOwn` a folder that is there already, of root's alone, is given to the user as well, and the
  /// regular files in it with the names given: what an earlier run as root left. No other folder changes
  /// hands: it may be `/tmp`.
  package static func prepare(
    _ path: String, for user: SystemUser, isOwn: Bool, files: [String]
  ) throws(SystemError) {
    if try make(path, for: user) { return }
    guard isOwn else { return }
    let folder = try open(path, O_DIRECTORY)
    guard let status = status(folder.number), status.st_uid == 0,
      // Where others could put files, their names say nothing.
      status.st_mode & (S_IWGRP | S_IWOTH) == 0
    else { return }
    for name in files { try give("\(path)/\(name)", to: user) }
    try give(folder, to: user, path)
  }

  /// Makes what is missing of a path; true when the last part was.
  private static func make(_ path: String, for user: SystemUser) throws(SystemError) -> Bool {
    // SAFETY: the strings outlive the calls.
    var result = unsafe mkdir(path, 0o750)
    if result != 0, errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      _ = try make(String(path[..<slash]), for: user)
      result = unsafe mkdir(path, 0o750)
    }
    guard result == 0 else {
      if errno == EEXIST { return false }
      throw SystemError(call: "mkdir", purpose: path, code: errno)
    }
    try give(open(path, O_DIRECTORY), to: user, path)
    return true
  }

  /// Gives a file to a user, unless it has a second name, is no regular file, or isn't there.
  private static func give(_ path: String, to user: SystemUser) throws(SystemError) {
    do {
      let file = try open(path, O_NONBLOCK)
      guard let status = status(file.number), status.st_mode & S_IFMT == S_IFREG,
        status.st_nlink == 1
      else { return }
      try give(file, to: user, path)
    } catch  where error.isMissingFile || error.code == ELOOP {
      return
    }
  }

  private static func give(
    _ descriptor: borrowing Descriptor, to user: SystemUser, _ path: String
  ) throws(SystemError) {
    let number = descriptor.number
    _ = try CallResult(retrying: { Int(fchown(number, user.id, user.group)) })
      .value(call: "fchown", purpose: path)
  }

  private static func open(_ path: String, _ flags: Int32) throws(SystemError) -> Descriptor {
    // SAFETY: open reads a terminated string.
    try Descriptor("open", for: path) {
      unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags)
    }
  }

  private static func status(_ number: Int32) -> stat? {
    var status = stat()
    // SAFETY: the call writes one stat.
    return unsafe fstat(number, &status) == 0 ? status : nil
  }
}
