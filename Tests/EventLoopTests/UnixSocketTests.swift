import EventLoop
import Glibc
import LoopFixtures
import System
import Testing

@Suite("Unix sockets")
struct UnixSocketTests {
  let loop: EventLoop
  let directory: TemporaryDirectory
  let client = End()
  let server = End()
  var path: String { "\(directory.path)/socket" }

  init() throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
  }

  func listen(_ path: String? = nil) throws -> StreamListener {
    try StreamListener(on: loop, unixPath: path ?? self.path, mode: 0o660) { [server] in
      server.take($0)
    }
  }

  @Test func `octets go through, and the file goes with the listener`() throws {
    let listener = try listen()
    var status = stat()
    #expect(unsafe lstat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o660)
    client.onConnected = { $0.write([1, 2].span) }
    client.take(try Stream(on: loop, connectingToUnixPath: path))
    #expect(try loop.turn { server.octets == [1, 2] })
    #expect(server.stream?.peer == nil && server.stream?.local == nil)
    listener.close()
    #expect(directory.names == [])
  }

  @Test func `a socket that somebody answers on isn't taken over`() throws {
    let listener = try listen()
    let error = #expect(throws: SystemError.self) { _ = try listen() }
    #expect(error?.code == EADDRINUSE)
    #expect(directory.names == ["socket"])
    withExtendedLifetime(listener) {}
  }

  @Test func `a socket that was left behind is replaced`() throws {
    let stale = try listen("\(directory.path)/other")
    #expect(unsafe rename("\(directory.path)/other", path) == 0)
    stale.close()
    #expect(directory.names == ["socket"])
    let listener = try listen()
    client.take(try Stream(on: loop, connectingToUnixPath: path))
    #expect(try loop.turn { server.stream != nil })
    withExtendedLifetime(listener) {}
  }

  @Test func `a file that isn't a socket is left alone`() throws {
    let descriptor = unsafe open(path, O_CREAT | O_WRONLY, 0o600)
    close(descriptor)
    let error = #expect(throws: SystemError.self) { _ = try listen() }
    #expect(error?.code == EEXIST)
    #expect(directory.names == ["socket"])
  }

  @Test func `a file that another program put there is left alone`() throws {
    let first = try listen()
    #expect(unsafe unlink(path) == 0)
    let second = try listen()
    first.close()
    #expect(directory.names == ["socket"])
    withExtendedLifetime(second) {}
  }

  @Test func `a path that is too long is an error`() throws {
    let error = #expect(throws: SystemError.self) {
      _ = try listen("\(directory.path)/\(String(repeating: "x", count: 108))")
    }
    #expect(error?.code == ENAMETOOLONG)
  }

  @Test func `connecting to nobody is an error at once`() throws {
    let error = #expect(throws: SystemError.self) {
      _ = try Stream(on: loop, connectingToUnixPath: path)
    }
    #expect(error?.code == ENOENT)
  }
}
