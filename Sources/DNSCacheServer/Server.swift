import Configuration
import Control
import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire
import EventLoop
import Glibc
import Logging
import Memory
import Observability
import System

/// The wiring: makes the loop, the worker and everything that feeds it, and runs until told to stop.
final class Server {
  let loop: EventLoop
  let worker: Pinned<Worker>
  /// What is in force.
  var settings: Settings
  /// Where settings come from, to be read again.
  let source: SettingsSource
  /// Where lines of the log go.
  let log: LogSink
  let logger: Logger
  /// The least level that is logged.
  let threshold: LogThreshold
  let listeners: Listeners
  /// The networks that this host is in, as far as was seen.
  var localNetworks: LocalNetworks
  /// The addresses that this host has, as far as was seen.
  var host = HostAddresses([])
  /// Looks at them again when they couldn't be read.
  var lookingAgain: Timer?
  /// How often there were more of them than are served.
  var localNetworksCut: UInt64 = 0
  /// Removes from the cache what new rules forbid.
  private(set) var purging: PurgeJob?
  let started = EventLoop.now()

  private var signals: [SignalSource] = []
  private(set) var maintenance: Maintenance?
  private var limitLog: LimitLog?
  private(set) var cookies: CookieKeeper?
  let snapshot: SnapshotKeeper
  let history = HistoryKeeper()
  /// Tells when files change.
  let files: FileWatcher
  /// Keeps the LAN's own names.
  let local: LocalKeeper
  /// Keeps block lists, and the rules that go before them.
  let lists: ListKeeper
  let blocking: BlockKeeper
  let tickBudget: TickBudget
  /// Sees when the system's name servers change, as long as they are who is asked.
  var systemServers: [FileWatch] = []
  private var clock: ClockWatch?
  /// Those who wait for a reload that is under way.
  var reloads: [ReloadCompletion] = []
  /// Has a file read again that may be still being written.
  var rereading: Timer?
  /// Whether the configuration in force came from a file.
  var hasFile = false
  var control: ControlSocket?
  let service: ServiceManager
  var web: WebServer?
  /// Performs the verbs.
  private(set) var api: ControlAPI?
  /// What was given up and still goes on for some seconds.
  let retirements: Retirements

  /// Signals that ask for something and end a program that doesn't know them: held back from the very start
  /// until there is someone to hear them.
  static let requestSignals = [SIGHUP, SIGUSR1]

  /// Milliseconds at the end for clients to take the answers that are written.
  private static let farewell: UInt64 = 200
  /// Milliseconds between two looks at whether they did.
  private static let farewellTick: UInt64 = 10

  /// Serves until SIGTERM, SIGINT or `ctl stop`; then saves the cache.
  static func run(
    _ settings: Settings, from source: SettingsSource, service: ServiceEnvironment, log: LogSink
  ) throws(StartupError) {
    let threshold = LogThreshold(settings.logLevel)
    let logger = Logger(label: "dns-cache-server") { _ in LineLog(log, threshold) }
    // First of all: a user that isn't there is no reason to open anything.
    let privileges = try settings.user.map { name throws(StartupError) in
      try PrivilegeDrop(to: name)
    }
    let server: Server
    do {
      server = try Server(
        settings, from: source, service: service, privileges: privileges, log, threshold, logger)
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
    // Before the loop goes.
    log.finish()
    server.worker.destroy()
  }

  private init(
    _ settings: Settings, from source: SettingsSource, service: ServiceEnvironment,
    privileges: PrivilegeDrop?, _ log: LogSink, _ threshold: LogThreshold, _ logger: Logger
  ) throws {
    self.settings = settings
    self.source = source
    self.log = log
    self.logger = logger
    self.threshold = threshold
    loop = try EventLoop()
    log.attach(to: loop)
    let budget = DescriptorBudget(settings, limit: DescriptorLimit.raise())
    if let complaint = budget.complaint { logger.warning("\(complaint)") }
    for complaint in settings.exposedSecrets { logger.warning("\(complaint)") }
    var random = SystemRandomNumberGenerator()
    let seed = HashSeed(random.next(), random.next())
    host = .asFarAsTold()
    localNetworks = LocalNetworks(of: host, besides: settings.allowed)
    let policy = Pinned(Policy(settings.policy, localOctets: settings.local.memory, seed: seed))
    worker = Pinned(
      Worker(
        Service(settings: settings.service(in: localNetworks), policy: policy, seed: seed),
        Cache(limits: settings.cache, seed: seed),
        Resolver(
          settings: settings.resolverSettings(budget),
          policy: policy, seed: seed, random: RandomPool(), now: EventLoop.now()),
        policy))
    worker.value.keepQueries(settings.recentQueries, settings.logPrivacy)
    worker.value.setAnswering(settings)
    retirements = Retirements(on: loop)
    listeners = Listeners(
      on: loop, worker: worker, passed: service.sockets, retirements: retirements, logger: logger)
    snapshot = SnapshotKeeper(
      on: loop, worker: worker, path: settings.cacheFile, interval: settings.saveInterval,
      logger: logger)
    files = FileWatcher(on: loop) { error in
      logger.warning("\(error); files that change are seen after some seconds")
    }
    local = LocalKeeper(on: loop, worker: worker, files: files, logger: logger)
    lists = ListKeeper(on: loop, worker: worker, files: files, logger: logger)
    blocking = BlockKeeper(on: loop, worker: worker, settings: settings, logger: logger)
    tickBudget = TickBudget(on: loop, worker: worker)
    self.service = ServiceManager(on: loop, service, logger: logger) { [worker] in
      Server.statusLine(worker.value)
    }
    worker.value.setTimers(
      EndOfTick(on: loop) { [worker] in worker.value.finishTick() },
      Timer(on: loop) { [worker] in worker.value.deadlinePassed() })
    if settings.logsQueries { worker.value.logQueries(to: log) }
    worker.value.streams = try ClientStreams(
      on: loop, limits: budget.streams, worker: worker, budget: tickBudget)
    try service.sockets.checkAll(areAmong: settings.listening(on: host).addresses)
    listeners.apply(try listeners.prepare(settings, on: host))
    listeners.lookForMissing(settings, on: host)
    worker.value.upstreams = try UpstreamSockets(
      on: loop, worker: worker, retirements: retirements,
      logger: logger)
    worker.value.upstreamStreams = UpstreamStreams(
      on: loop, limits: settings.resolver, worker: worker, budget: tickBudget)
    _ = worker.value.setRoutes(settings.forwardRoutes, isPolicyNew: true)
    watchNetwork()
    announceLocalNetworks()
    worker.value.healthLog = UpstreamHealthLog(on: loop, worker: worker, logger: logger)
    history.begin(self)
    maintenance = Maintenance(on: loop, worker: worker)
    purging = PurgeJob(on: loop, worker) { [logger] removed in
      if removed > 0 {
        logger.info("removed what new rules forbid", metadata: ["rrsets": "\(removed)"])
      }
    }
    limitLog = LimitLog(on: loop, worker: worker, logger: logger)
    cookies = CookieKeeper(on: loop, worker: worker, isShared: settings.cookieSecrets != nil)
    for signal in [SIGTERM, SIGINT] {
      signals.append(try SignalSource(on: loop, signal: signal) { [unowned self] in stop() })
    }
    signals.append(
      try SignalSource(on: loop, signal: SIGUSR1) { [unowned self] in snapshot.save { _ in } })
    signals.append(
      // What is wrong is in the log.
      try SignalSource(on: loop, signal: SIGHUP) { [unowned self] in reload { _ in } })
    Process.release(Server.requestSignals)
    let api = ControlAPI(on: loop, worker: worker, server: self)
    self.api = api
    web = try WebServer(settings.web, on: loop, worker: worker, api: api, budget: tickBudget)
    announceWeb()
    // All that needs root is open; what follows is the user's.
    try changeUser(privileges)
    do {
      control = try ControlSocket(on: loop, path: settings.control, api: api, budget: tickBudget)
    } catch {
      throw StartupError(.unavailable, ControlAddress.cannotOpen(settings.control, error))
    }
    local.whenWidened = { [unowned self] in
      // Names of the cache may be under a wildcard that is new.
      applyServers(isPolicyNew: true)
      purging?.start()
    }
    // As the user that reads them from now on, and before anybody is answered.
    local.reconfigure(settings.local, host: host)
    local.readAtStart()
    lists.whenChanged = { [unowned self] in blockingChanged() }
    blocking.whenChanged = { [unowned self] in blockingChanged() }
    applyBlocking()
    lists.loadAtStart()
    snapshot.load()
    watchClock()
    hasFile = (try? source.text(pipeTimeout: 0)) != nil
    watchSystemServers()
  }

  /// Has ages corrected when the clock is set after the snapshot was read.
  private func watchClock() {
    do {
      clock = try ClockWatch(on: loop) { [unowned self] in
        snapshot.clockWasSet()
        local.clockWasSet()
        blocking.clockWasSet()
      }
    } catch {
      logger.notice(
        "that the clock is set isn't told here; it is found out before each save",
        metadata: ["error": "\(error)"])
    }
  }

  // MARK: Running

  private func serve() throws(SystemError) {
    logger.info(
      "started",
      metadata: [
        "version": "\(DNSCacheServer.version)",
        "upstreams": "\(settings.upstreams.map(\.address.description).joined(separator: ","))",
        "cache": "\(Quantity.size.text(settings.cache.octets))",
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
    retirements.endAll()
    // Last: `ctl stop` takes it for the end.
    control?.close()
    // One more signal while all is taken down would end the program by its default effect.
    Process.holdSignals()
    logger.info("stopped")
  }

  /// Tells the clients that wait that there is no answer, and gives them a moment to take it.
  private func sendLastAnswers() throws(SystemError) {
    listeners.close()
    worker.value.failWaiting()
    worker.value.streams?.closeAll()
    let ticker = Timer(on: loop) {}
    ticker.schedule(every: Server.farewellTick)
    let deadline = EventLoop.now() + Server.farewell
    while worker.value.hasUnsentAnswers, EventLoop.now() < deadline {
      try loop.runOnce(blocking: true)
    }
    // Those who asked meanwhile.
    worker.value.failWaiting()
  }

  /// Ends the loop.
  func stop() {
    loop.stop()
  }
}
