import Configuration
import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import System

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
    service.reconfigure(settings.service(in: local), cookieSecrets: settings.cookieSecrets)
    resolver.reconfigure(settings.resolverSettings(budget))
    cache.reconfigure(settings.cache)
    setAnswering(settings)
    setSockets()
    upstreamStreams?.reconfigure(settings.resolver)
    streams?.reconfigure(budget.streams)
  }

  /// Has queries leave from as many sockets of each server as the resolver chooses among.
  private func setSockets() {
    guard let upstreams else { return }
    for server in resolver.exchanges.present {
      upstreams.use(resolver.exchanges.sockets(of: server), for: server)
    }
  }

  /// Says how answers are made from what the cache has.
  mutating func setAnswering(_ settings: Settings) {
    cache.rotates = settings.rotates
    cache.rebindFilter = RebindFilter(settings.rebindProtection)
  }

  /// Has questions sent to these servers from now on, each to those of its name's route.
  ///
  /// - Returns: those that are asked no more; their connections are to be ended when nothing changes the worker.
  mutating func setRoutes(_ wanted: ForwardRoutes, isPolicyNew: Bool) -> [ServerID] {
    takeReplies()
    takeStreamFailures()
    let change = resolver.setRoutes(
      wanted, isPolicyNew: isPolicyNew, cache: &cache, now: EventLoop.now())
    for server in change.opened { seen.value.beginUpstream(server.slot) }
    for server in change.opened + change.revived {
      guard let address = resolver.exchanges.address(of: server) else { continue }
      resolver.exchanges.setSource(cache.number(of: address.endpoint), of: server)
      upstreams?.add(address, for: server)
      upstreamStreams?.add(address.endpoint, for: server)
    }
    for server in change.retired { upstreams?.retire(server) }
    setSockets()
    drainActions()
    return change.retired
  }
}

extension Worker {
  /// Has names looked for anew in lists and rules.
  mutating func blockingChanged() {
    cache.beginScreening(isActive: policy.value.filter.value.isActive)
  }

  /// Has who waits for names that are the LAN's own now be given what is answered here.
  mutating func localNamesAdded() {
    resolver.localNamesAdded(now: EventLoop.now())
    drainActions()
  }

  /// Forgets what others have said of a name that is one of the LAN's own now.
  mutating func forget(_ name: [UInt8]) {
    guard cache.nameCount > 0 else { return }
    var key = NameKey(seed: cache.seed)
    key.load(trusted: name.span)
    _ = cache.flush(key, .everything)
  }

  /// Notes that all names have been judged by the rules of a generation.
  mutating func endJudging(of generation: UInt16) {
    policy.value.forget(before: generation)
    if generation == cache.generation { cache.endJudging() }
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
