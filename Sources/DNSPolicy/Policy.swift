import DNSWire
import Memory

/// What is decided about a name by the name alone: whether it is answered here, and else whose servers are asked.
///
/// Special zones, local zones and routes are in one table, and the longest match counts, so a miss looks once. The
/// order of precedence, the first that applies (who asks, ``NameFilter`` comes between 2 and 3):
///
/// 1. special-use names that mean the same everywhere: `localhost`, `invalid`, `onion` (``SpecialZone/isFinal``);
/// 2. the LAN's own records of that very name (``LocalData``): it is local for all types then;
/// 3. a wildcard of the LAN's own that stands for it;
/// 4. the deepest of local zones, routes and other special zones; of equal ones a local zone, then a route, then
///    the local domain (``PolicyRules/list``);
/// 5. for the address of a name of one label: there is none (``PolicyRules/deniesOneLabel``);
/// 6. the default route.
///
/// Nothing is allocated after it is made, but by local data, which has its own memory.
public struct Policy: ~Copyable {
  private var rules: Rules
  /// What the LAN knows itself; it stays when rules are replaced.
  public let local: Pinned<LocalData>
  /// Which names are blocked for whom; it stays when rules are replaced.
  public let filter: Pinned<NameFilter>

  // Not private: the compiler cannot lay out a generic over it from another module then.
  struct Target: BitwiseCopyable {
    var action = Action.ask
    /// Whose servers are asked; for a special zone, the route that has nobody to ask, if it is one's.
    var route = RouteID.default
    /// Whether local data changes nothing.
    var isFinal = false
    /// Whether the public DNS has a delegation for the zone, and so something to say of its DS.
    var isDelegated = false
    /// The zone among ``PolicyRules/localZones`` that takes types away.
    var without: UInt16?
  }

  enum Action: Equatable, BitwiseCopyable {
    case ask
    case special(SpecialZone.Kind)
    case local(LocalZone.Kind)
  }

  /// Rules made ready for looking up.
  struct Rules: ~Copyable {
    let zones: ZoneSet
    /// What each zone of the set is.
    let targets: FixedArray<Target>
    let hasRoutes: Bool
    let deniesOneLabel: Bool
    let negativeTTL: UInt32?
    /// The types that local zones take away, as many places for each.
    let without: FixedArray<UInt16>

    init(_ rules: PolicyRules) {
      let list = rules.list
      zones = ZoneSet(list.map(\.name))
      targets = FixedArray(list.map(\.target))
      hasRoutes = list.contains { $0.target.action == .ask && $0.target.route != .default }
      deniesOneLabel = rules.deniesOneLabel
      negativeTTL = rules.negativeTTL
      without = FixedArray(
        rules.localZones.flatMap { zone in
          let types = zone.without.prefix(LocalZone.mostWithout).map(\.rawValue)
          return types + Array(repeating: 0, count: LocalZone.mostWithout - types.count)
        })
    }

    /// Whether names in a zone have no records of a type.
    func isWithout(_ type: RecordType, _ target: Target) -> Bool {
      guard let zone = target.without, type.rawValue != 0 else { return false }
      let first = Int(zone) * LocalZone.mostWithout
      for index in first..<first + LocalZone.mostWithout {
        if without[index] == type.rawValue { return true }
        if without[index] == 0 { return false }
      }
      return false
    }
  }

  /// Puts rules together, with no local data yet.
  ///
  /// - Parameters:
  ///   - localOctets: room for local data.
  ///   - seed: a secret that names of local data are hashed with.
  public init(_ rules: PolicyRules, localOctets: Int = LocalData.usualOctets, seed: HashSeed) {
    self.rules = Rules(rules)
    // Apart: what is borrowed for a call is copied, and this would be most of it.
    local = Pinned(LocalData(octets: localOctets, seed: seed))
    filter = Pinned(NameFilter(hasher: NameHasher(seed.mix(0, 1), seed.mix(1, 2))))
  }

  /// Whether any name takes a route but the default one.
  public var asksSeveral: Bool { rules.hasRoutes }

  /// Whether any name takes a route but the default one, or is answered here that others may speak of.
  public var hasRoutes: Bool { rules.hasRoutes || local.value.nameCount > 0 }

  /// Seconds for which it may be kept that a name of the LAN has no data; nothing without local data.
  public var negativeTTL: UInt32? { rules.negativeTTL }

  /// How often there were other rules, modulo 2¹⁶: the cache marks with it by which rules data came.
  public private(set) var generation: UInt16 = 0
  /// The rules before, the latest last; see ``replace(with:)``.
  private var replaced: [Pinned<Rules>] = []

  deinit {
    for rules in replaced { rules.destroy() }
    local.destroy()
    filter.destroy()
  }

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

    /// Whether no list may block the name.
    public var goesBeforeLists: Bool {
      if case .local(let match) = self { match.goesBeforeLists } else { false }
    }
  }

  /// What is answered here for a name.
  public struct LocalMatch: Sendable, BitwiseCopyable {
    /// What is answered.
    public enum Answer: Sendable, BitwiseCopyable {
      /// What a special zone has.
      case special(SpecialZone.Kind)
      /// What local data has of a name: the very one, a wildcard, or the zone that it is redirected to.
      case records(LocalName)
      /// The name exists and has no data of the type.
      case noData
      /// The name does not exist.
      case nxDomain
    }

    /// What is answered.
    public let answer: Answer
    /// The number of the zone that the name is in, for ``Policy/name(_:)``; nothing when it is in none, or has records
    /// of the LAN's own: see ``Policy/placed(_:_:)``.
    public let zone: Int?
    /// Whether the name is the zone's own.
    public let isApex: Bool
    /// The route that has nobody to ask, if the zone is one's; else the default one.
    public let route: RouteID
    /// Whether no list may block the name: records of that very name, or a zone that means the same everywhere.
    public var goesBeforeLists = false

    /// Nothing.
    public static var none: LocalMatch {
      LocalMatch(answer: .noData, zone: nil, isApex: false, route: .default)
    }
  }

  /// Decides about a question.
  ///
  /// The DS RRset of a special zone is the parent zone's: signed proof that the zone is not (RFC 6303 §4,
  /// RFC 8375 §4). So it is asked where the parent's name is.
  ///
  /// - Parameters:
  ///   - name: wire form, uncompressed, lower-cased.
  ///   - hash: that of its ``NameKey``, if there is one.
  public func decide(
    _ name: Span<UInt8>, hash: UInt32? = nil, asked type: RecordType
  ) -> Decision {
    let decision = decide(name, hash, type)
    if type == .ds, name.count > 1, case .local(let found) = decision {
      let match = placed(found, name)
      if match.isApex, let zone = match.zone, rules.targets[zone].isDelegated {
        return decide(name.extracting(Int(name[0]) + 1..<name.count), nil, type)
      }
    }
    return decision
  }

  @inline(__always)
  private func decide(_ name: Span<UInt8>, _ hash: UInt32?, _ type: RecordType) -> Decision {
    // The check beforehand: what is borrowed for a call is copied.
    let place = local.value.nameCount > 0 ? local.value.place(of: name, hash: hash) : .outside
    switch place {
    case .name(let found), .wildcard(let found):
      // In which zone it is, only who has no such record wants to know: see `placed`.
      if !isFinal(name) {
        var match = LocalMatch(answer: .records(found), zone: nil, isApex: false, route: .default)
        if case .name = place { match.goesBeforeLists = true }
        return .local(match)
      }
    case .emptyNonTerminal, .outside, .unknown: break
    }
    let zone = rules.zones.zone(of: name)
    // Not by a method of the rules: all of them would be copied for the call.
    let target = if let zone { rules.targets[zone] } else { Target() }
    if case .emptyNonTerminal = place, case .local(.static) = target.action {
      return localDecision(.noData, name, zone)
    }
    switch target.action {
    case .ask:
      if target.without != nil && rules.isWithout(type, target) {
        return localDecision(.noData, name, zone)
      }
      if rules.deniesOneLabel, zone == nil, type.isOfHosts, WireName.labelCount(name) == 1 {
        return localDecision(.nxDomain, name, zone)
      }
      return .route(target.route)
    case .special(let kind): return localDecision(.special(kind), name, zone)
    case .local(let kind):
      let isApex = isApex(name, zone)
      if kind == .redirect, let zone, let apex = local.value.find(rules.zones.name(zone)) {
        return localDecision(.records(apex), name, zone)
      }
      return localDecision(isApex || kind == .redirect ? .noData : .nxDomain, name, zone)
    }
  }

  /// Whether a name is in a zone that local data does not change.
  private func isFinal(_ name: Span<UInt8>) -> Bool {
    // By far the most are told by the length of their last label: localhost, invalid and onion.
    var last = 0
    var next = 0
    while name[next] != 0 {
      last = next
      next += Int(name[next]) + 1
    }
    guard name[last] == 9 || name[last] == 7 || name[last] == 5,
      let zone = rules.zones.zone(of: name)
    else { return false }
    return rules.targets[zone].isFinal
  }

  /// The same match, with the zone that the name is in, which is not looked for beforehand for names with records.
  public func placed(_ match: LocalMatch, _ name: Span<UInt8>) -> LocalMatch {
    guard case .records = match.answer, match.zone == nil else { return match }
    let zone = rules.zones.zone(of: name)
    return LocalMatch(
      answer: match.answer, zone: zone, isApex: isApex(name, zone), route: match.route)
  }

  private func isApex(_ name: Span<UInt8>, _ zone: Int?) -> Bool {
    guard let zone else { return false }
    return rules.zones.name(zone).count == name.count
  }

  private func localDecision(
    _ answer: LocalMatch.Answer, _ name: Span<UInt8>, _ zone: Int?
  ) -> Decision {
    // A special zone has a route only if that has nobody to ask.
    var route = RouteID.default
    if let zone, case .special = rules.targets[zone].action { route = rules.targets[zone].route }
    var match = LocalMatch(
      answer: answer, zone: zone, isApex: isApex(name, zone), route: route)
    if let zone { match.goesBeforeLists = rules.targets[zone].isFinal }
    return .local(match)
  }

  /// The zone whose SOA says what a name does not have; nothing for a name in no zone that is answered here.
  public func authority(_ match: LocalMatch) -> Int? {
    guard let zone = match.zone,
      rules.targets[zone].action != .ask || rules.targets[zone].without != nil
    else { return nil }
    return zone
  }

  /// Whether a zone is the LAN's own.
  public func isLocal(_ zone: Int) -> Bool {
    switch rules.targets[zone].action {
    case .special: false
    case .ask, .local: true
    }
  }

  /// Whether names may appear in a zone while the server runs: hosts that get an address.
  public func mayChange(_ zone: Int) -> Bool {
    isLocal(zone) || rules.targets[zone].isDelegated
  }

  /// The zone by which it is decided about a name; nothing when none matches.
  public func zone(of name: Span<UInt8>) -> Int? { rules.zones.zone(of: name) }

  /// A zone's name in wire form, lower-cased.
  @_lifetime(borrow self)
  public func name(_ zone: Int) -> Span<UInt8> { rules.zones.name(zone) }

  // MARK: Data that came by other rules

  /// The domain by which a name takes its route, in wire form; empty for the default route and for what is
  /// answered here.
  @_lifetime(borrow self)
  public func routeDomain(of name: Span<UInt8>) -> Span<UInt8> { rules.routeDomain(of: name) }

  /// All of these domains.
  public var routeDomains: [Name] {
    (0..<rules.zones.count).compactMap { zone in
      rules.targets[zone].action == .ask ? try? Name(wire: rules.zones.name(zone)) : nil
    }
  }

  /// Whether data of a name is good that came while it took its route by some domain.
  ///
  /// It is when the same domain has other servers now, as data stays when `upstream` changes. It is not when
  /// another domain matches than did before, or when nobody is asked any more.
  public func keeps(_ name: Span<UInt8>, cameBy domain: Span<UInt8>) -> Bool {
    if local.value.nameCount > 0, case .local = decide(name, nil, RecordType(rawValue: 0)) {
      return false
    }
    guard let zone = rules.zones.zone(of: name) else { return domain.isEmpty }
    // Of a name whose types are taken away it isn't known which data has come; there are few such names.
    return rules.targets[zone].action == .ask && rules.targets[zone].without == nil
      && Policy.isSame(rules.zones.name(zone), domain)
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
    var old = Rules(rules)
    swap(&self.rules, &old)
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
    for rules in replaced.dropLast(kept) { rules.destroy() }
    replaced = replaced.suffix(kept)
  }

  private static func isSame(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    guard one.count == other.count else { return false }
    for index in one.indices where one[index] != other[index] { return false }
    return true
  }
}

extension Policy.Rules {
  /// See ``Policy/routeDomain(of:)``.
  @_lifetime(borrow self)
  func routeDomain(of name: Span<UInt8>) -> Span<UInt8> {
    guard let zone = zones.zone(of: name), targets[zone].action == .ask else { return Span() }
    return zones.name(zone)
  }
}

extension RecordType {
  /// Whether it is asked for to reach a host.
  var isOfHosts: Bool {
    switch self {
    case .a, .aaaa, .https, .svcb: true
    default: false
    }
  }
}
