import DNSWire
import Glibc

@testable import EventLoop
@testable import System

/// A port of 127.0.0.1 on which nobody listens, for as long as this lives.
///
/// It is held by a socket connected elsewhere: others get an ICMP error, and nobody can take it.
struct ClosedPort {
  let address: Endpoint
  private let holder: Client

  init(on loop: EventLoop) throws {
    let elsewhere = Endpoint(IPAddress(v4: 0x7f00_0001), port: 9)
    holder = try Client(on: loop, connectedTo: elsewhere, receiver: Inbox())
    address = holder.localAddress
  }
}

/// A link-local address of this machine, as "fe80::1%eth0".
func linkLocalAddress() -> String? {
  var list: UnsafeMutablePointer<ifaddrs>?
  // SAFETY: the list is freed once, after its names and addresses have been copied.
  guard unsafe getifaddrs(&list) == 0 else { return nil }
  defer { unsafe freeifaddrs(list) }
  var entry = unsafe list
  while let current = unsafe entry {
    unsafe entry = current.pointee.ifa_next
    guard let name = unsafe current.pointee.ifa_addr,
      unsafe Int32(name.pointee.sa_family) == AF_INET6,
      let address = unsafe Endpoint(at: UnsafeRawPointer(name)), address.address.isLinkLocalIPv6
    else { continue }
    return address.host
  }
  return nil
}

let hasIPv6 = unsafe access("/proc/net/if_inet6", R_OK) == 0
