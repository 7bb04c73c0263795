import EventLoop
import Glibc
import LoopFixtures
import System
import Testing

@Suite("Files")
struct FileTests {
  let directory: TemporaryDirectory
  var path: String { "\(directory.path)/cache.snapshot" }

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// The content of the file, read in pieces of 100,000 octets.
  func content() throws -> [UInt8] {
    let reader = try FileReader(path: path)
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 100_000)
    while true {
      var span = buffer.mutableSpan
      let count = try reader.read(into: &span)
      content += buffer[..<count]
      guard count == buffer.count else { break }
    }
    #expect(content.count == reader.size)
    return content
  }

  @Test func `a file is there, whole, only after commit`() throws {
    let file = try AtomicFile(replacing: path)
    try file.append([1, 2].span)
    #expect(throws: SystemError.self) { try FileReader(path: path) }
    try file.append([3].span)
    #expect(file.size == 3)
    try file.commit()
    #expect(try content() == [1, 2, 3])
    #expect(directory.names == ["cache.snapshot"])
    var status = stat()
    #expect(unsafe lstat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
  }

  @Test func `a large file is written and read in pieces`() throws {
    let file = try AtomicFile(replacing: path)
    let piece = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for _ in 0..<80 { try file.append(piece.span) }
    try file.commit()
    #expect(try content() == Array(repeatElement(piece, count: 80).joined()))
  }

  @Test func `a file that is let go leaves the old one and no trace`() throws {
    let old = try AtomicFile(replacing: path)
    try old.append([1].span)
    try old.commit()
    var file: AtomicFile? = try AtomicFile(replacing: path)
    try file?.append([2].span)
    #expect(directory.names.count == 2)
    file = nil
    #expect(directory.names == ["cache.snapshot"])
    #expect(try content() == [1])
    let discarded = try AtomicFile(replacing: path)
    discarded.discard()
    #expect(directory.names == ["cache.snapshot"])
  }

  @Test func `a temporary file of an earlier process with our number is replaced`() throws {
    let stale = unsafe open("\(path).tmp", O_CREAT | O_WRONLY, 0o644)
    #expect(unsafe write(stale, "old", 3) == 3)
    close(stale)
    let file = try AtomicFile(replacing: path)
    try file.append([9].span)
    try file.commit()
    #expect(try content() == [9])
  }

  @Test func `a commit that fails leaves no trace`() throws {
    // A directory in the target's place.
    #expect(unsafe mkdir(path, 0o700) == 0)
    defer { _ = unsafe rmdir(path) }
    let file = try AtomicFile(replacing: path)
    let error = #expect(throws: AtomicFile.CommitError.self) { try file.commit() }
    #expect(error?.cause.code == EISDIR)
    #expect(error?.isReplaced == false)
    #expect(directory.names == ["cache.snapshot"])
  }

  @Test func `a commit on a loop is durable when it says so, and the loop turns meanwhile`() throws
  {
    let loop = try EventLoop()
    let file = try AtomicFile(replacing: path)
    let piece = [UInt8](repeating: 7, count: 1 << 20)
    for _ in 0..<16 { try file.append(piece.span) }
    var result: Result<Void, AtomicFile.CommitError>?
    file.commit(on: loop) { result = $0 }
    // Not from within the call, and the target is as it was until the content is on the disk.
    #expect(result == nil)
    #expect(directory.names == ["cache.snapshot.tmp"])
    #expect(try loop.turn { result != nil })
    _ = try #require(try result?.get())
    #expect(directory.names == ["cache.snapshot"])
    #expect(try content().count == 16 << 20)
    // Nothing is left that would keep the loop turning.
    try loop.runOnce(blocking: true)
  }

  @Test func `a commit on a loop that fails leaves no trace`() throws {
    #expect(unsafe mkdir(path, 0o700) == 0)
    defer { _ = unsafe rmdir(path) }
    let loop = try EventLoop()
    var result: Result<Void, AtomicFile.CommitError>?
    try AtomicFile(replacing: path).commit(on: loop) { result = $0 }
    #expect(try loop.turn { result != nil })
    let error = #expect(throws: AtomicFile.CommitError.self) { try result?.get() }
    #expect(error?.cause.code == EISDIR)
    #expect(error?.isReplaced == false)
    #expect(directory.names == ["cache.snapshot"])
  }

  @Test func `a commit begun on a loop is ended by one that waits`() throws {
    let loop = try EventLoop()
    let file = try AtomicFile(replacing: path)
    try file.append([1].span)
    var calls = 0
    file.commit(on: loop) { _ in calls += 1 }
    try file.commit()
    #expect(try content() == [1])
    // The kernel's word that it is done comes too late to matter.
    #expect(try !loop.turn(within: 200) { calls > 0 })
    #expect(try content() == [1])
  }

  @Test func `a write-back on a loop calls back, and more can be appended`() throws {
    let loop = try EventLoop()
    let file = try AtomicFile(replacing: path)
    try file.append([UInt8](repeating: 1, count: 100_000).span)
    #expect(file.unwritten == 100_000)
    var result: Result<Void, SystemError>?
    file.writeBack(on: loop) { result = $0 }
    #expect(file.unwritten == 0)
    #expect(result == nil)
    #expect(try loop.turn { result != nil })
    _ = try #require(try result?.get())
    try file.append([2].span)
    #expect(file.unwritten == 1)
    #expect(directory.names == ["cache.snapshot.tmp"])
    try file.commit()
    #expect(try content().count == 100_001)
  }

  @Test func `what the disk does beside the loop can be waited for`() throws {
    let loop = try EventLoop()
    let file = try AtomicFile(replacing: path)
    try file.append([1].span)
    var result: Result<Void, AtomicFile.CommitError>?
    file.commit(on: loop) { result = $0 }
    // Content, then the directory.
    loop.finishSyncs()
    _ = try #require(try result?.get())
    #expect(try content() == [1])
    loop.finishSyncs()
  }

  @Test func `a file discarded while it is synced stays away`() throws {
    let loop = try EventLoop()
    let file = try AtomicFile(replacing: path)
    try file.append([1].span)
    var calls = 0
    file.commit(on: loop) { _ in calls += 1 }
    file.discard()
    #expect(try !loop.turn(within: 200) { calls > 0 })
    #expect(directory.names.isEmpty)
  }

  @Test func `a directory that isn't there is an error that tells which`() {
    let missing = "\(directory.path)/missing/cache.snapshot"
    let error = #expect(throws: SystemError.self) { try AtomicFile(replacing: missing) }
    #expect(error?.code == ENOENT)
    #expect(error?.description.contains(missing) == true)
  }

  @Test func `only regular files are read`() {
    let error = #expect(throws: SystemError.self) { try FileReader(path: directory.path) }
    #expect(error?.code == EINVAL)
    #expect(throws: SystemError.self) { try FileReader(path: "/dev/null") }
  }

  @Test func `an empty file reads as nothing`() throws {
    try AtomicFile(replacing: path).commit()
    #expect(try content() == [])
  }
}
