import DNSWire

/// Those that share a limit: an IPv4 address, or the IPv6 network that one customer gets.
struct ClientNetwork: Hashable {
  private let high: UInt64
  private let low: UInt64

  init(_ address: IPAddress) {
    let address = address.unmapped
    high = address.high
    // fe80::/64 is everybody on the link, each with an address of its own.
    low = address.isIPv4 || address.high >> 54 == 0xFE80 >> 6 ? address.low : 0
  }
}
