import DNSPolicy
import DNSWire
import System

// What can be wrong with routes together, though each is right by itself.

extension Configuration {
  /// Special zones whose names are answered here, whatever the settings say (RFC 6761 §6.3 and §6.4, RFC 7686).
  private static let unroutable = ["localhost.", "invalid.", "onion."]

  /// The routes that were given.
  private var routeItems: [Item] { values("routes").compactMap(\.value.item) }

  /// Zones and servers that a route can't have, or that two routes have.
  func routes(_ settings: Settings, own: OwnEndpoints) -> [ConfigurationError] {
    let items = routeItems
    guard !items.isEmpty else { return [] }
    var found: [ConfigurationError] = []
    var zones: [Name: Int] = [:]
    for (number, item) in items.enumerated() {
      for value in item.values("domains") {
        guard let domain = value.value.domain else { continue }
        if let fault = Configuration.fault(of: domain) ?? take([domain], &zones, number) {
          found.append(value.error("routes[].domains", fault))
        }
      }
      for value in item.values("networks") {
        guard let network = value.value.network else { continue }
        if let fault = take(network.reverseZones, &zones, number) {
          found.append(value.error("routes[].networks", fault))
        }
      }
    }
    if let value = values("routes").dropFirst(RouteID.most).first {
      found.append(
        value.error(
          "routes", "there are \(items.count), and \(RouteID.most) is the most; leave some out"))
    } else if zones.count > Route.mostZones, let value = values("routes").first {
      found.append(
        value.error(
          "routes",
          "routes have \(zones.count) zones, and \(Route.mostZones) is the most; name larger ones"))
    }
    return found + servers(items, settings, own: own)
  }

  static func fault(of domain: Name) -> String? {
    if domain.labelCount == 0 {
      return "that is the default route; its servers are `upstream`"
    }
    if IPAddress(String("\(domain)".dropLast())) != nil {
      return "an address, not a domain; its reverse name belongs to networks"
    }
    for zone in unroutable {
      if let name = try? Name(zone), domain.isSubdomain(of: name) {
        return "names in \(zone.dropLast()) are always answered here; no route can have them"
      }
    }
    return nil
  }

  /// Notes the zones of a route.
  ///
  /// - Returns: what to say when one of them is a route's already.
  private func take(_ new: [Name], _ zones: inout [Name: Int], _ route: Int) -> String? {
    var other: Int?
    for zone in new {
      other = zones[zone] ?? other
      zones[zone] = zones[zone] ?? route
    }
    guard let other else { return nil }
    return other == route
      ? "stands in the route twice; name it once"
      : "has a route already; name it in one of them"
  }

  /// Servers that can't be asked, that have other options elsewhere, or that are too many.
  private func servers(
    _ items: [Item], _ settings: Settings, own: OwnEndpoints
  ) -> [ConfigurationError] {
    let key = "routes[].upstream"
    var found: [ConfigurationError] = []
    var known: [Endpoint: UpstreamServer] = [:]
    for server in values("upstream").compactMap(\.value.server) {
      known[server.address] = known[server.address] ?? server
    }
    let room = Settings.mostServers
    var count = settings.isUpstreamExplicit ? known.count : Settings.systemServers
    for item in items {
      var here: Set<Endpoint> = []
      for value in item.values("upstream") {
        guard let server = value.value.server else { continue }
        if let fault = Configuration.fault(ofServer: server.address, own) {
          found.append(value.error(key, fault))
        } else if !here.insert(server.address).inserted {
          found.append(value.error(key, "stands in the list twice; name it once"))
        } else if here.count == Settings.mostUpstreams + 1 {
          found.append(
            value.error(key, "\(Settings.mostUpstreams) is the most of one route; leave some out")
          )
        } else if let other = known[server.address] {
          guard other != server else { continue }
          found.append(
            value.error(
              key,
              "this server stands elsewhere as \(other); a server has the same options everywhere"
            ))
        } else {
          known[server.address] = server
          count += 1
          if count == room + 1 {
            found.append(
              value.error(
                key,
                "with those of `upstream`\(settings.isUpstreamExplicit ? "" : " (\(Settings.systemServers) for the system's)") there are more than \(room) servers, which is the most; leave some out"
              ))
          }
        }
      }
    }
    return found
  }

  /// Why a server at this address can't be asked; nil if it can.
  static func fault(ofServer address: Endpoint, _ own: OwnEndpoints) -> String? {
    if address.port == 0 || address.address.isUnspecified {
      return "no server can be there; name its address and port"
    }
    guard let listener = own.namedListener(at: address) else { return nil }
    let place = listener == address ? "there" : "on \(listener), which includes that address,"
    return "this server listens \(place) itself; name another server"
  }

  // MARK: Allowed, but perhaps not meant

  /// Empty lists of servers, and settings of `names` that have no effect because of a route.
  func routeWarnings() -> [ConfigurationError] {
    var found: [ConfigurationError] = []
    for item in routeItems {
      guard let upstream = item["upstream"], upstream.isEmptyList else { continue }
      found.append(
        ConfigurationError(
          origin: upstream.origin,
          message:
            "routes[].upstream: an empty list: nobody is asked, and the names don't exist; if that is meant, write none"
        ))
    }
    let zones = Set(routeItems.flatMap { RouteRule($0).route.zones })
    for key in ["names.forward-special", "names.answer-special"] {
      for value in values(key) {
        let named = NameRules.zones(value.text)
        guard !named.isEmpty, named.allSatisfy({ zones.contains($0.name) }) else { continue }
        found.append(
          value.error(key, "is needless; a route has this zone, and the route counts"))
      }
    }
    return found
  }
}
