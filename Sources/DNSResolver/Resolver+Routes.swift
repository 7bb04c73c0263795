import DNSCache
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

/// What has to be done for the sockets and connections of servers, in this order.
public struct ServerChange: Equatable, Sendable {
  /// Servers that are new, perhaps in the slots of others that were retired.
  public var opened: [ServerID] = []
  /// Servers that are asked again.
  public var revived: [ServerID] = []
  /// Servers that are asked no more.
  public var retired: [ServerID] = []
  /// Servers that there was no slot for.
  public var refused: [ServerAddress] = []
}

/// The servers of each route, by the numbers that the cache knows them by.
public struct RouteSources: Sendable {
  private let routes: [Set<UInt8>]
  private let all: Set<UInt8>

  init(_ routes: [Set<UInt8>]) {
    self.routes = routes
    all = routes.reduce([]) { $0.union($1) }
  }

  /// Whether a server may have said something of a route's names.
  ///
  /// Of names of the default route also one that isn't asked any more: it was an upstream once.
  public func contains(_ source: UInt8, of route: RouteID) -> Bool {
    guard Int(route.number) < routes.count else { return false }
    return routes[Int(route.number)].contains(source) || route == .default && !all.contains(source)
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
    guard reply.hasRoutes else { return .standard }
    guard case .route(let route) = reply.policy.decide(name, asked: type) else { return nil }
    return ServerGroupID(route)
  }

  /// Has questions sent to these servers from now on, each to those of its name's route.
  ///
  /// First new servers are opened, then those that go are retired. Replies to what these were asked are still good.
  /// The questions that were asked there last are asked elsewhere as well, a few at a time, so that nothing
  /// hangs on a server that is perhaps gone. A question whose name takes another route now begins anew with
  /// that route's servers: what the others say of it doesn't count any more. The failures that are remembered are
  /// forgotten.
  ///
  /// - Parameter isPolicyNew: whether the rules may be others than before.
  public mutating func setRoutes(
    _ wanted: ForwardRoutes, isPolicyNew: Bool = true, now: UInt64
  ) -> ServerChange {
    var change = ServerChange()
    let before = servers.present
    var asked: Set<ServerID> = []
    var isChanged = isPolicyNew
    if let standard = wanted.standard, setGroup(.standard, to: standard, &change) {
      isChanged = true
    }
    asked.formUnion(servers.servers(of: .standard))
    for (index, list) in wanted.routes.prefix(RouteID.most).enumerated() {
      let group = ServerGroupID(RouteID(index: index))
      if setGroup(group, to: list, &change) { isChanged = true }
      asked.formUnion(servers.servers(of: group))
    }
    for group in wanted.routes.count + 1..<max(groupCount, wanted.routes.count + 1) {
      servers.setGroup(ServerGroupID(group), to: [], isStrict: false)
    }
    groupCount = wanted.routes.count + 1
    change.retired = before.filter { !asked.contains($0) }
    if isChanged { failures.forgetAll() }
    if isPolicyNew { setPolicy(wanted.rules, now: now) }
    for server in change.retired { retire(server, now: now) }
    return change
  }

  /// - Returns: whether the group has other servers now.
  private mutating func setGroup(
    _ group: ServerGroupID, to wanted: ForwardServers, _ change: inout ServerChange
  ) -> Bool {
    let before = servers.servers(of: group)
    var members: [ServerID] = []
    for server in wanted.servers {
      guard let id = open(server.address, &change) else {
        change.refused.append(server.address)
        continue
      }
      servers[id].rules = server.rules
      members.append(id)
    }
    servers.setGroup(group, to: members, isStrict: wanted.isStrict)
    return members != before
  }

  /// Takes over which name takes which route.
  private mutating func setPolicy(_ rules: PolicyRules, now: UInt64) {
    let old = reply.replacePolicy(Policy(rules))
    for index in 0..<questions.end where questions.contains(index) {
      let group = names.group(
        in: index, count: Int(questions[index].nameCount), questions[index].type, of: reply.policy)
      let isMoved = names.isInvalid(
        in: index, count: Int(questions[index].nameCount), under: reply.policy, before: old)
      guard let group else {
        fail(index, .noUpstream, now: now)
        continue
      }
      // Routes may only have got other numbers.
      questions[index].group = group
      if isMoved { beginAnew(index, now: now) }
    }
  }

  /// Asks a question again of other servers, as if it had not been asked.
  mutating func beginAnew(_ index: Int, now: UInt64) {
    stopWaiting(index, now: now)
    dropOverlays(index)
    endExchange(index)
    if questions[index].phase.isEnded {
      questions[index].phase = .udp
      questions[index].deadline = now + ResolverTiming.deadline
      recountEarliest(index)
    }
    questions[index].touched = Touched()
    questions[index].attemptCount = 0
    questions[index].refusals = 0
    questions[index].mismatches = 0
    questions[index].malformed = 0
    questions[index].cookieDoubts = 0
    questions[index].hasRenewedCookie = false
    questions[index].hasTriedTCP = false
    questions[index].isFolded = false
    questions[index].cause = .silence
    questions[index].trouble = Trouble(.silence)
    questions[index].errorsCount = 0
    var isTrial = false
    guard
      let server = firstServer(
        of: questions[index].group, random.next(), isTrial: &isTrial, now: now)
    else {
      fail(index, noServer(of: questions[index].group), now: now)
      return
    }
    questions[index].isTrial = isTrial
    questions[index].server = server
    send(index, now: now)
  }

  /// The server at an address, which is asked from now on.
  private mutating func open(_ address: ServerAddress, _ change: inout ServerChange) -> ServerID? {
    if let known = servers.find(address) {
      if !servers[known].isPresent {
        servers.revive(known)
        change.revived.append(known)
      }
      return known
    }
    guard let server = servers.freeSlot() else { return nil }
    if server.slot < servers.end { forget(server) }
    servers.open(address, at: server)
    change.opened.append(server)
    return server
  }

  private mutating func retire(_ server: ServerID, now: UInt64) {
    endStreamProbe(server)
    servers.retire(server)
    timers.cancel(settings.inFlightLimit + server.slot)
    for index in 0..<questions.end
    where questions.contains(index) && questions[index].server == server {
      askAgainSoon(index, now: now)
    }
  }

  /// Makes sure that nothing in flight has to do with the server that had a slot.
  private mutating func forget(_ server: ServerID) {
    for index in 0..<questions.end where questions.contains(index) {
      questions[index].touched.forget(server)
      if servers[server].inFlight > 0 { forgetAttempts(of: index, at: server) }
    }
  }

  /// Where a server is asked, and how.
  public func address(of server: ServerID) -> ServerAddress? {
    server.slot < servers.end ? servers[server].address : nil
  }

  /// The servers of each route, by the numbers that the cache knows them by.
  public var routeSources: RouteSources {
    RouteSources(
      (0..<groupCount).map { group in
        // Number 0 stands for any that has none.
        Set(servers.servers(of: ServerGroupID(group)).map { servers[$0].source }).subtracting([0])
      })
  }

  /// Packets under way to a server, retired or not.
  public func packetsUnderWay(to server: ServerID) -> Int { Int(servers[server].inFlight) }
}

extension BufferPool {
  // Two parts of the resolver at once: the compiler sees that only with a method of one of them.

  fileprivate func group(
    in index: Int, count: Int, _ type: RecordType, of policy: borrowing Policy
  ) -> ServerGroupID? {
    guard case .route(let route) = policy.decide(octets(in: index, count: count), asked: type)
    else { return nil }
    return ServerGroupID(route)
  }

  fileprivate func isInvalid(
    in index: Int, count: Int, under policy: borrowing Policy, before old: borrowing Policy
  ) -> Bool {
    policy.invalidates(octets(in: index, count: count), of: old)
  }
}
