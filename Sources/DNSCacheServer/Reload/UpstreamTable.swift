import DNSResolver
import EventLoop

/// Which upstream has which of the resolver's places.
///
/// A place keeps its number for as long as anything in flight may refer to it: an upstream that goes leaves
/// it retired, and one that is new takes a place that was never used, or else the one retired for longest.
struct UpstreamTable {
  /// The upstream of each place that was ever used, or the last one that had it.
  private(set) var addresses: [SocketAddress]
  private var isPresent: [Bool]
  /// Places that are retired, the longest first.
  private var retired: [Int] = []

  /// What has to be done for other upstreams to be asked, in this order.
  struct Change: Equatable {
    /// Places of upstreams that are new there.
    var opened: [Int] = []
    /// Places whose upstreams come back.
    var revived: [Int] = []
    /// Places whose upstreams are asked no more.
    var retired: [Int] = []

    var isEmpty: Bool { opened.isEmpty && revived.isEmpty && retired.isEmpty }
  }

  init(_ upstreams: [SocketAddress]) {
    addresses = upstreams
    isPresent = upstreams.map { _ in true }
  }

  /// Finds places for other upstreams; those that stay keep theirs.
  ///
  /// There are at most half as many as places, so there is one for each.
  mutating func change(to upstreams: [SocketAddress]) -> Change {
    // UNREACHABLE: the check of the settings allows no more, and a list of none isn't taken over.
    precondition(upstreams.count <= Settings.mostUpstreams && !upstreams.isEmpty)
    var change = Change()
    change.retired = addresses.indices.filter {
      isPresent[$0] && !upstreams.contains(addresses[$0])
    }
    let present = Set(addresses.indices.filter { isPresent[$0] }.map { addresses[$0] })
    for upstream in upstreams where !present.contains(upstream) {
      if let place = retired.first(where: { addresses[$0] == upstream }) {
        retired.removeAll { $0 == place }
        isPresent[place] = true
        change.revived.append(place)
      } else {
        let place = freePlace()
        addresses[place] = upstream
        isPresent[place] = true
        change.opened.append(place)
      }
    }
    for place in change.retired {
      isPresent[place] = false
      retired.append(place)
    }
    return change
  }

  private mutating func freePlace() -> Int {
    if addresses.count < ResolverSettings.upstreamPlaces {
      addresses.append(SocketAddress(ipv4: 0, port: 0))
      isPresent.append(false)
      return addresses.count - 1
    }
    return retired.removeFirst()
  }
}
