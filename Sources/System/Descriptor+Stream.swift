import CEvent
import DNSWire
import Glibc

extension Descriptor {
  /// Opens a TCP socket that listens on an address.
  ///
  /// The connections that it accepts inherit TCP_NODELAY: a DNS message is written whole.
  ///
  /// - Parameter mayBeMissing: whether the address may be one that this host gets later.
  package static func listening(
    on address: Endpoint, backlog: Int32, mayBeMissing: Bool = false
  ) throws(SystemError) -> Descriptor {
    let purpose = "TCP on \(address)"
    let descriptor = try Descriptor(
      socket: SOCK_STREAM, family: address.family, for: purpose)
    let number = descriptor.number
    // Connections of the last run in TIME_WAIT don't keep the port.
    try descriptor.setOption(SO_REUSEADDR, level: SOL_SOCKET, to: 1, purpose: purpose)
    try descriptor.setOption(TCP_NODELAY, level: Int32(IPPROTO_TCP), to: 1, purpose: purpose)
    if !address.isIPv4 {
      try descriptor.setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), to: 1, purpose: purpose)
    }
    try descriptor.bind(to: address, mayBeMissing: mayBeMissing, purpose: purpose)
    _ = try CallResult(retrying: { Int(listen(number, backlog)) })
      .value(call: "listen", purpose: purpose)
    return descriptor
  }

  /// Listens on a socket that was open when the program started.
  package static func listening(
    adopting inherited: InheritedSocket, backlog: Int32
  ) throws(SystemError) -> Descriptor {
    // UNREACHABLE: sockets passed in are looked up by kind.
    precondition(inherited.kind == .tcp)
    let purpose = "TCP on \(inherited.localAddress)"
    let descriptor = try inherited.duplicate()
    let number = descriptor.number
    try descriptor.setOption(TCP_NODELAY, level: Int32(IPPROTO_TCP), to: 1, purpose: purpose)
    // Once more, for a backlog of ours (listen(2)).
    _ = try CallResult(retrying: { Int(listen(number, backlog)) })
      .value(call: "listen", purpose: purpose)
    return descriptor
  }

  /// Opens a Unix socket that listens on a path, and puts the one who unlinks it in `file`.
  ///
  /// A stale file is replaced, one that somebody answers on is not.
  package static func listening(
    unixPath path: String, mode: UInt32, backlog: Int32, file: inout UnixSocketFile?
  ) throws(SystemError) -> Descriptor {
    let address = try UnixAddress(path: path)
    try UnixSocketFile.removeStale(path)
    let descriptor = try Descriptor(socket: SOCK_STREAM, family: AF_UNIX, for: path)
    let number = descriptor.number
    // On Linux the file is made with the mode of the socket less the umask, so that it is never
    // wider than wanted, not even between bind and chmod.
    _ = try CallResult(retrying: { Int(fchmod(number, mode)) })
      .value(call: "fchmod", purpose: path)
    // SAFETY: the kernel copies address and path before the calls return.
    _ = try CallResult(retrying: {
      unsafe address.withPointer { unsafe Int(Glibc.bind(number, $0, $1)) }
    }).value(call: "bind", purpose: path)
    file = try UnixSocketFile(path: path)
    _ = try CallResult(retrying: { unsafe Int(chmod(path, mode)) })
      .value(call: "chmod", purpose: path)
    _ = try CallResult(retrying: { Int(listen(number, backlog)) })
      .value(call: "listen", purpose: path)
    return descriptor
  }

  /// Starts to connect a new TCP socket.
  package static func connecting(to address: Endpoint) throws(SystemError) -> Descriptor {
    let purpose = "TCP to \(address)"
    let descriptor = try Descriptor(
      socket: SOCK_STREAM, family: address.family, for: purpose)
    try descriptor.setOption(TCP_NODELAY, level: Int32(IPPROTO_TCP), to: 1, purpose: purpose)
    try descriptor.connect(purpose: purpose) { number in
      // SAFETY: the kernel copies the address before the call returns.
      unsafe KernelAddress(address).withPointer { unsafe Glibc.connect(number, $0, $1) }
    }
    return descriptor
  }

  /// Connects a new Unix socket.
  package static func connecting(unixPath path: String) throws(SystemError) -> Descriptor {
    let address = try UnixAddress(path: path)
    let descriptor = try Descriptor(socket: SOCK_STREAM, family: AF_UNIX, for: path)
    try descriptor.connect(purpose: path) { number in
      // SAFETY: the kernel copies the address before the call returns.
      unsafe address.withPointer { unsafe Glibc.connect(number, $0, $1) }
    }
    return descriptor
  }

  /// Connects to a Unix socket and waits in reads and writes from then on.
  static func connectedBlocking(unixPath path: String) throws(SystemError) -> Descriptor {
    let descriptor = try connecting(unixPath: path)
    let number = descriptor.number
    _ = try CallResult(retrying: { Int(fcntl(number, F_SETFL, 0)) })
      .value(call: "fcntl", purpose: path)
    return descriptor
  }

  private func connect(purpose: String, _ call: (Int32) -> Int32) throws(SystemError) {
    let number = number
    switch CallResult(retrying: { Int(call(number)) }) {
    case .done, .failed(EINPROGRESS), .failed(EALREADY): break
    // A Unix socket with a full backlog.
    case .wouldBlock: throw SystemError(call: "connect", purpose: purpose, code: EAGAIN)
    case .failed(let code): throw SystemError(call: "connect", purpose: purpose, code: code)
    }
  }
}
