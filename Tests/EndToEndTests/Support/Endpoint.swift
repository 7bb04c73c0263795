import Foundation

/// An address with a port.
struct Endpoint: Hashable, CustomStringConvertible, Sendable {
  var address: String
  var port: UInt16

  init(_ address: String, _ port: UInt16) {
    self.address = address
    self.port = port
  }

  static func loopback(_ port: UInt16) -> Endpoint { Endpoint("127.0.0.1", port) }

  var isIPv6: Bool { address.contains(":") }
  var family: Int32 { isIPv6 ? AF_INET6 : AF_INET }

  /// The spelling of the command line.
  var description: String { isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

  /// Calls with the address in the form of the system's functions.
  func withSocketAddress<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    if isIPv6 {
      var value = sockaddr_in6()
      value.sin6_family = sa_family_t(AF_INET6)
      value.sin6_port = port.bigEndian
      unsafe inet_pton(AF_INET6, address, &value.sin6_addr)
      // SAFETY: a sockaddr_in6 is a sockaddr by the system's own convention.
      return unsafe withUnsafePointer(to: &value) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    var value = sockaddr_in()
    value.sin_family = sa_family_t(AF_INET)
    value.sin_port = port.bigEndian
    unsafe inet_pton(AF_INET, address, &value.sin_addr)
    // SAFETY: as above.
    return unsafe withUnsafePointer(to: &value) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// The endpoint that a system function wrote.
  init(_ storage: sockaddr_storage) {
    var storage = storage
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    if Int32(storage.ss_family) == AF_INET6 {
      // SAFETY: the family says which of the system's address structures the storage holds.
      port = unsafe withUnsafePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
          var address = unsafe $0.pointee.sin6_addr
          unsafe inet_ntop(AF_INET6, &address, &text, socklen_t(text.count))
          return unsafe UInt16(bigEndian: $0.pointee.sin6_port)
        }
      }
    } else {
      // SAFETY: as above.
      port = unsafe withUnsafePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          var address = unsafe $0.pointee.sin_addr
          unsafe inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
          return unsafe UInt16(bigEndian: $0.pointee.sin_port)
        }
      }
    }
    address = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
