import Control
import Logging
import System

// The server as a service: another user, and news for a service manager.

extension Server {
  /// Makes the folders of the server's files and gives up root, once everything that needs it is open.
  func changeUser(_ privileges: PrivilegeDrop?) throws(StartupError) {
    let files = [settings.cacheFile, settings.control]
    guard let privileges else {
      for file in files { makeFolder(of: file) }
      return
    }
    for file in files {
      do {
        if Process.isRoot {
          try privileges.prepareFolder(of: file)
        } else {
          makeFolder(of: file)
        }
      } catch {
        // The file will fail, too, and say what that means.
        logger.warning("a folder can't be prepared", metadata: ["error": "\(error)"])
      }
    }
    try privileges.apply()
    logger.info("user changed", metadata: ["user": "\(privileges.user.name)"])
    if !Process.canWrite(folder: Server.folder(of: settings.cacheFile)) {
      logger.warning(
        "the cache can't be saved: \(privileges.user.name) may not write to \(Server.folder(of: settings.cacheFile)); give the folder to that user, or name another file with --cache-file"
      )
    }
  }

  /// Makes the folder of a file of ours; when that fails, so will the file, and say why.
  func makeFolder(of path: String) {
    do {
      try Process.makeFolder(Server.folder(of: path))
    } catch {
      logger.warning("a folder is missing", metadata: ["error": "\(error)"])
    }
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// A line for `systemctl status`.
  static func statusLine(_ worker: borrowing Worker) -> String {
    let counters = worker.service.counters
    let asked = counters.hits + counters.misses
    // 64 bits hold a hundred times what a server answers in its life.
    let share = asked > 0 ? ", \(counters.hits * 100 / asked) % of questions answered from it" : ""
    return "\(worker.cache.nameCount) names in the cache\(share)"
  }
}
