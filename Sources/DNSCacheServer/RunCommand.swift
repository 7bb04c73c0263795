import ArgumentParser
import DNSCache
import DNSFrontend
import DNSWire
import EventLoop
import Logging

/// Starts the server.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Start the server.",
    discussion: """
      SIGTERM and SIGINT save the cache and stop. SIGUSR1 saves it now.
      SIGHUP is kept for reloading, and does nothing yet.
      Exit status: 0 clean stop, 64 wrong usage, 69 cannot listen or a part is missing, 70 a fault.
      """)

  @Option(
    help: ArgumentHelp(
      "Answer on this address, UDP and TCP; repeatable. IPv6 as [::1]:53.",
      valueName: "address[:port]"))
  var listen: [String] = []

  @Option(
    help: ArgumentHelp(
      "Ask this name server; repeatable. Default: those of /etc/resolv.conf.",
      valueName: "address[:port]"))
  var upstream: [String] = []

  @Option(
    help: ArgumentHelp(
      "Answer clients of this network; repeatable. Default: loopback, private and local ones.",
      valueName: "network"))
  var allow: [String] = []

  @OptionGroup(title: "Limits of one client") var clients: ClientOptions
  @OptionGroup(title: "Names") var names: NameOptions

  @Option(help: ArgumentHelp("Memory for the cache.", valueName: "size"))
  var cacheSize = Settings.defaultCacheSize

  @Option(help: ArgumentHelp("Where the cache is kept over a restart.", valueName: "path"))
  var cacheFile: String?

  @Option(
    help: ArgumentHelp(
      "How often the cache is saved; 0 means only at shutdown.", valueName: "duration"))
  var cacheSaveInterval = Settings.defaultSaveInterval

  @Option(
    help: ArgumentHelp(
      "How long expired answers are kept for when upstream fails; 0 means never.",
      valueName: "duration"))
  var serveStale = Settings.defaultServeStale

  @Flag(
    inversion: .prefixedNo,
    help: "Ask again for what is asked for shortly before it expires.")
  var prefetch = true
  @Flag(inversion: .prefixedNo, help: "Begin answers with another record of an RRset each time.")
  var rotate = true

  @OptionGroup(title: "Times to live")
  var ttls: TTLOptions

  @OptionGroup(title: "TCP")
  var streams: StreamOptions

  @OptionGroup(title: "HTTP")
  var web: WebOptions

  @Option(help: ArgumentHelp("The socket that ctl talks to.", valueName: "path"))
  var control: String?

  @Option(
    help: ArgumentHelp(
      "The user to become when all that needs root is open. Default: stay.", valueName: "name"))
  var user: String?

  @Option(
    help: ArgumentHelp(
      "Least important messages to log: trace, debug, info, notice, warning, error.",
      valueName: "level"))
  var logLevel: String = "info"

  func run() throws {
    let level = Logger.Level(rawValue: logLevel)
    let logger = Logger(label: "dns-cache-server") { _ in LineLog(logLevel: level ?? .info) }
    do {
      guard level != nil else {
        throw StartupError(
          .usage,
          "--log-level \(logLevel): not a level; use trace, debug, info, notice, warning or error")
      }
      let service = try ServiceEnvironment.take()
      let settings = try settings(passed: service.sockets.addresses)
      try Server.run(settings, service: service, logger: logger)
    } catch let error as StartupError {
      Process.writeError("error: \(error)\n")
      throw ExitCode(error.status.rawValue)
    }
  }

  /// Checks every flag and fills in every default.
  ///
  /// - Parameter passed: the addresses of the service manager's sockets, listened on instead of the
  ///   defaults.
  private func settings(passed: [SocketAddress]) throws -> Settings {
    let isPassed = listen.isEmpty && !passed.isEmpty
    let listenAddresses =
      isPassed
      ? passed
      : try (listen.isEmpty ? Settings.defaultListen : listen).map {
        try RunCommand.address($0, flag: "--listen")
      }
    let networks = try (allow.isEmpty ? Settings.defaultAllowed : allow).map {
      try RunCommand.network($0, flag: "--allow")
    }
    guard cacheSize.octets >= Settings.leastCacheSize.octets,
      cacheSize.octets <= Settings.mostCacheSize.octets
    else {
      throw StartupError(
        .usage,
        "--cache-size \(cacheSize): must be \(Settings.leastCacheSize) to \(Settings.mostCacheSize)"
      )
    }
    guard serveStale.milliseconds <= Settings.mostServeStale.milliseconds else {
      throw StartupError(
        .usage, "--serve-stale \(serveStale): must be at most \(Settings.mostServeStale)")
    }
    var limits = CacheLimits(octets: cacheSize.octets)
    // A part of a second is one: 0 alone means never.
    limits.staleAge = UInt32((serveStale.milliseconds + 999) / 1_000)
    try ttls.apply(to: &limits)
    return Settings(
      listen: listenAddresses, isListenExplicit: isPassed || !listen.isEmpty,
      upstreams: try upstreams(listenAddresses), allowed: networks,
      clients: try clients.limits(), cookieSecrets: try clients.cookieSecrets(),
      specialZones: try names.specialZones(), rebindProtection: try names.rebinding(),
      cache: limits,
      cacheFile: cacheFile ?? Settings.defaultCacheFile(),
      saveInterval: cacheSaveInterval.milliseconds, rotates: rotate,
      control: control ?? Settings.defaultControl(),
      isPrefetching: prefetch,
      streams: try streams.limits(), user: user, web: try web.settings())
  }

  private func upstreams(_ listening: [SocketAddress]) throws -> [SocketAddress] {
    let own = OwnEndpoints(listening)
    if !upstream.isEmpty {
      let addresses = try upstream.map { try RunCommand.address($0, flag: "--upstream") }
      if let nowhere = addresses.first(where: { $0.port == 0 || $0.isUnspecified }) {
        throw StartupError(
          .usage, "--upstream \(nowhere): no server can be there; name its address and port")
      }
      for address in addresses {
        guard let listener = own.listener(at: address) else { continue }
        let place = listener == address ? "there" : "on \(listener), which includes that address,"
        throw StartupError(
          .usage, "--upstream \(address): this server listens \(place) itself; name another server")
      }
      guard addresses.count <= Settings.mostUpstreams else {
        throw StartupError(
          .usage, "--upstream: \(addresses.count) given, \(Settings.mostUpstreams) at most")
      }
      return addresses
    }
    guard let text = try? FileReader.text(of: ResolvConf.path, limit: 1 << 20) else {
      throw StartupError(
        .usage, "no upstream: \(ResolvConf.path) can't be read; name one with --upstream ADDRESS")
    }
    // A server of our own address would ask itself.
    let found = ResolvConf.nameServers(in: text)
      .compactMap { SocketAddress(String($0), defaultPort: Settings.port) }
      .filter { own.listener(at: $0) == nil && !$0.isUnspecified }
    guard !found.isEmpty else {
      throw StartupError(
        .usage,
        "no upstream: \(ResolvConf.path) names no server but this one; name one with --upstream ADDRESS"
      )
    }
    return Array(found.prefix(Settings.mostUpstreams))
  }

  /// The network that a flag names.
  static func network(_ text: String, flag: String) throws(StartupError) -> IPNetwork {
    guard let network = IPNetwork(text) else {
      throw StartupError(
        .usage,
        "\(flag) \(text): not a network; write an address and a prefix length, as 192.168.0.0/16")
    }
    return network
  }

  private static func address(_ text: String, flag: String) throws -> SocketAddress {
    guard let address = SocketAddress(text, defaultPort: Settings.port) else {
      throw StartupError(
        .usage,
        "\(flag) \(text): not an address; write 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53")
    }
    return address
  }
}
