import Glibc
import System

@testable import EventLoop

extension EventLoop {
  /// Turns the loop until the condition holds; false when that takes longer than the deadline.
  func turn(within milliseconds: UInt64 = 10_000, until condition: () -> Bool) throws -> Bool {
    let deadline = EventLoop.now() + milliseconds
    // Keeps a turn from waiting for ever when nothing else happens.
    let ticker = Timer(on: self) {}
    ticker.schedule(every: 5)
    defer { ticker.cancel() }
    while !condition() {
      guard EventLoop.now() < deadline else { return false }
      try runOnce(blocking: true)
    }
    return true
  }

  /// Makes a number of turns that don't wait.
  func spin(_ turns: Int) throws {
    for _ in 0..<turns { try runOnce() }
  }
}

/// A counter that closures share.
final class Count {
  var value = 0
}

/// How many descriptors the process has open.
///
/// Other tests run at the same time: only a difference of dozens tells something, and only one that stays.
func openDescriptors() -> Int {
  // SAFETY: the directory is closed once, and an entry is only tested for being there.
  guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
  defer { unsafe closedir(directory) }
  var count = 0
  while unsafe readdir(directory) != nil { count += 1 }
  return count
}

/// A port of 127.0.0.1 on which nobody listens, for as long as this lives.
///
/// It is held by a socket connected elsewhere: others get an ICMP error, and nobody can take it.
struct ClosedPort {
  let address: SocketAddress
  private let holder: DatagramSocket

  init(on loop: EventLoop) throws {
    let elsewhere = SocketAddress(ipv4: 0x7f00_0001, port: 9)
    holder = try DatagramSocket(on: loop, connectedTo: elsewhere, receiver: nobody)
    address = holder.localAddress
  }

  private let nobody = DatagramReceiver()
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
      let address = unsafe SocketAddress(at: UnsafeRawPointer(name)), address.isLinkLocalIPv6
    else { continue }
    return address.host
  }
  return nil
}

let hasIPv6 = unsafe access("/proc/net/if_inet6", R_OK) == 0

extension Array where Element == UInt8 {
  init(_ span: Span<UInt8>) {
    // SAFETY: the octets are copied.
    self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
  }
}
