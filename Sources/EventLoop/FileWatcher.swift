import CEvent
import Glibc
import Memory
import System

/// Watches files for the whole program: see ``FileWatch``.
///
/// The folders of a path and of each link on the way are watched (inotify(7)), and the file itself, which may be
/// mounted from elsewhere. A look every few seconds finds what that doesn't tell: on file systems of other machines,
/// in folders that may not be read, and where the kernel has no more watches to give.
@safe
public final class FileWatcher {
  /// Milliseconds between the first news and the call: programs write in several steps.
  static let delay: UInt64 = 50
  /// Milliseconds between two looks without news.
  static let interval: UInt64 = 5_000
  /// Files that the kernel is asked to tell of, sixteen of local names and the system's servers among them; further
  /// ones are looked at every few seconds.
  static let mostFiles = 20
  /// Octets of one read, and reads in one turn of the loop; what is left comes with the next turn.
  private static let bufferSize = 4_096
  private static let readsPerTurn = 16

  private static let folderEvents = UInt32(
    IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB
      | IN_DELETE_SELF | IN_MOVE_SELF)
  private static let fileEvents = UInt32(
    IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

  /// What the kernel tells of: an entry of a folder, or without a name the file or folder itself.
  struct Place: Equatable {
    let number: Int32
    let name: [UInt8]
  }

  /// What was told of a file.
  enum News {
    case none
    /// Something near it happened: a look tells whether it is another file now.
    case nearby
    case own
  }

  private struct Reference {
    weak var watch: FileWatch?
  }

  private let notices: Int32
  private let interval: UInt64
  private let event: LoopEvent
  private var files: [Reference] = []
  /// What the kernel tells of.
  private var numbers: Set<Int32> = []
  private var news: Timer?
  private var looks: Timer?
  private var whenBlind: ((SystemError) -> Void)?

  /// Begins with no files.
  ///
  /// - Parameter whenBlind: is called once when the kernel has no more watches to give, so that changes are seen late.
  public convenience init(on loop: EventLoop, whenBlind: @escaping (SystemError) -> Void) {
    self.init(
      on: loop, notices: inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK)), interval: Self.interval,
      whenBlind: whenBlind)
  }

  /// - Parameter notices: inotify's descriptor; -1 where there is none, for the reason in `errno`.
  init(
    on loop: EventLoop, notices: Int32, interval: UInt64,
    whenBlind: @escaping (SystemError) -> Void
  ) {
    let reason = errno
    self.notices = notices
    self.interval = interval
    self.whenBlind = whenBlind
    event = LoopEvent(on: loop)
    news = Timer(on: loop) { [unowned self] in tell() }
    looks = Timer(on: loop) { [unowned self] in tell(all: true) }
    guard notices >= 0 else {
      becameBlind("inotify_init1", reason)
      return
    }
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: notices, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (watcher: FileWatcher) in watcher.becameReadable() }
    }
    event.add()
  }

  deinit {
    event.remove()
    if notices >= 0 { _ = Descriptor(owning: notices) }
  }

  private func becameBlind(_ call: StaticString, _ code: Int32) {
    whenBlind?(SystemError(call: call, purpose: "changes of files", code: code))
    whenBlind = nil
  }

  // MARK: Which files

  func add(_ file: FileWatch) {
    files.append(Reference(watch: file))
    if files.count == 1 { looks?.schedule(every: interval) }
    look(at: file)
  }

  /// Lets go of what no file needs any more.
  func removeUnused() {
    files.removeAll { $0.watch == nil }
    if files.isEmpty { looks?.cancel() }
    let used = Set(files.flatMap { $0.watch?.places ?? [] }.map(\.number))
    for number in numbers.subtracting(used) { _ = inotify_rm_watch(notices, number) }
    numbers = used
  }

  /// Looks at a file and watches what is on the way to it now; true when that is another than before.
  @discardableResult
  private func look(at file: FileWatch) -> Bool {
    let isOther = file.look()
    guard notices >= 0, files.prefix(Self.mostFiles).contains(where: { $0.watch === file }) else {
      return isOther
    }
    var places = file.steps.compactMap { watch($0.path) }
    if let last = file.steps.last, last.stamp != nil {
      // SAFETY: the call reads a terminated string.
      let number = unsafe inotify_add_watch(notices, last.path, Self.fileEvents)
      if number >= 0 { places.append(Place(number: number, name: [])) }
    }
    guard places != file.places else { return isOther }
    file.places = places
    removeUnused()
    return isOther
  }

  /// Has the kernel tell of a path by its folder, or by the nearest above that is there; nothing when that can't be.
  private func watch(_ path: String) -> Place? {
    var path = path
    while true {
      let folder = FileWatch.folder(of: path)
      // SAFETY: the call reads a terminated string.
      let number = unsafe inotify_add_watch(notices, folder, Self.folderEvents)
      if number >= 0 {
        let name = path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
        return Place(number: number, name: Array(name))
      }
      let reason = errno
      guard reason == ENOENT || reason == ENOTDIR, folder.count > 1 else {
        if reason == ENOSPC { becameBlind("inotify_add_watch", reason) }
        return nil
      }
      path = folder
    }
  }

  // MARK: What happened

  private func becameReadable() {
    var octets = [UInt8](repeating: 0, count: Self.bufferSize)
    for _ in 0..<Self.readsPerTurn {
      // SAFETY: the call gets the array's length.
      guard
        case .done(let count) = CallResult(retrying: { unsafe read(notices, &octets, octets.count) }
        ),
        count > 0
      else { break }
      note(octets.span.extracting(0..<count))
    }
    let isNews = files.contains { ($0.watch?.news ?? .none) != .none }
    if isNews, news?.isScheduled == false { news?.schedule(after: Self.delay) }
  }

  /// Notes for each file what the kernel tells: a header of four words, the last being the length of the name behind it.
  private func note(_ octets: Span<UInt8>) {
    let headerSize = MemoryLayout<inotify_event>.size
    var start = 0
    while start + headerSize <= octets.count {
      let end = start + headerSize + Int(octets.native32(start + 12))
      guard end <= octets.count else { break }
      var name: [UInt8] = []
      for index in start + headerSize..<end where octets[index] != 0 { name.append(octets[index]) }
      note(
        number: Int32(bitPattern: octets.native32(start)), name,
        isOverflow: octets.native32(start + 4) & UInt32(IN_Q_OVERFLOW) != 0)
      start = end
    }
  }

  private func note(number: Int32, _ name: [UInt8], isOverflow: Bool) {
    for file in files.lazy.compactMap(\.watch) where file.news != .own {
      if isOverflow {
        file.news = .own
        continue
      }
      for place in file.places where place.number == number {
        // Without a name it happened to the file or the folder itself.
        if name.isEmpty || place.name == name {
          file.news = .own
        } else if file.news == .none {
          file.news = .nearby
        }
      }
    }
  }

  /// Calls the owners of files that have changed.
  ///
  /// - Parameter all: whether those are looked at, too, of which nothing was told.
  private func tell(all: Bool = false) {
    // What is called may add files and let go of them.
    for reference in files {
      guard let file = reference.watch, all || file.news != .none else { continue }
      let isOwn = file.news == .own
      file.news = .none
      if look(at: file) || isOwn { file.action() }
    }
  }
}
