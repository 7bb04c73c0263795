import CEvent
import DNSWire
import Glibc

/// The one owner of an open file descriptor; closes it when it goes out of use.
package struct Descriptor: ~Copyable {
  package let number: Int32

  package init(owning number: Int32) {
    self.number = number
  }

  /// Opens one by a call that returns it, or -1.
  package init(
    _ call: StaticString, for purpose: @autoclosure () -> String, _ body: () -> Int32
  ) throws(SystemError) {
    let result = CallResult(retrying: { Int(body()) })
    self.init(owning: Int32(try result.value(call: call, purpose: purpose())))
  }

  /// Opens a socket that doesn't block and doesn't survive exec.
  package init(
    socket kind: __socket_type, family: Int32, protocol number: Int32 = 0,
    for purpose: @autoclosure () -> String
  ) throws(SystemError) {
    let kind = Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    try self.init("socket", for: purpose()) { socket(family, kind, number) }
  }

  deinit {
    // Not retried on EINTR: on Linux the descriptor is gone either way.
    _ = Glibc.close(number)
  }

  /// Hands the descriptor to another owner, without closing it.
  package consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// Binds a socket to an address.
  ///
  /// - Parameter mayBeMissing: whether an address that this host doesn't have is bound all the same, to serve
  ///   as soon as it comes. Only then: the kernel's refusal is what tells a wrong address from a right one.
  package func bind(
    to address: Endpoint, mayBeMissing: Bool = false, purpose: @autoclosure () -> String
  ) throws(SystemError) {
    let number = number
    func attempt() -> CallResult {
      CallResult(retrying: {
        // SAFETY: the kernel copies the address before the call returns.
        unsafe KernelAddress(address).withPointer { unsafe Int(Glibc.bind(number, $0, $1)) }
      })
    }
    var result = attempt()
    if mayBeMissing, case .failed(EADDRNOTAVAIL) = result {
      // ip(7) has the option for IPv4; the kernel's IPV6_FREEBIND is not in its manual.
      if address.isIPv4 {
        try setOption(IP_FREEBIND, level: Int32(IPPROTO_IP), to: 1, purpose: purpose())
      } else {
        try setOption(IPV6_FREEBIND, level: Int32(IPPROTO_IPV6), to: 1, purpose: purpose())
      }
      result = attempt()
    }
    _ = try result.value(call: "bind", purpose: purpose())
  }

  /// Sets a socket option with an integer value.
  package func setOption(
    _ name: Int32, level: Int32, to value: Int32, purpose: @autoclosure () -> String
  ) throws(SystemError) {
    var value = value
    // SAFETY: the kernel copies the four octets of `value` before the call returns.
    _ = try CallResult(retrying: {
      unsafe Int(setsockopt(number, level, name, &value, socklen_t(MemoryLayout<Int32>.size)))
    }).value(call: "setsockopt", purpose: purpose())
  }
}
