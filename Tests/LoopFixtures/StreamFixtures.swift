import EventLoop
import Glibc

/// One end of a connection: keeps what comes in and what happens.
package final class End: StreamDelegate {
  package var stream: Stream?
  package var octets: [UInt8] = []
  package var ends: [StreamEnd] = []
  package var connections = 0
  package var drains = 0
  package var reads = 0
  /// Whether what arrives is taken at once.
  package var consumes = true
  package var onReadable: ((Stream) -> Void)?
  package var onConnected: ((Stream) -> Void)?
  package var onDrained: ((Stream) -> Void)?
  package var onClosed: ((Stream) -> Void)?

  package init() {}

  /// Keeps the stream and listens to it.
  package func take(_ stream: Stream) {
    self.stream = stream
    stream.delegate = self
  }

  package func streamConnected(_ stream: Stream) {
    connections += 1
    onConnected?(stream)
  }

  package func streamReadable(_ stream: Stream) {
    reads += 1
    if consumes { drain(stream) }
    onReadable?(stream)
  }

  package func streamDrained(_ stream: Stream) {
    drains += 1
    onDrained?(stream)
  }

  package func streamClosed(_ stream: Stream, reason: StreamEnd) {
    ends.append(reason)
    onClosed?(stream)
  }

  package func drain(_ stream: Stream) {
    let count = stream.readableBytes
    octets += stream.withInput(count) { Array($0) } ?? []
    stream.consume(count)
  }
}

/// mkdtemp(3) failed.
package struct NoDirectory: Error {}

/// A directory that is removed with its files when this goes out of use.
package final class TemporaryDirectory {
  package let path: String

  package init() throws {
    var template = Array("/tmp/event-loop-tests-XXXXXX".utf8CString)
    // SAFETY: mkdtemp changes the template in place, which is terminated.
    path = try unsafe template.withUnsafeMutableBufferPointer { template in
      guard let start = template.baseAddress, unsafe mkdtemp(start) != nil else {
        throw NoDirectory()
      }
      return unsafe String(cString: start)
    }
  }

  deinit {
    for name in names { _ = unsafe unlink("\(path)/\(name)") }
    _ = unsafe rmdir(path)
  }

  /// The files in it.
  package var names: [String] {
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
