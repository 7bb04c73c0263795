import EventLoop
import Glibc
import LoopFixtures
import System
import Testing

@Suite("Locks on files")
struct FileLockTests {
  let directory: TemporaryDirectory
  var path: String { "\(directory.path)/lock" }

  init() throws {
    directory = try TemporaryDirectory()
  }

  @Test func `one has it at a time, and who comes second learns who`() throws {
    var first: FileLock.Outcome? = FileLock.take(path)
    guard case .locked = first else { throw Unexpected() }
    guard case .taken(let holder) = FileLock.take(path) else { throw Unexpected() }
    #expect(holder == getpid())
    first = nil
    guard case .locked = FileLock.take(path) else { throw Unexpected() }
    // The file is still there, for the next one to lock the same.
    #expect(directory.names == ["lock"])
  }

  @Test func `where no file can be made there is no lock, and why is told`() throws {
    guard case .unavailable(let error, false) = FileLock.take("\(directory.path)/missing/lock")
    else { throw Unexpected() }
    #expect(error.isNoPlaceToWrite)
  }

  @Test func `a link is not followed`() throws {
    #expect(unsafe symlink("\(directory.path)/elsewhere", path) == 0)
    guard case .unavailable(let error, true) = FileLock.take(path) else { throw Unexpected() }
    #expect(error.code == ELOOP)
    #expect(directory.names == ["lock"])
  }

  @Test func `a file that has another name, too, is neither locked nor written`() throws {
    let letter = "\(directory.path)/letter"
    let text = "Dear lock,\n"
    let file = unsafe open(letter, O_WRONLY | O_CREAT, 0o600)
    let octets = Array(text.utf8)
    #expect(unsafe write(file, octets, octets.count) == octets.count && close(file) == 0)
    #expect(unsafe link(letter, path) == 0)
    guard case .unavailable(let error, true) = FileLock.take(path) else { throw Unexpected() }
    #expect(error.code == EMLINK)
    #expect(try FileReader.text(of: letter, limit: 100) == text)
  }

  @Test func `what is no file is not locked`() throws {
    #expect(unsafe mkfifo(path, 0o600) == 0)
    guard case .unavailable(let error, true) = FileLock.take(path) else { throw Unexpected() }
    #expect(error.isNotAFile)
  }

  private struct Unexpected: Error {}
}
