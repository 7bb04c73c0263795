import Glibc
import LoopFixtures
import System
import Testing

@testable import EventLoop

@Suite("Watching a file")
struct FileWatchTests {
  let directory: TemporaryDirectory
  let loop: EventLoop
  var path: String { "\(directory.path)/list" }

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
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
    let watch = FileWatch(on: loop, path: path) { calls.value += 1 }
    func isTold() throws -> Bool {
      let before = calls.value
      // Well below the look every few seconds.
      return try loop.turn(within: FileWatch.interval / 2) { calls.value > before }
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
    let watch = FileWatch(on: loop, path: path) { calls.value += 1 }
    func isTold() throws -> Bool {
      let before = calls.value
      return try loop.turn(within: FileWatch.interval / 2) { calls.value > before }
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
    let watch = FileWatch(on: loop, path: path) { calls.value += 1 }
    for number in 0..<1_000 { try write("\(number)", to: path) }
    #expect(try loop.turn { calls.value > 0 })
    // What was written before the first call is told by it.
    let told = calls.value
    let end = EventLoop.now() + 4 * FileWatch.delay
    _ = try loop.turn(within: 5 * FileWatch.delay) { EventLoop.now() > end }
    #expect(calls.value <= told + 1)
    withExtendedLifetime(watch) {}
  }

  @Test func `a link to itself ends`() throws {
    #expect(unsafe symlink("list", path) == 0)
    let watch = FileWatch(on: loop, path: path) {}
    try loop.spin(3)
    withExtendedLifetime(watch) {}
  }
}
