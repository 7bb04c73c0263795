import CEvent
import DNSWire
import Glibc

/// A socket that was open and bound when the program started (sd_listen_fds(3)).
///
/// Kept for as long as this lives, also when nothing listens on it at the moment: its maker has it
/// open as well, so its port could not be bound again.
public final class InheritedSocket {
  /// What can be listened on.
  public enum Kind: Sendable {
    case udp
    case tcp
  }

  /// Why a descriptor is none of the sockets that can be served.
  public enum Refusal: Error, Sendable {
    case notASocket
    /// Neither IPv4 nor IPv6.
    case otherFamily
    /// Neither UDP nor TCP.
    case otherProtocol
    /// A connection: of TCP, or of a UDP socket to one peer.
    case connected
    /// A TCP socket on which nobody listens yet.
    case notListening
    /// An IPv6 wildcard that takes IPv4, too, whose clients then have other addresses than they should.
    case bothFamilies
    /// Not bound to a port.
    case unbound
  }

  /// Whether it is for datagrams or for connections.
  public let kind: Kind
  /// What it is bound to.
  public let localAddress: Endpoint
  private let descriptor: Descriptor

  /// Takes over an open descriptor, and keeps it from programs that this one starts.
  ///
  /// One that is refused stays open.
  public init(number: Int32) throws(Refusal) {
    var status = stat()
    // SAFETY: the call writes one stat.
    guard unsafe fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK
    else { throw .notASocket }
    let family = Self.option(SO_DOMAIN, of: number)
    guard family == AF_INET || family == AF_INET6 else { throw .otherFamily }
    switch Self.option(SO_PROTOCOL, of: number) {
    case Int32(IPPROTO_UDP): kind = .udp
    case Int32(IPPROTO_TCP): kind = .tcp
    default: throw .otherProtocol
    }
    // SAFETY: the calls write no more than the lengths that they are given.
    let peer = unsafe KernelAddress.read { unsafe getpeername(number, $0, $1) }
    guard peer == nil else { throw .connected }
    guard kind == .udp || Self.option(SO_ACCEPTCONN, of: number) != 0 else { throw .notListening }
    guard let local = Endpoint(ofSocket: number),
      local.port != 0
    else { throw .unbound }
    if family == AF_INET6, local.address.isUnspecified,
      Self.option(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), of: number) == 0
    {
      throw .bothFamilies
    }
    localAddress = local
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    // Of the open file, so of its maker as well, who does not read it.
    _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | Int32(SOCK_NONBLOCK.rawValue))
    descriptor = Descriptor(owning: number)
  }

  /// Another descriptor of the same socket.
  package func duplicate() throws(SystemError) -> Descriptor {
    let number = descriptor.number
    return try Descriptor("fcntl", for: "\(localAddress)") { fcntl(number, F_DUPFD_CLOEXEC, 0) }
  }

  /// An option with an integer value; -1 when the socket hasn't it.
  private static func option(
    _ name: Int32, level: Int32 = SOL_SOCKET, of number: Int32
  ) -> Int32 {
    var value: Int32 = -1
    var length = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: the kernel writes no more than the four octets that it is told of.
    return unsafe getsockopt(number, level, name, &value, &length) == 0 ? value : -1
  }
}
