import CEvent
import DNSWire
import Glibc
import System

extension DatagramSocket {
  /// How a socket is set up.
  public struct Options: Sendable {
    /// Octets that the kernel should hold for us while we are busy; 0 leaves the system's default.
    ///
    /// Without the privilege to go over the system's limit, the limit.
    public var receiveBuffer = 0
    /// Whether the address may be one that this host gets later (IP_FREEBIND).
    public var mayBeMissing = false
    /// SO_REUSEADDR: on Linux another socket of the same user can then take the port over.
    public var reuseAddress = false
    /// Datagrams read or sent in one system call.
    public var batchSize = 32
    /// Octets of a received datagram that are kept.
    public var receiveCapacity = 4096
    /// Octets of the largest reply.
    public var replyCapacity = 1232
    /// Replies that wait while the kernel's buffer is full, at least `batchSize`.
    public var replySlots = 128

    /// The defaults above, good for clients.
    public init() {}

    /// Whether the kernel is asked to tell the address that a datagram came to.
    ///
    /// A socket bound to one address knows it without.
    func tellsDestination(_ local: Endpoint) -> Bool { local.address.isUnspecified }
  }

  static func open(
    boundTo address: Endpoint, options: Options
  ) throws(SystemError) -> Descriptor {
    let purpose = "UDP on \(address)"
    let descriptor = try Descriptor.datagrams(for: address, purpose: purpose)
    if options.reuseAddress {
      try descriptor.setOption(SO_REUSEADDR, level: SOL_SOCKET, to: 1, purpose: purpose)
    }
    if options.receiveBuffer > 0, !forceReceiveBuffer(descriptor, options.receiveBuffer) {
      try descriptor.setOption(
        SO_RCVBUF, level: SOL_SOCKET, to: Int32(clamping: options.receiveBuffer), purpose: purpose)
    }
    try tellDestinations(descriptor, address, options)
    try descriptor.bind(to: address, mayBeMissing: options.mayBeMissing, purpose: purpose)
    return descriptor
  }

  /// Prepares a socket that was open and bound when the program started.
  static func adopt(
    _ inherited: InheritedSocket, options: Options
  ) throws(SystemError) -> Descriptor {
    // UNREACHABLE: sockets passed in are looked up by kind.
    precondition(inherited.kind == .udp)
    let descriptor = try inherited.duplicate()
    let address = inherited.localAddress
    // Who made the socket may have had the privilege; asking without it could make it smaller.
    if options.receiveBuffer > 0 { _ = forceReceiveBuffer(descriptor, options.receiveBuffer) }
    try descriptor.ignorePathNews(isIPv4: address.isIPv4, purpose: "UDP on \(address)")
    try tellDestinations(descriptor, address, options)
    return descriptor
  }

  /// Lets another socket that says the same be bound to the port, or no more (SO_REUSEADDR).
  ///
  /// Of two that are bound, the one with the narrower address has what is for it.
  public func setReuseAddress(_ isAllowed: Bool) {
    var value: Int32 = isAllowed ? 1 : 0
    // SAFETY: the kernel copies the four octets of `value`. It fails for closed sockets only.
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Bytes that the kernel holds for us while we are busy, in its own count; 0 once closed.
  public var receiveBuffer: Int {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // SAFETY: the kernel writes the four octets of `value` at most.
    let result = unsafe getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &value, &length)
    // It counts twice what it was asked for, for what it keeps beside the datagrams (socket(7)).
    return result == 0 ? Int(value) / 2 : 0
  }

  /// Sets the size whatever the system's limit (net.core.rmem_max); false without CAP_NET_ADMIN.
  private static func forceReceiveBuffer(_ descriptor: borrowing Descriptor, _ size: Int) -> Bool {
    do {
      try descriptor.setOption(
        SO_RCVBUFFORCE, level: SOL_SOCKET, to: Int32(clamping: size), purpose: "")
      return true
    } catch {
      return false
    }
  }

  private static func tellDestinations(
    _ descriptor: borrowing Descriptor, _ address: Endpoint, _ options: Options
  ) throws(SystemError) {
    guard options.tellsDestination(address) else { return }
    if address.isIPv4 {
      try descriptor.setOption(
        IP_PKTINFO, level: Int32(IPPROTO_IP), to: 1, purpose: "UDP on \(address)")
    } else {
      try descriptor.setOption(
        IPV6_RECVPKTINFO, level: Int32(IPPROTO_IPV6), to: 1, purpose: "UDP on \(address)")
    }
  }
}

extension Descriptor {
  /// Opens a UDP socket that exchanges datagrams with one address only, and hears of errors.
  ///
  /// - Parameter localPort: the port that it leaves from; 0 for one of the kernel's choice.
  static func datagrams(
    connectedTo address: Endpoint, localPort: UInt16
  ) throws(SystemError) -> Descriptor {
    let purpose = "UDP to \(address)"
    let descriptor = try datagrams(for: address, purpose: purpose)
    // Without it only a closed port is reported, not an unreachable host, and no payload.
    try descriptor.setOption(
      address.isIPv4 ? IP_RECVERR : IPV6_RECVERR,
      level: Int32(address.isIPv4 ? IPPROTO_IP : IPPROTO_IPV6), to: 1, purpose: purpose)
    if localPort != 0 {
      let local =
        Endpoint(address.isIPv4 ? IPAddress(v4: 0) : IPAddress(v6High: 0, low: 0), port: localPort)
      try descriptor.bind(to: local, purpose: "UDP from port \(localPort)")
    }
    let number = descriptor.number
    _ = try CallResult(retrying: {
      // SAFETY: the kernel copies the address before the call returns.
      unsafe KernelAddress(address).withPointer { unsafe Int(connect(number, $0, $1)) }
    }).value(call: "connect", purpose: purpose)
    return descriptor
  }

  /// Opens a UDP socket of an address's family; an IPv6 one doesn't include IPv4.
  fileprivate static func datagrams(
    for address: Endpoint, purpose: String
  ) throws(SystemError) -> Descriptor {
    let descriptor = try Descriptor(socket: SOCK_DGRAM, family: address.family, for: purpose)
    if !address.isIPv4 {
      try descriptor.setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), to: 1, purpose: purpose)
    }
    try descriptor.ignorePathNews(isIPv4: address.isIPv4, purpose: purpose)
    return descriptor
  }

  /// Has the socket believe nothing that it is told of the path's packet size.
  ///
  /// Such news comes in unauthenticated packets: with OMIT nobody can make us fragment smaller than the
  /// interface, and the size of DNS messages is limited already (draft-ietf-dnsop-avoid-fragmentation,
  /// RFC 9715 §3.1).
  fileprivate func ignorePathNews(isIPv4: Bool, purpose: String) throws(SystemError) {
    if isIPv4 {
      try setOption(
        IP_MTU_DISCOVER, level: Int32(IPPROTO_IP), to: IP_PMTUDISC_OMIT, purpose: purpose)
    } else {
      try setOption(
        IPV6_MTU_DISCOVER, level: Int32(IPPROTO_IPV6), to: IPV6_PMTUDISC_OMIT, purpose: purpose)
    }
  }
}
