import DNSWire
import System

/// The networks that this host's interfaces are in: what `local-networks` means in `allow`.
///
/// Private and unique-local networks are served anyway. These are for the global IPv6 addresses from which phones
/// ask at home, and for public IPv4 addresses on a LAN.
package struct LocalNetworks: Equatable, Sendable {
  /// The word for them in `allow`.
  package static let word = "local-networks"
  /// Most networks; a client that is in none is compared with all of them.
  package static let most = 64
  /// Fewest leading bits of a network that counts.
  ///
  /// No registry gives a site more than 2^24 IPv4 addresses or an IPv6 /32. Some tunnels have the whole of their
  /// world for a network, such as 2002::/16 of 6to4 or 200::/7 of Yggdrasil, and those are strangers.
  static let leastPrefix = (ipv4: 8, ipv6: 32)

  package private(set) var networks: [IPNetwork] = []
  /// Whether some were left out that nothing else in `allow` covers.
  package private(set) var isCut = false

  /// Finds the networks of every interface that is up, point-to-point links aside.
  ///
  /// - Parameter named: the networks in `allow`; where there are too many, local networks within those are left out.
  package init(of host: HostAddresses, besides named: [IPNetwork]) {
    let all = host.all.filter { $0.isUp && !$0.isPointToPoint }.compactMap(LocalNetworks.network)
    let added = all.filter { network in !named.contains { $0.contains(network) } }
    take(added)
    isCut = !added.allSatisfy(isServed)
    take(all)
  }

  private static func network(of entry: InterfaceAddress) -> IPNetwork? {
    let address = entry.address.address
    guard entry.prefixLength >= (address.isIPv4 ? leastPrefix.ipv4 : leastPrefix.ipv6) else {
      return nil
    }
    return IPNetwork(address, prefixLength: entry.prefixLength)
  }

  private func isServed(_ network: IPNetwork) -> Bool { networks.contains { $0.contains(network) } }

  /// Adds those that are in none of the others, as far as there is room.
  private mutating func take(_ found: [IPNetwork]) {
    for network in found where !isServed(network) {
      networks.removeAll { network.contains($0) }
      guard networks.count < LocalNetworks.most else { return }
      networks.append(network)
    }
  }

  /// These networks and all private ones.
  ///
  /// The internet doesn't route packets from private addresses, so their senders are near and not forged from afar.
  package var neighbourhood: [IPNetwork] {
    let local = IPNetwork.notGlobal
    return local + networks.filter { network in !local.contains { $0.contains(network) } }
  }

  /// The networks, separated by commas.
  package var text: String {
    networks.isEmpty ? "none" : networks.map(\.description).joined(separator: ",")
  }
}

extension Settings {
  /// The networks to answer while this host is in the given ones; none occurs twice.
  package func allowed(with local: LocalNetworks) -> [IPNetwork] {
    guard allowsLocalNetworks else { return allowed }
    return allowed
      + local.networks.filter { network in !allowed.contains { $0.contains(network) } }
  }
}
