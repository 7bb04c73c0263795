import Control
import System

/// The change to the user that the server is to run as, once what needs root is open.
struct PrivilegeDrop {
  let user: SystemUser

  /// Folders with this name are the server's own, and those that a service manager names.
  private static let ownName = "dns-cache-server"

  /// Looks the user up; throws before anything is touched when the change can't succeed.
  init(to name: String) throws(StartupError) {
    let found: SystemUser?
    do {
      found = try SystemUser(named: name)
    } catch {
      throw StartupError(.unavailable, "--user \(name): \(error)")
    }
    guard let user = found else {
      throw StartupError(
        .usage,
        "--user \(name): this machine has no such user; make one with: useradd --system --no-create-home --shell /usr/sbin/nologin \(name)"
      )
    }
    guard user.id != 0 else {
      throw StartupError(
        .usage, "--user \(name): that is root; name another user, or leave --user out to stay root")
    }
    guard Process.isRoot || user.isCurrent else {
      throw StartupError(
        .usage,
        "--user \(name): only root can change to another user; start as root, or as \(name), or leave --user out"
      )
    }
    self.user = user
  }

  /// Sees to it that the user can write a file: makes its folder for the user if it is missing.
  ///
  /// A folder of the server's own that an earlier run as root made changes hands, with the file.
  func prepareFolder(of path: String) throws(SystemError) {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
    let folder = String(path[..<slash])
    try OwnedFolder.prepare(
      folder, for: user,
      isOwn: folder.split(separator: "/").last.map { $0 == Self.ownName } ?? false,
      files: [path, SnapshotLock.file(for: path)].map {
        String($0[path.index(after: slash)...])
      })
  }

  /// Becomes the user, for good.
  func apply() throws(StartupError) {
    do {
      try Privileges.drop(to: user)
    } catch {
      throw StartupError(.unavailable, "--user \(user.name): \(error)")
    }
  }
}
