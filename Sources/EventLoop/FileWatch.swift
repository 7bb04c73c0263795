import CEvent
import Glibc
import System

/// Calls its owner when a file may have changed: written, replaced, made, removed, or led elsewhere by a link.
///
/// The folders of the path and of each link on the way are watched (inotify(7)), and the file itself, which may
/// be mounted from elsewhere. A look every few seconds finds what that doesn't tell, as on file systems of other
/// machines. The owner may be called when nothing has changed.
@safe
public final class FileWatch {
  /// Milliseconds between the first news and the call: programs write in several steps.
  static let delay: UInt64 = 50
  /// Milliseconds between two looks without news.
  static let interval: UInt64 = 5_000
  /// Links that are followed at most, as few as no real path has.
  private static let mostLinks = 16
  /// Octets of one read, and reads in one turn of the loop; what is left comes with the next turn.
  private static let bufferSize = 4_096
  private static let readsPerTurn = 16
  /// The longest path (PATH_MAX).
  private static let longestPath = 4_096

  private static let folderEvents = UInt32(
    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB
      | IN_DELETE_SELF | IN_MOVE_SELF)
  private static let fileEvents = UInt32(
    IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

  private let path: String
  private let action: () -> Void
  /// -1 where the kernel has none to give: then there is the look every few seconds.
  private var notices: Int32 = -1
  private let event: LoopEvent
  private var watches: Set<Int32> = []
  private var seen: [Step] = []
  private var news: Timer?
  private var looks: Timer?

  /// A path on the way to the file, and what is there; nothing where nothing is.
  private struct Step: Equatable {
    let path: String
    let stamp: FileStamp?
  }

  /// Begins to watch; `action` is called on the loop's thread.
  public init(on loop: EventLoop, path: String, action: @escaping () -> Void) {
    self.path = path
    self.action = action
    event = LoopEvent(on: loop)
    news = Timer(on: loop) { [unowned self] in
      look()
      self.action()
    }
    looks = Timer(on: loop) { [unowned self] in
      if look() { self.action() }
    }
    looks?.schedule(every: Self.interval)
    notices = inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK))
    if notices >= 0 {
      // SAFETY: the callback gets self, of the type that it says.
      unsafe event.assign(EV_READ | EV_PERSIST, of: notices, to: self) { _, _, context in
        unsafe LoopEvent.call(context) { (watch: FileWatch) in watch.becameReadable() }
      }
      event.add()
    }
    look()
  }

  deinit {
    event.remove()
    if notices >= 0 { _ = Descriptor(owning: notices) }
  }

  private func becameReadable() {
    var octets = [UInt8](repeating: 0, count: Self.bufferSize)
    for _ in 0..<Self.readsPerTurn {
      // SAFETY: the call gets the array's length. What happened where is found out by looking.
      guard
        case .done(let count) = CallResult(retrying: { unsafe read(notices, &octets, octets.count) }
        ),
        count > 0
      else { break }
    }
    if news?.isScheduled == false { news?.schedule(after: Self.delay) }
  }

  /// Looks at the way to the file and watches what is on it now; true when that is another than before.
  @discardableResult
  private func look() -> Bool {
    let steps = way()
    defer { seen = steps }
    if notices >= 0 {
      var found: Set<Int32> = []
      for step in steps { found.insert(watch(folder: Self.folder(of: step.path))) }
      if let file = steps.last, file.stamp != nil {
        // SAFETY: the call reads a terminated string.
        found.insert(unsafe inotify_add_watch(notices, file.path, Self.fileEvents))
      }
      found.remove(-1)
      for old in watches.subtracting(found) { _ = inotify_rm_watch(notices, old) }
      watches = found
    }
    return steps != seen
  }

  /// Watches a folder, or the nearest above it that is there; -1 when that can't be.
  private func watch(folder: String) -> Int32 {
    var folder = folder
    while true {
      // SAFETY: the call reads a terminated string.
      let number = unsafe inotify_add_watch(notices, folder, Self.folderEvents)
      guard number < 0, errno == ENOENT || errno == ENOTDIR, folder.count > 1 else { return number }
      folder = Self.folder(of: folder)
    }
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

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
