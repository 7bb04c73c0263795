import DNSCache
import DNSWire
import Memory

// Settings and servers that change while questions are in flight.

extension Resolver {
  // MARK: Settings

  /// Takes over what may change: bounds that nothing is reserved for, and which names are special.
  public mutating func reconfigure(_ new: ResolverSettings) {
    settings.sockets = new.sockets
    settings.waitersPerQuestion = new.waitersPerQuestion
    settings.refreshShare = new.refreshShare
    settings.policy = new.policy
    settings.rebindProtection = new.rebindProtection
    reply.forbidden = new.forbidden
  }

  // MARK: Servers

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

  /// Has questions sent to these servers from now on.
  ///
  /// First new servers are opened, then those that go are retired. Replies to what these were asked are still good.
  /// The questions that were asked there last are asked elsewhere as well, a few at a time, so that nothing
  /// hangs on a server that is perhaps gone.
  public mutating func setServers(_ wanted: ForwardServers, now: UInt64) -> ServerChange {
    var change = ServerChange()
    let before = servers.present
    var members: [ServerID] = []
    for server in wanted.servers {
      guard let id = open(server.address, &change) else {
        change.refused.append(server.address)
        continue
      }
      servers[id].rules = server.rules
      members.append(id)
    }
    servers.setGroup(.standard, to: members, isStrict: wanted.isStrict)
    change.retired = before.filter { !members.contains($0) }
    if !change.opened.isEmpty || !change.revived.isEmpty { failures.forgetAll() }
    for server in change.retired { retire(server, now: now) }
    return change
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

  /// Packets under way to a server, retired or not.
  public func packetsUnderWay(to server: ServerID) -> Int { Int(servers[server].inFlight) }

  /// Whether a server is asked.
  public func isAsked(_ server: ServerID) -> Bool { servers[server].isPresent }
}
