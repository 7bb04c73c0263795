import CEvent
import DNSWire
import Glibc

/// Room for a `sockaddr_in` or a `sockaddr_in6`, and the octets of it that are in use.
///
/// The offsets are those of the Linux ABI: family 0, port 2, IPv4 address 4, IPv6 address 8,
/// scope 24.
@safe
public struct KernelAddress {
  /// Octets that any of the two takes.
  public static let capacity = MemoryLayout<sockaddr_in6>.size
  @usableFromInline static let portOffset = 2
  @usableFromInline static let ipv4Offset = 4
  @usableFromInline static let ipv6Offset = 8
  @usableFromInline static let scopeOffset = 24

  private var storage = sockaddr_in6()
  private(set) var length: socklen_t

  package init(_ address: Endpoint) {
    length = 0
    // SAFETY: the storage holds `capacity` octets, which is what store(at:) needs.
    length = unsafe withUnsafeMutableBytes(of: &storage) {
      unsafe $0.baseAddress.map { unsafe address.store(at: $0) } ?? 0
    }
  }

  /// Lends the address to a call such as bind or connect.
  package func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    unsafe withUnsafePointer(to: storage) {
      // SAFETY: every sockaddr type begins with a family, by which the kernel tells them apart.
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }

  /// The address that a call such as getsockname gives; nil for another family or an error.
  package static func read(
    _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) -> Endpoint? {
    var storage = sockaddr_in6()
    var length = socklen_t(capacity)
    // SAFETY: the kernel writes at most `length` octets, the size of the storage, which is zeroed.
    return unsafe withUnsafeMutablePointer(to: &storage) { name in
      let result = unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe call($0, &length)
      }
      return result == 0 ? unsafe Endpoint(at: UnsafeRawPointer(name)) : nil
    }
  }
}

extension Endpoint {
  /// What a socket is bound to; nil for another family or an error.
  public init?(ofSocket number: Int32) {
    // SAFETY: the call writes no more than the length that it is given.
    guard let local = unsafe KernelAddress.read({ unsafe getsockname(number, $0, $1) })
    else { return nil }
    self = local
  }

  /// Reads a `sockaddr_in` or `sockaddr_in6`; nil for another family.
  ///
  /// `name` must point to `KernelAddress.capacity` readable octets.
  @unsafe @inlinable
  public init?(at name: UnsafeRawPointer) {
    let port = unsafe UInt16(
      bigEndian: name.loadUnaligned(fromByteOffset: KernelAddress.portOffset, as: UInt16.self))
    switch unsafe Int32(name.loadUnaligned(as: sa_family_t.self)) {
    case AF_INET:
      let address = unsafe name.loadUnaligned(
        fromByteOffset: KernelAddress.ipv4Offset, as: UInt32.self)
      self.init(IPAddress(v4: UInt32(bigEndian: address)), port: port)
    case AF_INET6:
      let scope = unsafe name.loadUnaligned(
        fromByteOffset: KernelAddress.scopeOffset, as: UInt32.self)
      unsafe self.init(
        IPAddress(ipv6At: name + KernelAddress.ipv6Offset), port: port, scope: scope)
    default:
      return nil
    }
  }

  /// Writes a `sockaddr_in` or `sockaddr_in6` and returns how many octets of it the kernel wants.
  ///
  /// `name` must point to `KernelAddress.capacity` writable octets.
  @unsafe @inlinable
  public func store(at name: UnsafeMutableRawPointer) -> socklen_t {
    unsafe name.storeBytes(
      of: port.bigEndian, toByteOffset: KernelAddress.portOffset, as: UInt16.self)
    if isIPv4 {
      unsafe name.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
      unsafe name.storeBytes(
        of: UInt32(truncatingIfNeeded: address.low).bigEndian,
        toByteOffset: KernelAddress.ipv4Offset, as: UInt32.self)
      unsafe name.storeBytes(of: 0, toByteOffset: KernelAddress.ipv6Offset, as: UInt64.self)
      return socklen_t(MemoryLayout<sockaddr_in>.size)
    }
    unsafe name.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
    // The flow label.
    unsafe name.storeBytes(of: 0, toByteOffset: KernelAddress.ipv4Offset, as: UInt32.self)
    unsafe address.store(ipv6At: name + KernelAddress.ipv6Offset)
    unsafe name.storeBytes(of: scope, toByteOffset: KernelAddress.scopeOffset, as: UInt32.self)
    return socklen_t(MemoryLayout<sockaddr_in6>.size)
  }

  package var family: Int32 { isIPv4 ? AF_INET : AF_INET6 }
}

extension IPAddress {
  /// Reads the 16 octets of an IPv6 address at `octets`.
  @unsafe @inlinable
  public init(ipv6At octets: UnsafeRawPointer) {
    self.init(
      v6High: unsafe UInt64(bigEndian: octets.loadUnaligned(as: UInt64.self)),
      low: unsafe UInt64(bigEndian: octets.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }

  /// Writes the 16 octets of the IPv6 address to `octets`.
  @unsafe @inlinable
  public func store(ipv6At octets: UnsafeMutableRawPointer) {
    unsafe octets.storeBytes(of: high.bigEndian, as: UInt64.self)
    unsafe octets.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
  }
}
