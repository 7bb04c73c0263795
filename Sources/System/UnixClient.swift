import CEvent
import Glibc

/// A connection to a Unix socket that waits: for command-line tools, not for programs with a loop.
package final class UnixClient {
  private let descriptor: Descriptor
  private let path: String

  /// Connects; throws ENOENT when there is no such socket, ECONNREFUSED when nobody listens.
  ///
  /// - Parameter timeout: seconds that a read or a write may take.
  package init(path: String, timeout: Int) throws(SystemError) {
    self.path = path
    descriptor = try Descriptor.connectedBlocking(unixPath: path)
    let number = descriptor.number
    var limit = timeval(tv_sec: timeout, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      // SAFETY: the call reads one timeval.
      _ = unsafe setsockopt(
        number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  /// Who listens at the other end.
  package var holder: SocketHolder? { SocketHolder(of: descriptor) }

  /// Sends text, whole.
  package func write(_ text: String) throws(SystemError) {
    var rest = Array(text.utf8)[...]
    let number = descriptor.number
    while !rest.isEmpty {
      // SAFETY: the pointer is used within the call, with its own length.
      let count = try unsafe rest.withUnsafeBytes { octets in
        CallResult(retrying: {
          unsafe send(number, octets.baseAddress, octets.count, Int32(MSG_NOSIGNAL))
        })
      }.value(call: "send", purpose: path)
      rest = rest.dropFirst(count)
    }
  }

  /// Reads the next octets; none at the end.
  package func read(atMost limit: Int = 65_536) throws(SystemError) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: limit)
    let number = descriptor.number
    // SAFETY: the kernel writes at most the array's length.
    let count = try unsafe octets.withUnsafeMutableBytes { space in
      CallResult(retrying: { unsafe recv(number, space.baseAddress, space.count, 0) })
    }.value(call: "recv", purpose: path)
    octets.removeLast(limit - count)
    return octets
  }
}
