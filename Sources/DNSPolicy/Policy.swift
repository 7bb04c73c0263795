import DNSWire
import Memory

/// What is decided about a name by the name alone: whether it is answered here, and else whose servers are asked.
///
/// Special zones and routes are in one table, and the longest match counts, so a miss looks once. In each of these
/// a route wins: a zone that is special and a route's, and the reverse zones of networks that a route names.
/// Nothing is allocated after it is made.
public struct Policy: ~Copyable {
  private let zones: ZoneSet
  /// What each zone of the set is.
  private let targets: FixedArray<Target>

  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Target: BitwiseCopyable {
    /// What is answered here; nothing when somebody is asked.
    var kind: SpecialZone.Kind?
    var route = RouteID.default
  }

  /// Puts rules together.
  public init(_ rules: PolicyRules) {
    let list = rules.list
    zones = ZoneSet(list.map(\.name))
    targets = FixedArray(list.map(\.target))
    hasRoutes = list.contains { $0.target.kind == nil && $0.target.route != .default }
  }

  /// Whether any name takes a route but the default one.
  public let hasRoutes: Bool

  /// Who answers for a name.
  public enum Decision: Sendable, BitwiseCopyable {
    /// This server does, whatever others would say.
    case local(LocalMatch)
    /// The servers of a route.
    case route(RouteID)

    /// The route that has the name; the default one, too, when no route has it.
    public var route: RouteID {
      switch self {
      case .local(let match): match.route
      case .route(let route): route
      }
    }
  }

  /// Where a name is that is answered here.
  public struct LocalMatch: Sendable, BitwiseCopyable {
    /// The zone's number, for ``Policy/name(_:)``.
    public let zone: Int
    /// What is answered in that zone.
    public let kind: SpecialZone.Kind
    /// Whether the name is the zone's own.
    public let isApex: Bool
    /// The route that has nobody to ask, if the zone is one's; else the default one.
    public let route: RouteID
  }

  /// Decides about a name.
  ///
  /// - Parameter name: wire form, uncompressed, lower-cased.
  public func decide(_ name: Span<UInt8>) -> Decision {
    guard let zone = zones.zone(of: name) else { return .route(.default) }
    let target = targets[zone]
    guard let kind = target.kind else { return .route(target.route) }
    let isApex = zones.name(zone).count == name.count
    return .local(LocalMatch(zone: zone, kind: kind, isApex: isApex, route: target.route))
  }

  /// Decides about a question.
  ///
  /// The DS RRset of a special zone is the parent zone's: signed proof that the zone is not (RFC 6303 §4,
  /// RFC 8375 §4). So it is for the default route.
  public func decide(_ name: Span<UInt8>, asked type: RecordType) -> Decision {
    let decision = decide(name)
    if type == .ds, case .local(let match) = decision, match.isApex, match.kind.isDelegated {
      return .route(.default)
    }
    return decision
  }

  /// The zone by which it is decided about a name; nothing when none matches.
  public func zone(of name: Span<UInt8>) -> Int? { zones.zone(of: name) }

  /// A zone's name in wire form, lower-cased.
  @_lifetime(borrow self)
  public func name(_ zone: Int) -> Span<UInt8> { zones.name(zone) }

  /// Whether what other rules brought into the cache for a name is no longer good.
  ///
  /// It is not when another domain matches the name than did before, or when nobody is asked any more. It is when
  /// the same domain has other servers, as data stays when `upstream` changes.
  public func invalidates(_ name: Span<UInt8>, of old: borrowing Policy) -> Bool {
    switch (zones.zone(of: name), old.zones.zone(of: name)) {
    case (nil, nil): return false
    case (let zone?, let before?):
      return targets[zone].kind != nil
        || !Policy.isSame(zones.name(zone), old.zones.name(before))
    default: return true
    }
  }

  private static func isSame(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    guard one.count == other.count else { return false }
    for index in one.indices where one[index] != other[index] { return false }
    return true
  }
}

extension SpecialZone.Kind {
  /// Whether the public DNS has a delegation for the zone, and so something to say of its DS.
  fileprivate var isDelegated: Bool { self == .empty || self == .loopbackReverse }
}
