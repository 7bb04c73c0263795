import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import Logging
import System

/// All that the server is told; each field begins as its default.
///
/// What each one is called, and what it may be, is in `Setting.all`. ``SettingsSource`` fills in what
/// depends on this host.
package struct Settings: Sendable {
  package init() {}

  package var listen = Settings.defaultListen
  /// Interfaces whose addresses are listened on, too.
  package var listenInterfaces: [ListenInterface] = []
  /// Whether each address was asked for by name; a default that isn't there is left out.
  package var isListenExplicit = false
  /// Whom to ask; of nobody was named, those of `/etc/resolv.conf`.
  package var upstreams: [UpstreamServer] = []
  /// Whether ``upstreams`` were named; else they are the system's.
  package var isUpstreamExplicit = false
  /// Names that have servers of their own; the longest match counts.
  package var routes: [RouteRule] = []
  /// The networks whose clients are answered.
  package var allowed = Settings.defaultAllowed
  /// Whether those of ``LocalNetworks`` are, too.
  package var allowsLocalNetworks = true
  /// What one client may ask.
  package var clients = ClientLimits()
  /// Where secrets are that other servers have, too; nothing for one of our own.
  package var cookieSecretFile: String?
  /// What is in that file.
  package var cookieSecrets: CookieSecrets?
  /// Which names are not upstream's to answer as it likes.
  package var names = NameRules()
  /// How large the cache is, and how long what is in it is kept.
  package var cache = Settings.defaultCache
  package var cacheFile = Settings.defaultCacheFile()
  /// Milliseconds; 0 means only at shutdown.
  package var saveInterval = 300_000
  /// Whether answers begin with another record of an RRset each time.
  package var rotates = true
  package var isPrefetching = true
  /// Questions a second that are asked before their answers are over.
  package var prefetchRate = ServiceSettings.usualPrefetchRate
  /// What bounds the resolver's work.
  package var resolver = ResolverLimits()
  /// What bounds clients' TCP connections.
  package var streams = StreamLimits()
  package var control = Settings.defaultControl()
  /// The user to become once all is open; nothing to stay who started it.
  package var user: String?
  /// HTTP over TCP.
  package var web = WebSettings()
  package var logLevel = Logger.Level.info
  /// Whether each query gets a line of the log.
  package var logsQueries = false

  /// What bounds the questions in flight, and the TCP connections to upstreams.
  package struct ResolverLimits: Sendable {
    /// Questions in flight at most.
    package var inFlight = 8_192
    /// Clients waiting for them at most.
    package var waiters = 16_384
    /// Clients waiting for one question at most.
    package var waitersPerQuestion = 1_024
    /// Percent of the places in flight up to which prefetches are added.
    package var prefetchShare = ResolverSettings.usualRefreshShare
    /// Which upstream is asked first.
    package var order = UpstreamOrder.fastest
    /// Whether upstreams are asked with these, where they bear it.
    package var usesCookies = true
    package var usesEDNS = true
    package var usesLetterCase = true
    /// TCP connections to one upstream at most; unbound serves ten clients by default.
    package var connections = 8
    /// Questions on one of them at most, over its life; unbound's figure.
    package var questionsPerConnection = 200
  }
}

/// Which upstream is asked first.
package enum UpstreamOrder: String, CaseIterable, Sendable {
  /// The one that answers fastest: all are equal.
  case fastest
  /// The first one given that is not down.
  case strict
}

extension Settings {
  static let port: UInt16 = 53
  /// Upstreams at most: half of the resolver's places for them.
  ///
  /// So a reload finds a place for each new one while the replies of all old ones are still good. With so many, each with the least number
  /// of sockets, 1,024 files that may be open are still enough.
  static let mostUpstreams = ForwardServers.limit
  /// All that are asked, those of routes among them; one may stand there more than once.
  package var servers: [UpstreamServer] { upstreams + routes.flatMap(\.servers) }

  /// Servers at most, those of routes among them; as many may be on their way out after a reload.
  static let mostServers = ServerID.limit / 2

  /// Servers of the system that there is room for beside those of routes (resolv.conf(5), MAXNS).
  static let systemServers = 3

  /// 127.0.0.1 and ::1.
  static var defaultListen: [SocketAddress] {
    ["127.0.0.1", "::1"].compactMap { SocketAddress($0, defaultPort: port) }
  }

  /// Loopback, private, link-local and unique-local networks.
  static var defaultAllowed: [IPNetwork] { IPNetwork.notGlobal }

  private static var defaultCache: CacheLimits {
    var limits = CacheLimits(octets: 256 << 20)
    limits.staleAge = 86_400
    limits.adTrust = .auto
    return limits
  }

  /// A folder that a service manager set, or the usual one where we may write, or the user's own.
  static func folder(environment: String, system: String, user: () -> String?) -> String {
    if let folder = Process.environment(environment) {
      // systemd separates several by colons; the first is ours.
      return String(folder.split(separator: ":").first ?? "")
    }
    if Process.canWrite(folder: system) { return system }
    return user() ?? system
  }

  static func defaultCacheFile() -> String {
    let name = "dns-cache-server"
    return folder(environment: "STATE_DIRECTORY", system: "/var/lib/\(name)") {
      Process.environment("XDG_STATE_HOME").map { "\($0)/\(name)" }
        ?? Process.environment("HOME").map { "\($0)/.local/state/\(name)" }
    } + "/cache.snapshot"
  }

  /// The control socket of a server that is a system service.
  package static let systemControl = "/run/dns-cache-server/control.sock"

  package static func defaultControl() -> String {
    let name = "dns-cache-server"
    return folder(environment: "RUNTIME_DIRECTORY", system: "/run/\(name)") {
      Process.environment("XDG_RUNTIME_DIR").map { "\($0)/\(name)" }
        ?? Process.environment("HOME").map { "\($0)/.local/state/\(name)" }
    } + "/control.sock"
  }
}
