import Glibc
import System

/// Calls its owner when a file may have changed: written, replaced, made, removed, or led elsewhere by a link.
///
/// The owner may be called when nothing has changed, but not for what happens to other files of the folder. The watch
/// lasts as long as this does.
public final class FileWatch {
  /// Links that are followed at most, as few as no real path has.
  private static let mostLinks = 16
  /// The longest path (PATH_MAX).
  private static let longestPath = 4_096

  let path: String
  let action: () -> Void
  private let watcher: FileWatcher
  /// What was on the way to the file when it was last looked at.
  private(set) var steps: [Step] = []
  /// What tells of changes on the way.
  var places: [FileWatcher.Place] = []
  var news = FileWatcher.News.none

  /// A path on the way to the file, and what is there; nothing where nothing is.
  struct Step: Equatable {
    let path: String
    let stamp: FileStamp?
  }

  /// Begins to watch; `action` is called on the loop's thread.
  public init(by watcher: FileWatcher, path: String, action: @escaping () -> Void) {
    self.watcher = watcher
    self.path = path
    self.action = action
    watcher.add(self)
  }

  deinit { watcher.removeUnused() }

  /// Looks at the way to the file; true when it is another than before.
  func look() -> Bool {
    let before = steps
    steps = way()
    return steps != before
  }

  /// The path, and where each link leads.
  private func way() -> [Step] {
    var steps: [Step] = []
    var place = path
    for _ in 0..<Self.mostLinks {
      var status = stat()
      // SAFETY: lstat reads a terminated string and writes one stat.
      guard unsafe lstat(place, &status) == 0 else {
        steps.append(Step(path: place, stamp: nil))
        break
      }
      steps.append(Step(path: place, stamp: FileStamp(status)))
      guard status.st_mode & S_IFMT == S_IFLNK, let target = Self.target(of: place) else { break }
      place = target.hasPrefix("/") ? target : "\(Self.folder(of: place))/\(target)"
    }
    return steps
  }

  private static func target(of link: String) -> String? {
    var octets = [UInt8](repeating: 0, count: longestPath)
    // SAFETY: readlink writes at most the array's length.
    let count = unsafe octets.withUnsafeMutableBytes { space in
      guard let start = unsafe space.assumingMemoryBound(to: CChar.self).baseAddress else {
        return 0
      }
      return unsafe readlink(link, start, space.count)
    }
    return count > 0 ? String(decoding: octets.prefix(count), as: UTF8.self) : nil
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
