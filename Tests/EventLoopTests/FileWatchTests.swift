import Glibc
import LoopFixtures
import System
import Testing

@testable import EventLoop

@Suite("Watching a file")
struct FileWatchTests {
  let directory: TemporaryDirectory
  let loop: EventLoop
  let watcher: FileWatcher
  var path: String { "\(directory.path)/list" }

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    watcher = FileWatcher(on: loop) { Issue.record("\($0)") }
  }

  private func write(_ text: String, to path: String) throws {
    guard let file = unsafe fopen(path, "w") else {
      throw SystemError(call: "fopen", purpose: path, code: errno)
    }
    unsafe fputs(text, file)
    unsafe fclose(file)
  }

  @Test func `it tells that a file is made, written, replaced and removed`() throws {
    let calls = Count()
    let watch = FileWatch(by: watcher, path: path) { calls.value += 1 }
    func isTold() throws -> Bool {
      let before = calls.value
      // Well below the look every few seconds.
      return try loop.turn(within: FileWatcher.interval / 2) { calls.value > before }
    }
    try write("one", to: path)
    #expect(try isTold())
    try write("two", to: path)
    #expect(try isTold())
    try write("three", to: path + ".new")
    _ = try isTold()
    #expect(unsafe rename(path + ".new", path) == 0)
    #expect(try isTold())
    #expect(unsafe unlink(path) == 0)
    #expect(try isTold())
    withExtendedLifetime(watch) {}
  }

  @Test func `links are followed, also to folders that are not there yet`() throws {
    let target = "\(directory.path)/later/deep"
    #expect(unsafe symlink("later/deep/list", path) == 0)
    let calls = Count()
    let watch = FileWatch(by: watcher, path: path) { calls.value += 1 }
    func isTold() throws -> Bool {
      let before = calls.value
      return try loop.turn(within: FileWatcher.interval / 2) { calls.value > before }
    }
    #expect(unsafe mkdir("\(directory.path)/later", 0o755) == 0)
    #expect(try isTold())
    #expect(unsafe mkdir(target, 0o755) == 0)
    #expect(try isTold())
    try write("one", to: "\(target)/list")
    #expect(try isTold())
    // The link leads elsewhere.
    try write("other", to: "\(directory.path)/other")
    _ = try isTold()
    #expect(unsafe unlink(path) == 0 && symlink("other", path) == 0)
    #expect(try isTold())
    try write("again", to: "\(directory.path)/other")
    #expect(try isTold())
    withExtendedLifetime(watch) {}
  }

  @Test func `many changes are told together`() throws {
    let calls = Count()
    let watch = FileWatch(by: watcher, path: path) { calls.value += 1 }
    for number in 0..<1_000 { try write("\(number)", to: path) }
    #expect(try loop.turn { calls.value > 0 })
    // What was written before the first call is told by it.
    let told = calls.value
    let end = EventLoop.now() + 4 * FileWatcher.delay
    _ = try loop.turn(within: 5 * FileWatcher.delay) { EventLoop.now() > end }
    #expect(calls.value <= told + 1)
    withExtendedLifetime(watch) {}
  }

  @Test func `a link to itself ends`() throws {
    #expect(unsafe symlink("list", path) == 0)
    let watch = FileWatch(by: watcher, path: path) {}
    try loop.spin(3)
    withExtendedLifetime(watch) {}
  }

  @Test func `what happens to other files of the folder is not told`() throws {
    let calls = Count()
    let others = Count()
    let watch = FileWatch(by: watcher, path: path) { calls.value += 1 }
    let other = FileWatch(by: watcher, path: path + ".lock") { others.value += 1 }
    for number in 1...3 {
      try write("\(number)", to: path + ".lock")
      try write("\(number)", to: path + ".tmp")
      let before = others.value
      // The watch of the list would have been called by the same timer.
      #expect(try loop.turn(within: FileWatcher.interval / 2) { others.value > before })
    }
    #expect(calls.value == 0)
    withExtendedLifetime((watch, other)) {}
  }

  @Test func `a folder that is another by a link is told`() throws {
    let folder = directory.path
    for name in ["one", "two"] {
      #expect(unsafe mkdir("\(folder)/\(name)", 0o755) == 0)
      try write(name, to: "\(folder)/\(name)/list")
    }
    #expect(unsafe symlink("one", "\(folder)/data") == 0)
    #expect(unsafe symlink("data/list", path) == 0)
    let calls = Count()
    let watch = FileWatch(by: watcher, path: path) { calls.value += 1 }
    #expect(unsafe symlink("two", "\(folder)/data.new") == 0)
    #expect(unsafe rename("\(folder)/data.new", "\(folder)/data") == 0)
    #expect(try loop.turn(within: FileWatcher.interval / 2) { calls.value > 0 })
    withExtendedLifetime(watch) {}
  }

  @Test func `without inotify files are looked at, and that is said once`() throws {
    errno = EMFILE
    var said: [SystemError] = []
    let blind = FileWatcher(on: loop, notices: -1, interval: 20) { said.append($0) }
    let calls = Count()
    let watch = FileWatch(by: blind, path: path) { calls.value += 1 }
    #expect(said.map(\.code) == [EMFILE])
    try write("one", to: path)
    #expect(try loop.turn { calls.value == 1 })
    #expect(unsafe unlink(path) == 0)
    #expect(try loop.turn { calls.value == 2 })
    withExtendedLifetime(watch) {}
  }

  @Test func `a file beyond those that the kernel tells of is looked at now and then`() throws {
    let watcher = FileWatcher(
      on: loop, notices: inotify_init1(Int32(O_CLOEXEC | O_NONBLOCK)), interval: 20
    ) {
      Issue.record("\($0)")
    }
    var watches: [FileWatch] = []
    for number in 0..<FileWatcher.mostFiles {
      watches.append(FileWatch(by: watcher, path: "\(path)\(number)") {})
    }
    let calls = Count()
    let late = FileWatch(by: watcher, path: path) { calls.value += 1 }
    #expect(late.places.isEmpty && watches.allSatisfy { !$0.places.isEmpty })
    try write("one", to: path)
    #expect(try loop.turn { calls.value > 0 })
    // Where there is room again, the kernel tells of it from the next look on.
    watches = []
    #expect(try loop.turn { !late.places.isEmpty })
  }

  @Test func `a watch may end while it is told`() throws {
    let calls = Count()
    var first: FileWatch?
    var second: FileWatch?
    first = FileWatch(by: watcher, path: path) {
      calls.value += 1
      second = nil
      first = nil
    }
    second = FileWatch(by: watcher, path: path) { calls.value += 1 }
    try write("one", to: path)
    #expect(try loop.turn(within: FileWatcher.interval / 2) { calls.value > 0 })
    try loop.spin(3)
    #expect(calls.value == 1 && first == nil && second == nil)
  }
}
