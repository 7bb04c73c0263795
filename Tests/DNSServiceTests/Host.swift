import DNSCache
import DNSPolicy
import DNSWire
import Memory
import Randomness

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

/// A service, a cache and a resolver with a fake clock and buffers: what every test of this folder drives.
///
/// It stands where the event loop stands: it hands packets in, and after each call takes out all that
/// is to be done.
final class Host {
  var service: Service
  var cache: Cache
  /// Which names are answered here, and which route the others take.
  let policy: Pinned<Policy>
  var rules: PolicyRules
  var resolver: Resolver
  /// Milliseconds.
  private(set) var now: UInt64
  /// The upstreams in the order of their numbers.
  private let addresses: [IPAddress]
  /// Answers that are said to come from elsewhere than they are counted as.
  private(set) var miscounted: [String] = []
  private var buffer = [UInt8](repeating: 0, count: ServiceSettings.streamSize)

  /// Takes in a record of the LAN's own; each kind of source is one file here.
  @discardableResult func addLocal(_ record: Record, _ kind: LocalSource.Kind) -> [Event] {
    guard let source = LocalSource.ID(index: Int(kind.rawValue)) else { return [] }
    policy.value.local.value.setKind(kind, of: source)
    let owner = record.name.lowercased.wire
    localLines[kind, default: 0] += 1
    let added = policy.value.local.value.add(
      LocalRecord(
        owner.span, record.type, ttl: record.ttl, data: record.rdata.span,
        line: localLines[kind, default: 0]), from: source)
    if case .added(isName: true) = added {
      var key = NameKey(seed: cache.seed)
      key.load(trusted: owner.span)
      _ = cache.flush(key, .everything)
      resolver.localNamesAdded(now: now)
    }
    return drain()
  }

  /// Reads a source of local records anew, in which nothing stands any more.
  func emptyLocal(_ kind: LocalSource.Kind) {
    guard let source = LocalSource.ID(index: Int(kind.rawValue)) else { return }
    policy.value.local.value.beginReading(source)
    var cursor = 0
    while !policy.value.local.value.removeUnread(of: source, from: &cursor, buckets: 7) {}
  }

  /// Something that the service did.
  enum Event {
    /// A packet for an upstream, over UDP or TCP.
    case sent(OutgoingQuery, [UInt8])
    /// The upstream connection of a question is of no more use.
    case closed(Purpose)
    /// An answer for a client.
    case replied(client: UInt32, Service.Transport, [UInt8])
    /// A client's packet was not answered.
    case dropped(client: UInt32)
  }

  /// What a test may choose.
  struct Options {
    var upstreams = 1
    var socketsPerUpstream = 4
    var inFlightLimit = 64
    var waiterLimit = 256
    var waitersPerQuestion = 64
    var pendingLimit = 256
    var rotates = false
    /// Rates are for the tests that are about them.
    var clients = Host.unlimited
    /// Networks whose addresses can't be forged from outside.
    var local: [IPNetwork] = IPNetwork.notGlobal
    var specialZones: [SpecialZone] = []
    var routes: [Route] = []
    var localZones: [LocalZone] = []
    var localDomain: Name?
    var deniesOneLabel = false
    /// The LAN's own records, of each kind of source.
    var localRecords: [(kind: LocalSource.Kind, record: Record)] = []
    var rebindProtection: RebindProtection?
    var cacheOctets = CacheLimits.leastOctets
    var start: UInt64 = 0
    var seed: UInt64 = 1
    /// Whose AD is believed.
    var adTrust = ADTrust.on
    /// Seconds that expired answers are kept for.
    var staleAge: UInt32 = 0
    var isPrefetching = false
    /// Whether upstreams are asked in their order.
    var isStrict = false
    /// One question in so many asks another upstream than the best first; 0 stands for none.
    var exploration: UInt32 = 0
    /// Where the upstreams are; nothing stands for 198.51.100.1 and up.
    var addresses: [IPAddress] = []
    /// For each of the routes the addresses of its servers, which may be some of the upstreams'.
    var routeServers: [[IPAddress]] = []
    /// What each upstream is asked with.
    var rules: [ServerRules] = []
    /// Which of them are asked over TCP alone.
    var streamOnly: Set<IPAddress> = []
    /// Whether upstreams have never answered anything; else they have given data for a name in mixed letter
    /// case, to a packet with EDNS.
    var areUpstreamsNew = false
  }

  static var unlimited: ClientLimits {
    var limits = ClientLimits()
    limits.queries = 0
    limits.misses = 0
    limits.amplification = 0
    return limits
  }

  static let cookieSecret = SipHash(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)
  static let version = "test 1"
  static let identity = "test.example.net"

  /// What is blocked.
  var blocked = HostFilter()

  /// How many lines each source of local records has.
  private var localLines: [LocalSource.Kind: Int] = [:]

  init(_ options: Options = Options()) {
    now = options.start
    addresses = (0..<max(options.upstreams, options.addresses.count)).map {
      Host.address($0, options)
    }
    let seed = HashSeed(options.seed &* 0x9E37_79B9, options.seed ^ 0x1234_5678_9ABC)
    var settings = ServiceSettings(
      allowed: ["192.0.2.0/24", "2001:db8::/32"].compactMap { IPNetwork($0) },
      version: Host.version, identity: Host.identity,
      cookieSecrets: CookieSecrets(current: Host.cookieSecret))
    settings.clients = options.clients
    settings.local = options.local
    rules = PolicyRules(
      routes: options.routes, specialZones: options.specialZones, localZones: options.localZones,
      localDomain: options.localDomain, deniesOneLabel: options.deniesOneLabel,
      negativeTTL: options.localRecords.isEmpty && options.localDomain == nil ? nil : 10)
    policy = Pinned(Policy(rules, seed: seed))
    let forwarding = ResolverSettings(
      exchanges: ExchangeSettings(
        sockets: options.socketsPerUpstream, inFlightLimit: options.inFlightLimit,
        exploration: options.exploration),
      waiterLimit: options.waiterLimit, waitersPerQuestion: options.waitersPerQuestion)
    settings.pendingLimit = options.pendingLimit
    settings.isPrefetching = options.isPrefetching
    var limits = CacheLimits(octets: options.cacheOctets)
    limits.staleAge = options.staleAge
    limits.adTrust = options.adTrust
    service = Service(settings: settings, policy: policy, seed: seed)
    cache = Cache(limits: limits, seed: seed)
    cache.rotates = options.rotates
    cache.rebindFilter = RebindFilter(options.rebindProtection)
    resolver = Resolver(
      settings: forwarding, policy: policy, seed: seed, random: SplitMix64(seed: options.seed),
      now: options.start)
    setUpstreams(0..<options.upstreams, options)
    for upstream in addresses.indices where !options.areUpstreamsNew {
      resolver.exchanges.servers[ServerID(upstream)].keepsCase = true
      resolver.exchanges.servers[ServerID(upstream)].answersEDNS = true
    }
    for (kind, record) in options.localRecords { addLocal(record, kind) }
    guard options.adTrust != .on else { return }
    for (number, address) in addresses.enumerated() {
      let source = Endpoint(address, port: 53)
      resolver.exchanges.setSource(cache.number(of: source), of: ServerID(number))
    }
  }

  deinit { policy.destroy() }

  /// An address in the allowed networks.
  static let client = IPAddress(v4: 0xC000_0207)
  /// An address outside of them.
  static let stranger = IPAddress(v4: 0xC633_6401)

  // MARK: Upstreams

  /// Where an upstream is.
  func address(of upstream: Int) -> IPAddress { addresses[upstream] }

  /// The number of the upstream at an address; there has to be one.
  func upstream(at address: IPAddress) -> Int { addresses.firstIndex(of: address) ?? -1 }

  /// Has some of the upstreams asked from now on, by number.
  @discardableResult
  func setUpstreams(
    _ upstreams: some Sequence<Int>, _ options: Options = Options()
  ) -> ServerChange {
    func server(_ address: IPAddress, _ rules: ServerRules = ServerRules()) -> ForwardServer {
      ForwardServer(
        ServerAddress(
          Endpoint(address, port: 53), over: options.streamOnly.contains(address) ? .tcp : .udp),
        rules)
    }
    let standard = upstreams.map { upstream in
      server(
        Host.address(upstream, options),
        upstream < options.rules.count ? options.rules[upstream] : ServerRules())
    }
    return resolver.setRoutes(
      ForwardRoutes(
        ForwardServers(standard, isStrict: options.isStrict),
        routes: options.routeServers.map { servers in
          ForwardServers(servers.map { server($0) }, isStrict: options.isStrict)
        }, rules: rules), cache: &cache, now: now)
  }

  /// Has domains asked of one upstream each, by number, all other names of the first one.
  func route(_ domains: [(domain: Name, upstream: Int)]) -> [Event] {
    func server(_ upstream: Int) -> ForwardServer {
      ForwardServer(ServerAddress(Endpoint(addresses[upstream], port: 53)))
    }
    _ = resolver.setRoutes(
      ForwardRoutes(
        ForwardServers([server(0)]), routes: domains.map { ForwardServers([server($0.upstream)]) },
        rules: PolicyRules(routes: domains.map { Route(domains: [$0.domain]) })), cache: &cache,
      now: now)
    return drain()
  }

  /// Has nobody asked for names of a domain: they are answered here.
  func makeLocal(_ domain: Name) -> [Event] {
    _ = resolver.setRoutes(
      ForwardRoutes(
        nil, routes: [ForwardServers()],
        rules: PolicyRules(routes: [Route(domains: [domain], isEmpty: true)])), cache: &cache,
      now: now)
    return drain()
  }

  private static func address(_ upstream: Int, _ options: Options) -> IPAddress {
    upstream < options.addresses.count
      ? options.addresses[upstream] : IPAddress(v4: 0xC633_6401 + UInt32(upstream))
  }

  // MARK: In

  /// Hands in a client's packet; what it leads to is done only when the service says that there is some.
  func ask(
    _ packet: [UInt8], from address: IPAddress = Host.client,
    over transport: Service.Transport = .udp, client: UInt32 = 0
  ) -> [Event] {
    var events: [Event] = []
    service.note(packet.span, as: 0)
    service.anticipate(1, in: &cache)
    var reply = buffer.mutableSpan
    let before = AnswerTally(service, resolver)
    let verdict = service.receive(
      packet.span, noted: 0, from: address, over: transport, reply: &reply, cache: &cache,
      resolver: &resolver, now: now)
    var source: AnswerSource?
    switch verdict {
    case .reply(let count, let from):
      source = from
      events.append(.replied(client: client, transport, Array(buffer[..<count])))
    case .withheld:
      source = .limited
      events.append(.dropped(client: client))
    case .ignored: events.append(.dropped(client: client))
    case .waiting(let number):
      source = service.waiting.places[Int(number)].source
      service.keep(ReturnPath(source: client), for: number)
    }
    compare(source, before)
    return resolver.hasWork || cache.hasPrefetchCandidates ? events + drain() : events
  }

  /// Hands in a packet that came to an upstream socket.
  func receive(_ packet: [UInt8], socket: SocketID) -> [Event] {
    resolver.receive(packet.span, socket: socket, cache: &cache, now: now)
    return drain()
  }

  /// Hands in packets that came together: what they lead to is done when all are in.
  func receive(together packets: [(octets: [UInt8], socket: SocketID)]) -> [Event] {
    for packet in packets {
      service.noteUpstream(packet.octets.span, socket: packet.socket, resolver: &resolver)
    }
    service.anticipateReplies(cache: &cache, resolver: &resolver)
    for packet in packets {
      resolver.receive(packet.octets.span, socket: packet.socket, cache: &cache, now: now)
    }
    return drain()
  }

  /// Hands in a message that came on an upstream connection.
  func receive(_ packet: [UInt8], stream: Purpose) -> [Event] {
    resolver.receiveStream(packet.span, for: stream, cache: &cache, now: now)
    return drain()
  }

  /// Lets a whole sweep pass.
  func sweep() -> [Event] {
    while !cache.sweep(names: 100, now: UInt32(now / 1000)) {}
    return drain()
  }

  func streamFailed(_ stream: Purpose) -> [Event] {
    resolver.streamFailed(stream, now: now)
    return drain()
  }

  func socketFailed(_ socket: SocketID, id: UInt16?) -> [Event] {
    resolver.socketFailed(socket, id: id, now: now)
    return drain()
  }

  func networkChanged() -> [Event] {
    resolver.networkChanged(now: now)
    return drain()
  }

  /// Lets time pass, with the resolver called at each deadline on the way.
  ///
  /// - Parameter body: gets what happened at one moment.
  func advance(to time: UInt64, _ body: ([Event]) throws -> Void) rethrows {
    // The first call after each deadline makes progress, so that a few rounds a moment suffice.
    while let deadline = resolver.exchanges.nextDeadline, deadline <= time {
      now = max(now, deadline)
      resolver.expire(cache: &cache, now: now)
      let events = drain()
      if !events.isEmpty { try body(events) }
    }
    now = max(now, time)
  }

  /// Lets time pass without the resolver being called: a loop that was busy elsewhere.
  func jump(to time: UInt64) { now = max(now, time) }

  func expire() -> [Event] {
    resolver.expire(cache: &cache, now: now)
    return drain()
  }

  // MARK: Out

  /// Notes whether what was returned is what was counted.
  private func compare(_ source: AnswerSource?, _ before: AnswerTally) {
    let counted = before.source(AnswerTally(service, resolver))
    if source != counted {
      miscounted.append(
        "\(source.map { "\($0)" } ?? "-"), counted as \(counted.map { "\($0)" } ?? "-")")
    }
  }

  private func drain() -> [Event] {
    var events: [Event] = []
    var reply = buffer.mutableSpan
    while true {
      let before = AnswerTally(service, resolver)
      guard
        let ready = service.nextReply(
          into: &reply, cache: &cache, resolver: &resolver, now: now)
      else { break }
      let expected = [.joined, .miss].contains(ready.source) ? nil : ready.source
      compare(expected, before)
      var octets: [UInt8] = []
      for index in 0..<ready.count { octets.append(reply[index]) }
      events.append(.replied(client: ready.path.source, ready.transport, octets))
    }
    while let action = resolver.exchanges.nextAction() {
      switch action {
      case .send(let query), .openStream(let query):
        var writer = MessageWriter(&reply, limit: 512)
        let count = resolver.exchanges.writeQuery(query, into: &writer)
        var octets: [UInt8] = []
        for index in 0..<count { octets.append(reply[index]) }
        events.append(.sent(query, octets))
      case .closeStream(let handle): events.append(.closed(handle))
      }
    }
    return events
  }

  // MARK: What is kept

  /// What the cache keeps under a name, expired data left out but for what is stale if that is wanted.
  func known(_ name: Name, stale: Bool = false) -> [RRset] {
    var key = NameKey(seed: cache.seed)
    key.load(trusted: name.wire.span)
    var sets: [RRset] = []
    cache.visitSets(of: key, stale: stale, now: UInt32(now / 1000)) { sets.append($0) }
    return sets
  }

  /// The counters of resolver, service and cache by their names.
  func counter(_ name: String) -> UInt64? {
    let all: [Any] = [
      resolver.counters, resolver.exchanges.counters, service.counters, cache.counters,
    ]
    for counters in all {
      for case (name, let value as UInt64) in Mirror(reflecting: counters).children { return value }
    }
    return nil
  }
}

extension Host.Event {
  /// Whether a connection is of no more use.
  var isClosed: Bool { if case .closed = self { true } else { false } }
}

extension Purpose {
  /// Whether it is to learn something of a server.
  var isProbe: Bool { if case .question = self { false } else { true } }
}

extension OutgoingQuery {
  /// Whether it is to learn something of a server.
  var isProbe: Bool { purpose.isProbe }

  /// The number of the upstream that it goes to.
  var upstream: Int { server.slot }
}
