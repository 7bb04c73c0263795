import DNSWire

/// What a ``Policy`` is made from.
public struct PolicyRules: Sendable {
  /// Those beside the default route; ``RouteID/init(index:)`` numbers them.
  public var routes: [Route]
  /// The zones that are answered here as special-use names.
  public var specialZones: [SpecialZone]
  /// The LAN's own.
  public var localZones: [LocalZone]
  /// The domain that hosts of the LAN are in: a static zone, unless a route has the very same name.
  public var localDomain: Name?
  /// Whether names of one label that nobody here knows don't exist: addresses are not asked for then.
  public var deniesOneLabel: Bool
  /// Seconds for which it may be kept that a name of the LAN has no data; nothing when there is no local data, so
  /// that nothing may appear.
  public var negativeTTL: UInt32?

  /// Takes rules.
  public init(
    routes: [Route] = [], specialZones: [SpecialZone] = [], localZones: [LocalZone] = [],
    localDomain: Name? = nil, deniesOneLabel: Bool = false, negativeTTL: UInt32? = nil
  ) {
    self.routes = routes
    self.specialZones = specialZones
    self.localZones = localZones
    self.localDomain = localDomain
    self.deniesOneLabel = deniesOneLabel
    self.negativeTTL = negativeTTL
  }

  /// All zones with what is done in them; of equal ones the first counts.
  ///
  /// So a local zone goes before a route, a route before ``localDomain``, and all of them before a special zone.
  var list: [(name: Name, target: Policy.Target)] {
    let delegated = SpecialZone.registry.filter(\.isDelegated).map(\.name)
    var list = localZones.prefix(LocalZone.most).enumerated().map { index, zone in
      var target = target(of: zone, at: index)
      target.isDelegated = delegated.contains(zone.name)
      return (zone.name, target)
    }
    list += routeTargets
    if let localDomain {
      let isDelegated = delegated.contains(localDomain)
      list.append(
        (localDomain, Policy.Target(action: .local(.static), isDelegated: isDelegated)))
    }
    // RFC 6303 has local reverse zones answered here so that nobody else is asked. Who names a network has
    // somebody to ask about all of it.
    let reverseZones = ZoneSet(routes.flatMap(\.networks).flatMap(\.reverseZones))
    for zone in specialZones {
      let name = zone.name.lowercased.wire
      if zone.group == SpecialZone.reverseGroup, reverseZones.zone(of: name.span) != nil {
        continue
      }
      list.append(
        (
          zone.name,
          Policy.Target(
            action: .special(zone.kind), isFinal: zone.isFinal, isDelegated: zone.isDelegated)
        ))
    }
    return list
  }

  private var routeTargets: [(Name, Policy.Target)] {
    routes.prefix(RouteID.most).enumerated().flatMap { index, route in
      let target = Policy.Target(
        action: route.isEmpty ? .special(.absent) : .ask, route: RouteID(index: index))
      return route.zones.map { ($0, target) }
    }
  }

  /// What is done in a local zone: in a transparent one the route is asked that has the names above it.
  private func target(of zone: LocalZone, at index: Int) -> Policy.Target {
    guard zone.kind == .transparent else { return Policy.Target(action: .local(zone.kind)) }
    let above = routeTargets.filter { zone.name.isSubdomain(of: $0.0) && $0.1.action == .ask }
    let route = above.max { $0.0.labelCount < $1.0.labelCount }?.1.route ?? .default
    return Policy.Target(
      action: .ask, route: route, without: zone.without.isEmpty ? nil : UInt16(index))
  }
}
