import CEvent
import Glibc
import Memory
import System

/// Calls its owner when this host's links, addresses or routes have changed (rtnetlink(7)).
///
/// Changes come in bursts: the first is told after a tenth of a second, those that come soon after it
/// together.
@safe
public final class NetworkWatch {
  /// Milliseconds between the first change and the call.
  static let delay: UInt64 = 100
  /// Milliseconds from one call to the next at least.
  static let pause: UInt64 = 300
  /// Octets of one read; the kernel's messages are smaller than 8 KiB (netlink(7)).
  private static let bufferSize = 16_384
  /// Reads in one tick of the loop.
  private static let readsPerTick = 16

  /// How often something changed, as far as the owner was told.
  public private(set) var changes: UInt64 = 0

  private let descriptor: Descriptor
  private let event: LoopEvent
  private let buffer: UnsafeMutablePointer<UInt8>
  private let action: () -> Void
  private var seen = NetworkChanges()
  private var timer: Timer?
  /// When the owner was called last.
  private var calledAt: UInt64?

  /// Begins to watch; `action` is called on the loop's thread.
  ///
  /// Throws where the kernel has no netlink or forbids it, as in some containers.
  public init(on loop: EventLoop, action: @escaping () -> Void) throws(SystemError) {
    let descriptor = try Self.open()
    let number = descriptor.number
    self.action = action
    self.descriptor = descriptor
    unsafe buffer = .allocate(capacity: Self.bufferSize)
    event = LoopEvent(on: loop)
    // SAFETY: the callback gets self, of the type that it says.
    unsafe event.assign(EV_READ | EV_PERSIST, of: number, to: self) { _, _, context in
      unsafe LoopEvent.call(context) { (watch: NetworkWatch) in watch.becameReadable() }
    }
    timer = Timer(on: loop) { [unowned self] in call() }
    try event.add(for: "changes of the network")
  }

  deinit {
    event.remove()
    // SAFETY: nothing is read to the buffer any more.
    unsafe buffer.deallocate()
  }

  private static func open() throws(SystemError) -> Descriptor {
    let purpose = "changes of the network"
    let descriptor = try Descriptor(
      socket: SOCK_RAW, family: AF_NETLINK, protocol: NETLINK_ROUTE, for: purpose)
    var address = sockaddr_nl()
    address.nl_family = sa_family_t(AF_NETLINK)
    address.nl_groups = UInt32(
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE
        | RTMGRP_IPV6_ROUTE)
    let number = descriptor.number
    _ = try CallResult(retrying: {
      // SAFETY: a sockaddr_nl is a sockaddr by the system's own convention; the kernel copies it.
      unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe Int(bind(number, $0, socklen_t(MemoryLayout<sockaddr_nl>.size)))
        }
      }
    }).value(call: "bind", purpose: purpose)
    return descriptor
  }

  private func becameReadable() {
    var hasChanged = false
    reading: for _ in 0..<Self.readsPerTick {
      switch receive() {
      case .done(let count):
        // SAFETY: the kernel wrote that many octets.
        if unsafe seen.read(Span(_unsafeStart: buffer, count: count)) { hasChanged = true }
      case .wouldBlock: break reading
      // ENOBUFS: so much happened that some of it was lost.
      case .failed: hasChanged = true
      }
    }
    guard hasChanged, timer?.isScheduled == false else { return }
    let now = EventLoop.now()
    let earliest = max(now + Self.delay, calledAt.map { $0 + Self.pause } ?? 0)
    timer?.schedule(after: earliest - now)
  }

  /// Reads one datagram of the kernel's; those that other programs sent are empty.
  private func receive() -> CallResult {
    let number = descriptor.number
    var sender = sockaddr_nl()
    var length = socklen_t(MemoryLayout<sockaddr_nl>.size)
    let result = CallResult(retrying: {
      // SAFETY: the kernel writes no more than the lengths that it is given.
      unsafe withUnsafeMutablePointer(to: &sender) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe recvfrom(number, buffer, Self.bufferSize, 0, $0, &length)
        }
      }
    })
    if case .done = result, sender.nl_pid != 0 { return .done(0) }
    return result
  }

  private func call() {
    calledAt = EventLoop.now()
    changes += 1
    action()
  }
}
