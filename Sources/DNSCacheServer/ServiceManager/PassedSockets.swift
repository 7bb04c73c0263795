import Control
import DNSWire
import System

/// The sockets that a service manager opened before it started the program (sd_listen_fds(3)).
///
/// They stay open until the end: an address that a reload takes away and another brings back is theirs
/// again.
struct PassedSockets {
  /// The number of the first descriptor that is passed, SD_LISTEN_FDS_START.
  private static let first: Int32 = 3
  /// Sockets taken at most; nobody listens on so many addresses.
  static let limit = 256

  private var sockets: [InheritedSocket] = []

  /// None.
  init() {}

  /// Takes over so many descriptors.
  ///
  /// - Parameters:
  ///   - count: the value of LISTEN_FDS.
  ///   - names: the value of LISTEN_FDNAMES, with colons between them; for messages.
  init(count: String?, names: String?) throws(StartupError) {
    guard let count else { return }
    guard let number = Int32(count), (0...Int32(Self.limit)).contains(number) else {
      throw StartupError(.usage, "LISTEN_FDS=\(count): not a number from 0 to \(Self.limit)")
    }
    let names = names?.split(separator: ":", omittingEmptySubsequences: false) ?? []
    for index in 0..<number {
      let name = Int(index) < names.count ? " (\(names[Int(index)]))" : ""
      let what = "socket \(Self.first + index)\(name) of the service manager"
      let socket: InheritedSocket
      do {
        socket = try InheritedSocket(number: Self.first + index)
      } catch {
        throw StartupError(.usage, "\(what) \(Self.reason(error))")
      }
      if let twin = self.socket(socket.kind, at: socket.localAddress) {
        throw StartupError(
          .usage, "\(what) is on \(twin.localAddress), as another one is; remove ReusePort=")
      }
      sockets.append(socket)
    }
  }

  /// The addresses of the sockets, each once, in the order in which they were passed.
  var addresses: [Endpoint] {
    sockets.reduce(into: []) { list, socket in
      if !list.contains(socket.localAddress) { list.append(socket.localAddress) }
    }
  }

  /// The socket that is bound to an address.
  func socket(_ kind: InheritedSocket.Kind, at address: Endpoint) -> InheritedSocket? {
    sockets.first { $0.kind == kind && $0.localAddress == address }
  }

  /// Throws when a socket is at none of the addresses that are listened on: its clients would get no
  /// answer, and nobody would know why.
  func checkAll(areAmong listening: [Endpoint]) throws(StartupError) {
    guard let stray = addresses.first(where: { !listening.contains($0) }) else { return }
    throw StartupError(
      .usage,
      "the service manager passed a socket on \(stray), which is not among the addresses to listen on; add it, name no address at all to use those of the sockets, or remove it from the socket unit"
    )
  }

  /// What is wrong with a socket, and what to do.
  private static func reason(_ refusal: InheritedSocket.Refusal) -> String {
    switch refusal {
    case .notASocket: "is not a socket; LISTEN_FDS is wrong"
    case .otherFamily:
      "is neither IPv4 nor IPv6; use ListenDatagram= and ListenStream= with addresses and ports"
    case .otherProtocol:
      "is neither UDP nor TCP; use ListenDatagram= and ListenStream= with addresses and ports"
    case .connected: "is a connection; set Accept=no in the socket unit"
    case .notListening: "is a TCP socket on which nobody listens; use ListenStream="
    case .bothFamilies:
      "takes IPv4 beside IPv6; set BindIPv6Only=ipv6-only in the socket unit and add 0.0.0.0 with the same port"
    case .unbound: "is bound to no port; name one in the socket unit"
    }
  }
}
