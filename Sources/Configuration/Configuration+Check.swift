import DNSWire
import System

// What only `check` finds: what this host lacks, and settings that are allowed but perhaps not meant.

extension Configuration {
  /// Longest path of a Unix socket, in bytes (unix(7)).
  private static let longestSocketPath = 107
  /// Prefix lengths of the largest private networks; a shorter prefix takes in parts of the internet.
  private static let publicPrefix = (v4: 8, v6: 7)

  /// Throws what would keep a server from starting on this host.
  package func checkHost() throws(ConfigurationErrors) {
    var found: [ConfigurationError] = []
    var user: SystemUser?
    if let value = values("user").first, let name = value.value.text {
      user = try? SystemUser(named: name)
      if user == nil {
        found.append(value.error("user", "this machine has no such user"))
      } else if user?.id == 0 {
        found.append(value.error("user", "that is root; leave it out to stay root"))
      }
    }
    let isOther = !Process.isRoot && user?.isCurrent == false
    for (key, value, path) in paths {
      if key == "control", path.utf8.count > Self.longestSocketPath {
        found.append(
          value.error(key, "the path of a socket has \(Self.longestSocketPath) octets at most"))
      } else if let fault = FolderCheck.fault(
        at: path, user: Process.isRoot ? user : nil,
        // Rights are those of the user who checks; for another user they say nothing.
        looksAtRights: Process.isRoot || user?.isCurrent == true && !isOther)
      {
        found.append(value.error(key, fault))
      }
    }
    guard found.isEmpty else { throw ConfigurationErrors(all: found) }
  }

  /// Settings that are allowed, but perhaps not meant.
  package func warnings(on host: HostAddresses) -> [ConfigurationError] {
    var found = missingListeners(on: host) + upstreamsOfInterfaces(on: host) + routeWarnings()
    found += localWarnings()
    found += values("allow").compactMap { value -> ConfigurationError? in
      guard let network = value.value.network,
        network.prefixLength
          < (network.address.isIPv4 ? Self.publicPrefix.v4 : Self.publicPrefix.v6)
      else { return nil }
      return value.error(
        "allow",
        "the internet may ask then: an open resolver is used for attacks on others; name your own networks"
      )
    }
    if !Process.isRoot, values("user").isEmpty {
      for (key, value, path) in paths {
        if let fault = FolderCheck.fault(at: path) {
          found.append(value.error(key, "\(fault), if the server runs as you do"))
        }
      }
    }
    return found
  }

  /// Addresses and interfaces to listen on that this host doesn't have now.
  private func missingListeners(on host: HostAddresses) -> [ConfigurationError] {
    values("listen").compactMap { value in
      if let interface = value.value.interface, interface.addresses(on: host).isEmpty {
        return value.error(
          "listen",
          "this host has no such interface with an address now; the server would answer there once it has"
        )
      }
      guard let address = value.value.address, !host.has(address) else { return nil }
      return value.error(
        "listen",
        "this host does not have this address now; the server would answer there once it comes")
    }
  }

  /// Upstreams whose address an interface in `listen` has.
  private func upstreamsOfInterfaces(on host: HostAddresses) -> [ConfigurationError] {
    let followed = values("listen").compactMap(\.value.interface).flatMap {
      $0.addresses(on: host)
    }
    let ofRoutes = values("routes").compactMap(\.value.item).flatMap { $0.values("upstream") }
      .map { (key: "routes[].upstream", value: $0) }
    return (values("upstream").map { (key: "upstream", value: $0) } + ofRoutes).compactMap {
      guard let address = $0.value.value.address, followed.contains(address) else { return nil }
      return $0.value.error(
        $0.key,
        "an interface to listen on has this address; the server would not listen there, else it would ask itself"
      )
    }
  }

  private var paths: [(key: String, value: GivenValue, path: String)] {
    ["control", "cache.file"].compactMap { key in
      guard let value = values(key).first, let path = value.value.text else { return nil }
      return (key, value, path)
    }
  }
}
