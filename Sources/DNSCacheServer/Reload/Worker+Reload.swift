import DNSCache
import DNSFrontend
import DNSResolver
import EventLoop

// What of the worker changes while it serves.

extension Worker {
  /// The number for a socket of a new listener: one whose socket is closed, or the next.
  var freeDatagramPlace: Int { datagrams.firstIndex { !$0.isOpen } ?? datagrams.count }

  /// Puts a listener's socket at a free place.
  mutating func putDatagrams(_ socket: DatagramSocket, at place: Int) {
    guard place < datagrams.count else {
      datagrams.append(socket)
      return
    }
    pastDatagrams.add(datagrams[place].counters)
    datagrams[place] = socket
  }

  /// Takes over other settings, but for those that memory is reserved for.
  ///
  /// Before other upstreams are asked: where files are scarce, the sockets of those that stay make room.
  mutating func reconfigure(
    _ settings: Settings, in local: LocalNetworks, _ budget: DescriptorBudget
  ) {
    frontend.reconfigure(settings.frontend(in: local), cookieSecrets: settings.cookieSecrets)
    resolver.reconfigure(
      settings.resolverSettings(socketsInUse: budget.socketsPerUpstream))
    cache.reconfigure(settings.cache)
    setAnswering(settings)
    upstreams?.use(budget.socketsPerUpstream)
    upstreamStreams?.reconfigure(settings.resolver)
    streams?.reconfigure(budget.streams)
  }

  /// Says how answers are made from what the cache has.
  mutating func setAnswering(_ settings: Settings) {
    cache.rotates = settings.rotates
    cache.rebindFilter = RebindFilter(settings.rebindProtection)
  }

  /// Has what comes from an upstream kept with its address.
  mutating func setSource(of upstream: Int, to address: SocketAddress) {
    resolver.setSource(
      cache.number(of: Source(address)), of: upstream)
  }

  /// Says in which order upstreams were given.
  mutating func setOrder(of upstreams: [SocketAddress], in table: UpstreamTable) {
    for place in table.addresses.indices where resolver.hasUpstream(place) {
      guard let rank = upstreams.firstIndex(of: table.addresses[place]) else { continue }
      resolver.setRank(rank, of: place)
    }
  }

  /// Says what upstreams are asked with; those that go, which are in no settings any more, keep what they had.
  mutating func setRules(_ settings: Settings, of table: UpstreamTable) {
    for (place, address) in table.addresses.enumerated()
    where resolver.hasUpstream(place) && settings.upstreams.contains(address) {
      resolver.setRules(settings.rules(of: address), of: place)
    }
  }

  /// Has other upstreams asked: first the new ones, then no more those that go.
  ///
  /// What they are asked with is known before anything is asked: what waits for those that go is theirs at once.
  mutating func change(
    _ upstreams: UpstreamTable.Change, of table: UpstreamTable, to settings: Settings
  ) {
    takeReplies()
    takeStreamFailures()
    for place in upstreams.opened {
      resolver.openUpstream(place)
      seen.value.forgetUpstream(place)
    }
    for place in upstreams.revived { resolver.reviveUpstream(place) }
    setOrder(of: settings.upstreams, in: table)
    setRules(settings, of: table)
    for place in upstreams.opened + upstreams.revived {
      setSource(of: place, to: table.addresses[place])
      self.upstreams?.add(table.addresses[place], at: place)
      upstreamStreams?.add(table.addresses[place], at: place)
    }
    for place in upstreams.retired {
      resolver.retireUpstream(place, now: EventLoop.now())
      self.upstreams?.retire(place)
    }
    drainActions()
  }
}

extension DatagramCounters {
  /// Adds what another socket did.
  mutating func add(_ other: DatagramCounters) {
    received += other.received
    sent += other.sent
    dropped += other.dropped
    errors += other.errors
  }
}
