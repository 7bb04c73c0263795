import DNSWire

/// Which group a client is in: the most exact of the networks that it is in decides.
public struct ClientGroups: Sendable, Equatable {
  /// The longest first.
  private var networks: [(network: IPNetwork, group: Int)] = []

  /// Groups at most, the default one included.
  public static let most = 32

  /// Has all clients in group 0.
  public init() {}

  /// Takes groups' networks; those of group 0, which all others are in, are none.
  public init(_ networks: [(network: IPNetwork, group: Int)]) {
    self.networks = networks.sorted { $0.network.prefixLength > $1.network.prefixLength }
  }

  /// The number of a client's group; 0 for one that is in none.
  public func group(of client: IPAddress) -> Int {
    for entry in networks where entry.network.contains(client) { return entry.group }
    return 0
  }

  /// Whether both have the same networks in the same groups.
  public static func == (one: ClientGroups, other: ClientGroups) -> Bool {
    one.networks.elementsEqual(other.networks) { $0 == $1 }
  }
}
