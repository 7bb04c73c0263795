import DNSWire
import System

// What `check` finds beyond what is wrong with the words: what this host lacks, and what is perhaps not meant.

extension Configuration {
  /// Octets that the path of a Unix socket has at most (unix(7)).
  private static let longestSocketPath = 107
  /// Bits of a prefix that are fewer than any private network has: such a network is the internet's.
  private static let publicPrefix = (v4: 8, v6: 7)

  /// Looks for what a start on this host would stumble over.
  package func checkHost() throws(Mistakes) {
    var found: [Mistake] = []
    var user: SystemUser?
    if let value = values("user").first, let name = value.value.text {
      user = try? SystemUser(named: name)
      if user == nil {
        found.append(mistake("user", value, "this machine has no such user"))
      } else if user?.id == 0 {
        found.append(mistake("user", value, "that is root; leave it out to stay root"))
      }
    }
    let isOther = !Process.isRoot && user?.isCurrent == false
    for (key, value, path) in paths {
      if key == "control", path.utf8.count > Self.longestSocketPath {
        found.append(
          mistake(key, value, "the path of a socket has \(Self.longestSocketPath) octets at most"))
      } else if let fault = FolderCheck.fault(
        at: path, user: Process.isRoot ? user : nil,
        // Who checks a service's file as oneself has other rights.
        looksAtRights: Process.isRoot || user?.isCurrent == true && !isOther)
      {
        found.append(mistake(key, value, fault))
      }
    }
    guard found.isEmpty else { throw Mistakes(list: found) }
  }

  /// What is allowed, and perhaps not meant.
  package func warnings(on host: HostAddresses) -> [Mistake] {
    var found = missingListeners(on: host) + upstreamsOfInterfaces(on: host) + routeWarnings()
    found += values("allow").compactMap { value -> Mistake? in
      guard let network = value.value.network,
        network.prefixLength
          < (network.address.isIPv4 ? Self.publicPrefix.v4 : Self.publicPrefix.v6)
      else { return nil }
      return mistake(
        "allow", value,
        "the internet may ask then: an open resolver is used for attacks on others; name your own networks"
      )
    }
    if !Process.isRoot, values("user").isEmpty {
      for (key, value, path) in paths {
        if let fault = FolderCheck.fault(at: path) {
          found.append(mistake(key, value, "\(fault), if the server runs as you do"))
        }
      }
    }
    return found
  }

  /// Addresses and interfaces to listen on that this host doesn't have; they may come, or be a slip.
  private func missingListeners(on host: HostAddresses) -> [Mistake] {
    values("listen").compactMap { value in
      if let interface = value.value.interface, interface.addresses(on: host).isEmpty {
        return mistake(
          "listen", value,
          "this host has no such interface with an address now; the server would answer there once it has"
        )
      }
      guard let address = value.value.address, !host.has(address) else { return nil }
      return mistake(
        "listen", value,
        "this host does not have this address now; the server would answer there once it comes")
    }
  }

  /// Upstreams at an address of an interface that is listened on.
  private func upstreamsOfInterfaces(on host: HostAddresses) -> [Mistake] {
    let followed = values("listen").compactMap(\.value.interface).flatMap {
      $0.addresses(on: host)
    }
    let ofRoutes = values("routes").compactMap(\.value.item).flatMap { $0.values("upstream") }
      .map { (key: "routes[].upstream", value: $0) }
    return (values("upstream").map { (key: "upstream", value: $0) } + ofRoutes).compactMap {
      guard let address = $0.value.value.address, followed.contains(address) else { return nil }
      return mistake(
        $0.key, $0.value,
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
