import DNSWire

// Which servers a group has, and what has to be done for them when it gets others.

/// What has to be done for the sockets and connections of servers, in this order.
public struct ServerChange: Equatable, Sendable {
  /// Servers that are new, perhaps in the slots of others that were retired.
  public var opened: [ServerID] = []
  /// Servers that are asked again.
  public var revived: [ServerID] = []
  /// Servers that are asked no more.
  public var retired: [ServerID] = []
  /// Whether a group has other servers than before.
  public var isChanged = false
}

extension Exchanges {
  /// Has each group's questions sent to these servers from now on; nothing for a group that stays as it is.
  ///
  /// Servers that are in no group any more are given to ``retire(_:now:)`` afterwards.
  public mutating func setGroups(_ wanted: [ForwardServers?]) -> ServerChange {
    var change = ServerChange()
    let before = servers.present
    var asked: Set<ServerID> = []
    for (number, list) in wanted.enumerated() {
      let group = ServerGroupID(number)
      if let list { setGroup(group, to: list, &change) }
      asked.formUnion(servers.servers(of: group))
    }
    for number in wanted.count..<max(groupCount, wanted.count) {
      servers.setGroup(ServerGroupID(number), to: [], isStrict: false)
    }
    groupCount = wanted.count
    shareSockets()
    change.retired = before.filter { !asked.contains($0) }
    return change
  }

  /// Gives each server its number of sockets.
  mutating func shareSockets() {
    for server in servers.present {
      servers[server].sockets = UInt16(
        clamping: servers.isMember(server, of: .standard)
          ? settings.sockets : settings.otherSockets)
    }
  }

  /// The servers that are asked.
  public var present: [ServerID] { servers.present }

  /// Sockets that queries to a server leave from: the first ones of its numbers.
  public func sockets(of server: ServerID) -> Int { Int(servers[server].sockets) }

  /// Queries that have been sent to a server; nothing while it is down, when nearly all are probes.
  public func queries(to server: ServerID) -> UInt64? {
    servers[server].isDown ? nil : servers[server].counters.queries
  }

  private mutating func setGroup(
    _ group: ServerGroupID, to wanted: ForwardServers, _ change: inout ServerChange
  ) {
    let before = servers.servers(of: group)
    var members: [ServerID] = []
    for server in wanted.servers {
      guard let id = open(server.address, &change) else { continue }
      servers[id].rules = server.rules
      members.append(id)
    }
    servers.setGroup(group, to: members, isStrict: wanted.isStrict)
    if members != before { change.isChanged = true }
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

  /// Has a server asked no more.
  ///
  /// Replies to what it was asked are still good. The questions that were asked there last are asked elsewhere as well,
  /// a few at a time, so that nothing hangs on a server that is perhaps gone.
  public mutating func retire(_ server: ServerID, now: UInt64) {
    endStreamProbe(server)
    servers.retire(server)
    timers.cancel(settings.inFlightLimit + server.slot)
    for slot in 0..<end {
      guard let exchange = exchange(at: slot), exchanges[exchange].server == server else {
        continue
      }
      askAgainSoon(exchange, now: now)
    }
  }

  /// Makes sure that nothing in flight has to do with the server that had a slot.
  private mutating func forget(_ server: ServerID) {
    for slot in 0..<end {
      guard let exchange = exchange(at: slot) else { continue }
      exchanges[exchange].met.forget(server)
      if servers[server].inFlight > 0 { forgetTransmissions(of: exchange, at: server) }
    }
  }

  /// Has what is in flight sent to no server that has left its group, whatever that server still says.
  public mutating func noteGroups() {
    for slot in 0..<end {
      guard let exchange = exchange(at: slot) else { continue }
      exchanges[exchange].mayHaveLeft = true
    }
  }

  /// Whether a question's server is one of its group; else another one is asked, or the question fails.
  @inline(__always)
  mutating func isAllowed(_ exchange: ExchangeID, now: UInt64) -> Bool {
    guard exchanges[exchange].mayHaveLeft else { return true }
    return isStillAllowed(exchange, now: now)
  }

  @inline(never)
  private mutating func isStillAllowed(_ exchange: ExchangeID, now: UInt64) -> Bool {
    if servers.isMember(exchanges[exchange].server, of: exchanges[exchange].group) { return true }
    moveOn(exchange, now: now)
    return false
  }

  /// Where a server is asked, and how.
  public func address(of server: ServerID) -> ServerAddress? {
    server.slot < servers.end ? servers[server].address : nil
  }

  /// The number that the cache knows a server by.
  public func source(of server: ServerID) -> UInt8 { servers[server].source }

  /// Says by which number the cache knows a server's address.
  public mutating func setSource(_ source: UInt8, of server: ServerID) {
    servers[server].source = source
  }
}
