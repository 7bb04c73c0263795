import DNSCache
import DNSExchange
import DNSPolicy
import DNSWire
import Memory

// Which servers a question goes to: those of the route that its name takes, and no others, also when all of them are
// silent.

/// Whom questions are forwarded to, by the routes that their names take.
public struct ForwardRoutes: Sendable {
  /// Which name takes which route, and what is answered here.
  public var rules: PolicyRules
  /// The servers for names that no other route has; nothing to leave them as they are.
  public var standard: ForwardServers?
  /// Those of the routes, in the order of the rules'.
  public var routes: [ForwardServers]

  /// Puts routes together.
  public init(
    _ standard: ForwardServers?, routes: [ForwardServers] = [],
    rules: PolicyRules = PolicyRules()
  ) {
    self.standard = standard
    self.routes = routes
    self.rules = rules
  }
}

extension ServerGroupID {
  /// The servers of a route.
  init(_ route: RouteID) { self.init(Int(route.number)) }

  /// Whose servers they are.
  var route: RouteID { RouteID(value) }
}

extension Resolver {
  /// The servers that a question goes to; nothing when it is answered here.
  @inline(__always)
  func group(for name: Span<UInt8>, _ type: RecordType) -> ServerGroupID? {
    // Who asks has looked before whether the name is answered here.
    guard policy.value.asksSeveral else { return .standard }
    guard case .route(let route) = policy.value.decide(name, asked: type) else { return nil }
    return ServerGroupID(route)
  }

  /// Has questions sent to these servers from now on, each to those of its name's route.
  ///
  /// First new servers are opened, then those that go are retired. Replies to what these were asked are still good.
  /// The questions that were asked there last are asked elsewhere as well, a few at a time, so that nothing
  /// hangs on a server that is perhaps gone. A question whose name takes another route now begins anew with
  /// that route's servers: what the others say of it doesn't count any more; so does one that holds links of an alias
  /// chain which are not in the cache, since nothing else judges them. The failures that are remembered are forgotten. What is in the cache has to be judged by the new rules: ``Cache/hasUnjudged``.
  ///
  /// - Parameter isPolicyNew: whether the rules may be others than before.
  public mutating func setRoutes(
    _ wanted: ForwardRoutes, isPolicyNew: Bool = true, cache: inout Cache, now: UInt64
  ) -> ServerChange {
    let routes = wanted.routes.prefix(RouteID.most).map(Optional.some)
    let change = exchanges.setGroups([wanted.standard] + routes)
    if change.isChanged || isPolicyNew { failures.forgetAll() }
    if isPolicyNew {
      setPolicy(wanted.rules, now: now)
      cache.beginGeneration(policy.value.generation)
      if !cache.hasUnjudged { policy.value.forget(before: cache.generation) }
    }
    exchanges.noteGroups()
    for server in change.retired { exchanges.retire(server, now: now) }
    takeFailures(now: now)
    return change
  }

  /// Takes over which name takes which route.
  private mutating func setPolicy(_ rules: PolicyRules, now: UInt64) {
    policy.value.replace(with: rules)
    for slot in 0..<exchanges.end {
      guard let id = exchanges.exchange(at: slot) else { continue }
      let isMoved = exchanges.hasMoved(id, by: policy.value)
      guard let route = exchanges.route(of: id, by: policy.value) else {
        // Who waits gets what is answered here.
        stopWaiting(id, now: now)
        finish(id, .answered())
        continue
      }
      // Routes may only have got other numbers.
      exchanges.setGroup(ServerGroupID(route), of: id)
      // A link that is held may have come by a route that its name takes no more.
      if isMoved || lookups[id].held != HeldOverlays() { beginAnew(id, now: now) }
    }
  }

  /// Has who waits for a name that is one of the LAN's own now be given what is answered here.
  ///
  /// To be called before another reply is taken in: what others say of it is not to be kept.
  public mutating func localNamesAdded(now: UInt64) {
    for slot in 0..<exchanges.end {
      guard let id = exchanges.exchange(at: slot),
        exchanges.route(of: id, by: policy.value) == nil
      else { continue }
      stopWaiting(id, now: now)
      finish(id, .answered())
    }
  }

  /// Asks a question again of other servers, as if it had not been asked.
  mutating func beginAnew(_ id: ExchangeID, now: UInt64) {
    stopWaiting(id, now: now)
    dropOverlays(id)
    exchanges.restart(id, now: now)
    recountEarliest(id, now: now)
  }
}

extension Exchanges {
  // Two parts of the resolver at once: the compiler sees that only with a method of one of them.

  /// The route that a question takes; nothing when it is answered here.
  fileprivate func route(of id: ExchangeID, by policy: borrowing Policy) -> RouteID? {
    guard case .route(let route) = policy.decide(name(of: id), asked: self[id].type) else {
      return nil
    }
    return route
  }

  /// Whether a question took another route before the rules were replaced.
  fileprivate func hasMoved(_ id: ExchangeID, by policy: borrowing Policy) -> Bool {
    policy.hasMoved(name(of: id))
  }
}
