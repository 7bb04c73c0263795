import DNSWire

/// What a ``Policy`` is made from.
public struct PolicyRules: Sendable {
  /// Those beside the default route; ``RouteID/init(index:)`` numbers them.
  public var routes: [Route]
  /// The zones that are answered here.
  public var specialZones: [SpecialZone]

  /// Takes rules.
  public init(routes: [Route] = [], specialZones: [SpecialZone] = []) {
    self.routes = routes
    self.specialZones = specialZones
  }

  /// All zones with what is done in them; of equal ones the first counts.
  var list: [(name: Name, target: Policy.Target)] {
    var list: [(name: Name, target: Policy.Target)] = []
    for (index, route) in routes.prefix(RouteID.most).enumerated() {
      let target = Policy.Target(
        kind: route.isEmpty ? .absent : nil, route: RouteID(index: index))
      list += route.zones.map { ($0, target) }
    }
    // RFC 6303 has local reverse zones answered here so that nobody else is asked. Who names a network has
    // somebody to ask about all of it.
    let reverseZones = ZoneSet(routes.flatMap(\.networks).flatMap(\.reverseZones))
    for zone in specialZones {
      let name = zone.name.lowercased.wire
      if zone.group == SpecialZone.reverseGroup, reverseZones.zone(of: name.span) != nil {
        continue
      }
      list.append((zone.name, Policy.Target(kind: zone.kind)))
    }
    return list
  }
}
