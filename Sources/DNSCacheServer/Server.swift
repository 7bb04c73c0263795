import DNSCache
import DNSFrontend
import DNSResolver
import DNSWire
import EventLoop
import Glibc
import Logging
import Memory

/// The wiring: makes the loop, the core and everything that feeds it, and runs until told to stop.
final class Server {
  let loop: EventLoop
  let core: Pinned<Core>
  let settings: Settings
  let logger: Logger
  let started = EventLoop.now()

  private var receivers: [ClientDatagrams] = []
  private var listeners: [StreamListener] = []
  private var signals: [SignalSource] = []
  private var maintenance: Maintenance?
  private var cookies: CookieKeeper?
  let snapshot: SnapshotKeeper
  let history: HistoryKeeper
  private var control: ControlSocket?
  private let service: ServiceManager
  /// The sockets that were open at the start.
  private let passed: PassedSockets
  private var web: WebServer?

  /// Milliseconds at the end for clients to take the answers that are written.
  private static let farewell: UInt64 = 200
  /// Milliseconds between two looks at whether they did.
  private static let farewellTick: UInt64 = 10
  /// Ports tried when the kernel is to pick one that is free for UDP and for TCP.
  private static let portAttempts = 16

  /// Serves until SIGTERM, SIGINT or `ctl stop`; then saves the cache.
  static func run(
    _ settings: Settings, service: ServiceEnvironment, logger: Logger
  ) throws(StartupError) {
    // First of all: a user that isn't there is no reason to open anything.
    let privileges = try settings.user.map { name throws(StartupError) in
      try PrivilegeDrop(to: name)
    }
    let server: Server
    do {
      server = try Server(settings, service: service, privileges: privileges, logger: logger)
    } catch let error as StartupError {
      throw error
    } catch {
      throw StartupError(.unavailable, "\(error)")
    }
    do {
      try server.serve()
    } catch {
      throw StartupError(.fault, "the event loop failed: \(error)")
    }
    server.core.destroy()
  }

  private init(
    _ settings: Settings, service: ServiceEnvironment, privileges: PrivilegeDrop?, logger: Logger
  ) throws {
    self.settings = settings
    self.logger = logger
    passed = service.sockets
    loop = try EventLoop()
    let budget = DescriptorBudget(settings, limit: DescriptorLimit.raise())
    if let complaint = budget.complaint { logger.warning("\(complaint)") }
    core = Pinned(
      Core(frontend: Server.frontend(settings, socketsPerUpstream: budget.socketsPerUpstream)))
    snapshot = SnapshotKeeper(
      on: loop, core: core, path: settings.cacheFile, interval: settings.saveInterval,
      logger: logger)
    history = HistoryKeeper(on: loop, core: core)
    self.service = ServiceManager(on: loop, service, logger: logger) { [core] in
      Server.statusLine(core.value)
    }
    core.value.setTimers(
      EndOfTurn(on: loop) { [core] in core.value.finishTurn() },
      Timer(on: loop) { [core] in core.value.deadlinePassed() })
    try listen(budget.streams)
    for (number, address) in settings.upstreams.enumerated() {
      core.value.setSource(of: number, to: address)
    }
    core.value.upstreams = try UpstreamSockets(
      on: loop, upstreams: settings.upstreams, perUpstream: budget.socketsPerUpstream, core: core,
      logger: logger)
    core.value.upstreamStreams = UpstreamStreams(
      on: loop, upstreams: settings.upstreams, limits: settings.resolver, core: core)
    watchNetwork()
    maintenance = Maintenance(on: loop, core: core)
    cookies = CookieKeeper(on: loop, core: core, isShared: settings.cookieSecrets != nil)
    for signal in [SIGTERM, SIGINT] {
      signals.append(try SignalSource(on: loop, signal: signal) { [unowned self] in stop() })
    }
    signals.append(
      try SignalSource(on: loop, signal: SIGUSR1) { [unowned self] in snapshot.save { _ in } })
    signals.append(
      try SignalSource(on: loop, signal: SIGHUP) { [logger] in
        logger.notice("SIGHUP: the configuration can't be reloaded yet; the cache is kept")
      })
    let api = ControlAPI(on: loop, core: core, server: self)
    web = try WebServer(settings.web, on: loop, core: core, api: api)
    if let web { logger.info("HTTP", metadata: ["page": "http://\(web.address)/"]) }
    // All that needs root is open; what follows is the user's.
    try changeUser(privileges)
    do {
      control = try ControlSocket(on: loop, path: settings.control, api: api)
    } catch {
      throw StartupError(
        .unavailable,
        "cannot open the control socket \(settings.control): \(error); choose another with --control PATH"
      )
    }
    snapshot.load()
  }

  /// Has upstreams tried anew as soon as this host's addresses, routes or links change.
  private func watchNetwork() {
    do {
      core.value.networkWatch = try NetworkWatch(on: loop) { [unowned self] in networkChanged() }
    } catch {
      logger.notice(
        "changes of the network aren't told here; upstreams recover when they are tried again",
        metadata: ["error": "\(error)"])
    }
  }

  private func networkChanged() {
    logger.debug("the network has changed")
    core.value.upstreams?.networkChanged()
    core.value.upstreamStreams?.networkChanged()
    core.value.networkChanged()
  }

  private static func frontend(_ settings: Settings, socketsPerUpstream: Int) -> Frontend {
    var random = SystemRandomNumberGenerator()
    let seed = HashSeed(random.next(), random.next())
    var frontend = FrontendSettings(
      allowed: settings.allowed, version: "dns-cache-server \(DNSCacheServer.version)",
      identity: Process.hostName() ?? "dns-cache-server",
      cookieSecrets: settings.cookieSecrets
        ?? CookieSecrets(current: CookieKeeper.randomSecret()))
    frontend.isPrefetching = settings.isPrefetching
    frontend.rotates = settings.rotates
    frontend.clients = settings.clients
    frontend.prefetchRate = settings.prefetchRate
    frontend.pendingLimit = settings.resolver.waiters
    frontend.specialZones = settings.names.specialZones
    var resolver = ResolverSettings(
      upstreams: settings.upstreams.count, socketsPerUpstream: socketsPerUpstream,
      inFlightLimit: settings.resolver.inFlight, waiterLimit: settings.resolver.waiters,
      waitersPerQuestion: settings.resolver.waitersPerQuestion)
    resolver.refreshShare = settings.resolver.prefetchShare
    resolver.localZones = frontend.specialZones.map(\.name)
    resolver.rebindProtection = settings.names.rebindProtection
    return Frontend(
      settings: frontend, cache: Cache(limits: settings.cache, seed: seed),
      resolver: Resolver(
        settings: resolver, seed: seed, random: RandomPool(), now: EventLoop.now()))
  }

  // MARK: Listening

  private func listen(_ limits: StreamLimits) throws {
    let streams = try ClientStreams(on: loop, limits: limits, core: core)
    core.value.streams = streams
    try passed.checkAll(areAmong: settings.listen)
    for address in settings.listen {
      do {
        try listen(on: address, streams)
      } catch let error as SystemError {
        // ::1 among the defaults is a wish: a host without IPv6 goes on without it.
        if !settings.isListenExplicit && !address.isIPv4
          && (error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT)
        {
          logger.notice("no IPv6 here", metadata: ["address": "\(address)"])
          continue
        }
        throw Server.explain(error, address)
      }
    }
  }

  private func listen(on address: SocketAddress, _ streams: ClientStreams) throws {
    let receiver = ClientDatagrams(core, number: UInt32(core.value.datagrams.count))
    var options = DatagramSocket.Options()
    options.receiveBuffer = 4 << 20
    // With port 0, TCP may have no use for the port that was free for UDP. Kept, so that the kernel
    // picks another.
    var useless: [DatagramSocket] = []
    var socket: DatagramSocket
    var listener: StreamListener?
    repeat {
      socket = try openDatagrams(on: address, options, receiver)
      do {
        listener = try openStreams(on: socket.localAddress, streams)
      } catch {
        guard address.port == 0, error.code == EADDRINUSE, useless.count < Server.portAttempts
        else { throw error }
        useless.append(socket)
      }
    } while listener == nil
    receivers.append(receiver)
    core.value.datagrams.append(socket)
    if let listener { listeners.append(listener) }
    logger.info("listening", metadata: ["address": "\(socket.localAddress)"])
  }

  private func openDatagrams(
    on address: SocketAddress, _ options: DatagramSocket.Options, _ receiver: ClientDatagrams
  ) throws(SystemError) -> DatagramSocket {
    if let socket = passed.socket(.udp, at: address) {
      return try DatagramSocket(on: loop, adopting: socket, options: options, receiver: receiver)
    }
    return try DatagramSocket(on: loop, boundTo: address, options: options, receiver: receiver)
  }

  private func openStreams(
    on address: SocketAddress, _ streams: ClientStreams
  ) throws(SystemError) -> StreamListener {
    let limit = ClientStreams.inputLimit
    if let socket = passed.socket(.tcp, at: address) {
      return try StreamListener(on: loop, adopting: socket, inputLimit: limit) {
        streams.accept($0)
      }
    }
    return try StreamListener(on: loop, boundTo: address, inputLimit: limit) { streams.accept($0) }
  }

  /// Says what to do about an address that can't be had.
  private static func explain(_ error: SystemError, _ address: SocketAddress) -> StartupError {
    switch error.code {
    case EACCES, EPERM:
      StartupError(
        .unavailable,
        "cannot listen on \(address): permission denied; start as root, or give the program CAP_NET_BIND_SERVICE, or choose a port from 1024 up with --listen"
      )
    case EADDRINUSE:
      StartupError(
        .unavailable,
        "cannot listen on \(address): already in use by another program; stop that one, or choose another address or port with --listen"
      )
    case EADDRNOTAVAIL:
      StartupError(
        .unavailable,
        "cannot listen on \(address): this host has no such address; choose one of its own with --listen"
      )
    default:
      StartupError(.unavailable, "cannot listen on \(address): \(error)")
    }
  }

  /// What `ctl stats` shows of the HTTP servers.
  var httpReports: [(name: String, value: Report)] {
    [("control", control?.report ?? .none), ("http", web?.report ?? .none)]
  }

  // MARK: Running

  private func serve() throws(SystemError) {
    logger.info(
      "started",
      metadata: [
        "version": "\(DNSCacheServer.version)",
        "upstreams": "\(settings.upstreams.map(\.description).joined(separator: ","))",
        "cache": "\(MemorySize(octets: settings.cache.octets))",
      ])
    if Process.isRoot {
      logger.warning("running as root; a user of its own is safer: --user NAME")
    }
    service.ready("Serving")
    try loop.run()
    service.stopping()
    try sendLastAnswers()
    snapshot.saveNow { [service] in service.stillStopping() }
    web?.close()
    // Last: `ctl stop` takes it for the end.
    control?.close()
    // One more signal while all is taken down would end the program by its default effect.
    Process.holdSignals()
    logger.info("stopped")
  }

  /// Tells the clients that wait that there is no answer, and gives them a moment to take it.
  private func sendLastAnswers() throws(SystemError) {
    for listener in listeners { listener.close() }
    core.value.failWaiting()
    core.value.streams?.closeAll()
    let ticker = Timer(on: loop) {}
    ticker.schedule(every: Server.farewellTick)
    let deadline = EventLoop.now() + Server.farewell
    while core.value.hasUnsentAnswers, EventLoop.now() < deadline {
      try loop.runOnce(blocking: true)
    }
    // Those who asked meanwhile.
    core.value.failWaiting()
  }

  /// Ends the loop.
  func stop() {
    loop.stop()
  }
}
