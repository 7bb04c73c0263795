import EventLoop
import Glibc
import System

/// One end of a connection: keeps what comes in and what happens.
final class End: StreamDelegate {
  var stream: Stream?
  var octets: [UInt8] = []
  var ends: [StreamEnd] = []
  var connections = 0
  var drains = 0
  var reads = 0
  /// Whether what arrives is taken at once.
  var consumes = true
  var onReadable: ((Stream) -> Void)?
  var onConnected: ((Stream) -> Void)?
  var onDrained: ((Stream) -> Void)?
  var onClosed: ((Stream) -> Void)?

  /// Keeps the stream and listens to it.
  func take(_ stream: Stream) {
    self.stream = stream
    stream.delegate = self
  }

  func streamConnected(_ stream: Stream) {
    connections += 1
    onConnected?(stream)
  }

  func streamReadable(_ stream: Stream) {
    reads += 1
    if consumes { drain(stream) }
    onReadable?(stream)
  }

  func streamDrained(_ stream: Stream) {
    drains += 1
    onDrained?(stream)
  }

  func streamClosed(_ stream: Stream, reason: StreamEnd) {
    ends.append(reason)
    onClosed?(stream)
  }

  func drain(_ stream: Stream) {
    let count = stream.readableBytes
    octets += stream.withInput(count) { Array($0) } ?? []
    stream.consume(count)
  }
}

/// A directory that is removed with its files when this goes out of use.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/event-loop-tests-XXXXXX".utf8CString)
    // SAFETY: mkdtemp changes the template in place, which is terminated.
    path = try unsafe template.withUnsafeMutableBufferPointer { template in
      guard let start = template.baseAddress, unsafe mkdtemp(start) != nil else {
        throw SystemError(call: "mkdtemp", purpose: "a test", code: errno)
      }
      return unsafe String(cString: start)
    }
  }

  deinit {
    for name in names { _ = unsafe unlink("\(path)/\(name)") }
    _ = unsafe rmdir(path)
  }

  /// The files in it.
  var names: [String] {
    // SAFETY: the directory is closed once; an entry is valid until the next is read.
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { octets in
        unsafe String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}
