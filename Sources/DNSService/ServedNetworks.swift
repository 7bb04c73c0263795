import DNSWire
import Memory

/// The networks whose clients are served, and which of them are local.
struct ServedNetworks: ~Copyable {
  /// The local ones come first.
  private let networks: FixedArray<IPNetwork>
  private let localCount: Int
  /// The network that the last client was in: the next one is likely to be there, too.
  private var recent = 0

  /// - Parameter local: networks that count as local, whether they are served or not.
  init(_ networks: [IPNetwork], local: [IPNetwork]) {
    func isLocal(_ network: IPNetwork) -> Bool { local.contains { $0.contains(network) } }
    let first = networks.filter(isLocal)
    self.networks = FixedArray(first + networks.filter { !isLocal($0) })
    localCount = first.count
  }

  /// Whether a client may ask anything.
  @inline(__always)
  mutating func contains(_ address: IPAddress) -> Bool {
    // Beyond the local ones there is no short way: the address may be in a local one as well.
    if recent < localCount && networks[recent].contains(address) { return true }
    return find(address)
  }

  /// Whether the client that ``contains(_:)`` was asked for last was in a local network.
  var wasLocal: Bool { recent < localCount }

  private mutating func find(_ address: IPAddress) -> Bool {
    for index in 0..<networks.count where networks[index].contains(address) {
      recent = index
      return true
    }
    return false
  }
}
