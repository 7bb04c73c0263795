import Foundation

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible {
  let call: String
  let code: Int32

  init(_ call: String, _ code: Int32 = errno) {
    self.call = call
    self.code = code
  }

  var description: String { "\(call): \(unsafe String(cString: strerror(code)))" }
}

/// A loopback socket, closed with its owner.
///
/// Not for several threads at a time.
final class Socket: @unchecked Sendable {
  enum Kind: Sendable {
    case datagram
    case stream
  }

  let descriptor: Int32

  init(adopting descriptor: Int32) {
    self.descriptor = descriptor
  }

  init(_ kind: Kind, family: Int32) throws {
    let type = kind == .datagram ? SOCK_DGRAM : SOCK_STREAM
    descriptor = socket(family, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError("socket") }
  }

  private var isOpen = true

  /// Frees the port now, not when the last owner goes.
  func close() {
    if isOpen { Foundation.close(descriptor) }
    isOpen = false
  }

  deinit { close() }

  /// A socket bound to an endpoint; port 0 for any.
  static func bound(_ kind: Kind, to endpoint: Endpoint) throws -> Socket {
    let result = try Socket(kind, family: endpoint.family)
    if kind == .stream {
      // A server that was stopped a moment ago may come back on its port.
      try result.set(SOL_SOCKET, SO_REUSEADDR, 1)
    }
    if endpoint.isIPv6 { try result.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    let status = unsafe endpoint.withSocketAddress { unsafe bind(result.descriptor, $0, $1) }
    guard status == 0 else { throw SystemError("bind to \(endpoint)") }
    if kind == .stream, listen(result.descriptor, 256) != 0 { throw SystemError("listen") }
    return result
  }

  /// A socket connected to an endpoint, from a source address when one is given.
  static func connected(
    _ kind: Kind, to endpoint: Endpoint, from source: Endpoint? = nil
  ) throws -> Socket {
    let result = try Socket(kind, family: endpoint.family)
    if let source {
      let status = unsafe source.withSocketAddress { unsafe bind(result.descriptor, $0, $1) }
      guard status == 0 else { throw SystemError("bind to \(source)") }
    }
    let status = unsafe endpoint.withSocketAddress { unsafe connect(result.descriptor, $0, $1) }
    guard status == 0 else { throw SystemError("connect to \(endpoint)") }
    return result
  }

  /// A stream connected to a socket of the file system.
  static func connected(toFile path: String) throws -> Socket {
    let result = try Socket(.stream, family: AF_UNIX)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // SAFETY: the copy is bounded by the structure's own room, which keeps a zero at its end.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
      unsafe room.copyBytes(from: path.utf8.prefix(room.count - 1))
    }
    // SAFETY: a sockaddr_un is a sockaddr by the system's own convention.
    let connection = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(result.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard connection == 0 else { throw SystemError("connect to \(path)") }
    return result
  }

  func set(_ level: Int32, _ option: Int32, _ value: Int32) throws {
    var value = value
    let size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe setsockopt(descriptor, level, option, &value, size) == 0 else {
      throw SystemError("setsockopt")
    }
  }

  /// Has `send` give up after a time, instead of waiting for room.
  func setSendTimeout(milliseconds: Int) {
    var time = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }

  /// The endpoint that the socket is bound to.
  var localEndpoint: Endpoint {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: the storage is large enough for any address.
    unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe _ = getsockname(descriptor, $0, &length)
      }
    }
    return Endpoint(storage)
  }

  /// Whether something can be read, or an error fetched, before the deadline.
  func isReadable(before deadline: Deadline) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&entry, 1, deadline.milliseconds) > 0
  }

  @discardableResult func send(_ bytes: [UInt8]) -> Int {
    unsafe Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  @discardableResult func send(_ bytes: [UInt8], to endpoint: Endpoint) -> Int {
    unsafe endpoint.withSocketAddress { unsafe sendto(descriptor, bytes, bytes.count, 0, $0, $1) }
  }

  /// One datagram or what a stream has, at most 65,535 octets; empty at the end of a stream.
  func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 65_535)
    let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
    guard count >= 0 else { throw SystemError("recv") }
    return Array(buffer.prefix(count))
  }

  /// One datagram and its sender.
  func receiveFrom() throws -> (bytes: [UInt8], sender: Endpoint) {
    var buffer = [UInt8](repeating: 0, count: 65_535)
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: the storage is large enough for any address.
    let count = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
      }
    }
    guard count >= 0 else { throw SystemError("recvfrom") }
    return (Array(buffer.prefix(count)), Endpoint(storage))
  }

  /// When the datagram received last came to this socket, in nanoseconds of the system's clock; asked once before
  /// the first one, or that has no time yet.
  var lastArrival: Int64 {
    var time = timespec()
    let request: UInt = 0x8907  // SIOCGSTAMPNS, socket(7)
    guard unsafe ioctl(descriptor, request, &time) == 0 else { return .max }
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  func accept() throws -> Socket {
    let accepted = Foundation.accept(descriptor, nil, nil)
    guard accepted >= 0 else { throw SystemError("accept") }
    // Not for the programs that a test starts.
    _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
    return Socket(adopting: accepted)
  }
}

/// Ports that nobody has.
enum FreePort {
  /// A port free for UDP and TCP on both loopback addresses.
  ///
  /// Below the range from which the system draws ports for clients, so that no query's own socket
  /// takes it before the server does.
  static func next() throws -> UInt16 {
    for _ in 0..<200 {
      let port = UInt16.random(in: 12_000...32_000)
      let sockets = try? ["127.0.0.1", "::1"].flatMap { address in
        try [
          Socket.bound(.datagram, to: Endpoint(address, port)),
          Socket.bound(.stream, to: Endpoint(address, port)),
        ]
      }
      if sockets != nil { return port }
    }
    throw SystemError("no free port found", EADDRINUSE)
  }
}
