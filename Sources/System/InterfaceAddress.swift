import CEvent
import DNSWire
import Glibc

/// An address of one of this host's interfaces (getifaddrs(3)).
public struct InterfaceAddress: Hashable, Sendable {
  /// The interface's name, as `eth0`; labels of further addresses, as `eth0:1`, are cut.
  public let interface: String
  /// The address, with port 0.
  public let address: Endpoint
  /// How many leading bits all addresses of its network share.
  public let prefixLength: Int
  /// Whether the interface was switched on.
  public let isUp: Bool
  /// Whether the interface leads to one peer alone, as PPP and most tunnels do.
  public let isPointToPoint: Bool

  /// Describes an address.
  public init(
    interface: String, address: Endpoint, prefixLength: Int, isUp: Bool = true,
    isPointToPoint: Bool = false
  ) {
    self.interface = interface
    self.address = address
    self.prefixLength = prefixLength
    self.isUp = isUp
    self.isPointToPoint = isPointToPoint
  }

  /// The addresses that this host has now.
  ///
  /// Throws where the kernel doesn't tell, for want of a descriptor or of netlink.
  public static func all() throws(SystemError) -> [InterfaceAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    // SAFETY: the list is freed once, after everything in it has been copied; each address and mask is as
    // long as its family says, each name ends with a zero.
    _ = try CallResult(retrying: { unsafe Int(getifaddrs(&list)) })
      .value(call: "getifaddrs", purpose: "this host's addresses")
    defer { unsafe freeifaddrs(list) }
    var found: [InterfaceAddress] = []
    var entry = unsafe list
    while let current = unsafe entry {
      unsafe entry = current.pointee.ifa_next
      guard let name = unsafe current.pointee.ifa_addr, let label = unsafe current.pointee.ifa_name,
        let address = unsafe Endpoint(at: UnsafeRawPointer(name))
      else { continue }
      let mask = unsafe current.pointee.ifa_netmask.flatMap {
        unsafe Endpoint(at: UnsafeRawPointer($0))
      }
      let flags = unsafe current.pointee.ifa_flags
      found.append(
        InterfaceAddress(
          interface: String(unsafe String(cString: label).prefix { $0 != ":" }), address: address,
          prefixLength: mask.map(\.address).map { $0.high.nonzeroBitCount + $0.low.nonzeroBitCount }
            ?? (address.isIPv4 ? 32 : 128),
          isUp: flags & UInt32(IFF_UP) != 0,
          isPointToPoint: flags & UInt32(IFF_POINTOPOINT) != 0))
    }
    return found
  }
}

/// What this host's interfaces were like at one moment.
public struct HostAddresses: Sendable {
  /// The addresses of all interfaces.
  public let all: [InterfaceAddress]

  /// Reads them.
  ///
  /// Throws where they aren't told, which is not the same as that there are none.
  public init() throws(SystemError) { all = try InterfaceAddress.all() }

  /// Reads them; none where they aren't told, for who has nothing to lose by that.
  public static func asFarAsTold() -> HostAddresses { (try? HostAddresses()) ?? HostAddresses([]) }

  /// Takes them from the caller.
  public init(_ all: [InterfaceAddress]) { self.all = all }

  /// Whether one of the interfaces has an address, whatever its port.
  public func isOnInterface(_ address: Endpoint) -> Bool {
    all.contains { $0.address.isSameHost(as: address) }
  }

  /// Whether what is sent to an address gets to this host now.
  ///
  /// The kernel may take more addresses for its own than interfaces have, by its routes: those are found by
  /// binding a socket. Where it binds any address (net.ipv4.ip_nonlocal_bind), each counts as here.
  public func has(_ address: Endpoint) -> Bool {
    address.address.isUnspecified || address.address.isLoopback && address.isIPv4
      || isOnInterface(address) || Self.canBind(to: address)
  }

  private static func canBind(to address: Endpoint) -> Bool {
    guard let socket = try? Descriptor(socket: SOCK_DGRAM, family: address.family, for: "") else {
      return false
    }
    return (try? socket.bind(to: address.withPort(0), purpose: "")) != nil
  }
}
