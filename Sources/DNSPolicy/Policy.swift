import DNSWire
import Memory

/// What is decided about a name by the name alone: whether it is answered here, and else whose servers are asked.
///
/// Special zones and routes are in one table, and the longest match counts, so a miss looks once. In each of these
/// a route wins: a zone that is special and a route's, and the reverse zones of networks that a route names.
/// Nothing is allocated after it is made.
public struct Policy: ~Copyable {
  private var zones: ZoneSet
  /// What each zone of the set is.
  private var targets: FixedArray<Target>

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
  public private(set) var hasRoutes: Bool

  /// How often there were other rules, modulo 2¹⁶: the cache marks with it by which rules data came.
  public private(set) var generation: UInt16 = 0
  /// The rules before, the latest last; see ``replace(with:)``.
  private var replaced: [Pinned<Policy>] = []

  deinit { for policy in replaced { policy.destroy() } }

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
  /// RFC 8375 §4). So it is asked where the parent's name is.
  public func decide(_ name: Span<UInt8>, asked type: RecordType) -> Decision {
    let decision = decide(name)
    if type == .ds, case .local(let match) = decision, match.isApex, match.kind.isDelegated {
      return decide(name.extracting(Int(name[0]) + 1..<name.count))
    }
    return decision
  }

  /// The zone by which it is decided about a name; nothing when none matches.
  public func zone(of name: Span<UInt8>) -> Int? { zones.zone(of: name) }

  /// A zone's name in wire form, lower-cased.
  @_lifetime(borrow self)
  public func name(_ zone: Int) -> Span<UInt8> { zones.name(zone) }

  // MARK: Data that came by other rules

  /// The domain by which a name takes its route, in wire form; empty for the default route and for what is
  /// answered here.
  @_lifetime(borrow self)
  public func routeDomain(of name: Span<UInt8>) -> Span<UInt8> {
    guard let zone = zones.zone(of: name), targets[zone].kind == nil else { return Span() }
    return zones.name(zone)
  }

  /// All of these domains.
  public var routeDomains: [Name] {
    (0..<zones.count).compactMap { zone in
      targets[zone].kind == nil ? try? Name(wire: zones.name(zone)) : nil
    }
  }

  /// Whether data of a name is good that came while it took its route by some domain.
  ///
  /// It is when the same domain has other servers now, as data stays when `upstream` changes. It is not when
  /// another domain matches than did before, or when nobody is asked any more.
  public func keeps(_ name: Span<UInt8>, cameBy domain: Span<UInt8>) -> Bool {
    guard let zone = zones.zone(of: name) else { return domain.isEmpty }
    return targets[zone].kind == nil && Policy.isSame(zones.name(zone), domain)
  }

  /// Whether data of a name is good that came by the rules of a generation; not when they are forgotten.
  public func keeps(_ name: Span<UInt8>, since generation: UInt16) -> Bool {
    let age = Int(self.generation &- generation)
    guard age > 0 else { return true }
    guard age <= replaced.count else { return false }
    return keeps(name, cameBy: replaced[replaced.count - age].value.routeDomain(of: name))
  }

  /// Whether a name took its route by another domain before the rules were replaced last.
  public func hasMoved(_ name: Span<UInt8>) -> Bool {
    guard let old = replaced.last else { return false }
    return !keeps(name, cameBy: old.value.routeDomain(of: name))
  }

  /// Rules before that are remembered at most; of what came by still earlier ones nothing is good.
  private static let mostReplaced = 16

  /// Takes over other rules, and remembers these until no data is left that came by them.
  public mutating func replace(with rules: PolicyRules) {
    var old = Policy(rules)
    swap(&zones, &old.zones)
    swap(&targets, &old.targets)
    swap(&hasRoutes, &old.hasRoutes)
    generation &+= 1
    if replaced.count == Policy.mostReplaced {
      replaced.removeFirst().destroy()
    }
    replaced.append(Pinned(old))
  }

  /// Forgets the rules from before a generation: what is in the cache has come by that one, or later.
  public mutating func forget(before generation: UInt16) {
    let kept = Int(self.generation &- generation)
    guard kept <= replaced.count else { return }
    for policy in replaced.dropLast(kept) { policy.destroy() }
    replaced = replaced.suffix(kept)
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
