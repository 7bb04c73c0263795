import DNSCache
import DNSExchange
import DNSResolver
import DNSService
import DNSWire
import Logging
import Observability
import System

/// The settings of a server; each field begins with its default.
///
/// `Setting.all` has the name of each and the values that it may have.
package struct Settings: Sendable {
  /// Addresses to listen on.
  package var listen = Settings.defaultListen
  /// Interfaces whose addresses to listen on as well.
  package var listenInterfaces: [ListenInterface] = []
  /// Whether ``listen`` was given; a default address that this host lacks is left out.
  package var isListenExplicit = false
  /// The name servers to ask; those of `/etc/resolv.conf` if none is given.
  package var upstreams: [UpstreamServer] = []
  /// Whether ``upstreams`` were given; else they are the system's.
  package var isUpstreamExplicit = false
  /// Names that have servers of their own; the longest match counts.
  package var routes: [RouteRule] = []
  /// The networks whose clients are answered.
  package var allowed = Settings.defaultAllowed
  /// Whether clients in ``LocalNetworks`` are answered as well.
  package var allowsLocalNetworks = true
  /// What one client may ask.
  package var clients = ClientLimits()
  /// The file of cookie secrets that are shared with other servers; nil for a random secret.
  package var cookieSecretFile: String?
  /// What ``cookieSecretFile`` holds.
  package var cookieSecrets: CookieSecrets?
  /// Names that are answered here, and names whose answers are filtered.
  package var names = NameRules()
  /// The LAN's own names.
  package var local = LocalRules()
  /// How many of the last queries are kept for people to look at, and what of them is left out.
  package var recentQueries = 10_000
  package var logPrivacy = QueryPrivacy.none
  /// Which names are blocked.
  package var block = BlockRules()
  /// The folder of what this server keeps beside the cache; nil for that of ``cacheFile``.
  package var stateFolder: String?
  /// The size of the cache, and the bounds of TTLs.
  package var cache = Settings.defaultCache
  package var cacheFile = Settings.defaultCacheFile()
  /// Milliseconds between two saves of the cache; 0 means only at shutdown.
  package var saveInterval = 300_000
  /// Whether answers begin with another record of an RRset each time.
  package var rotates = true
  package var isPrefetching = true
  /// Prefetches a second.
  package var prefetchRate = ServiceSettings.usualPrefetchRate
  /// What bounds the resolver's work.
  package var resolver = ResolverLimits()
  /// What bounds clients' TCP connections.
  package var streams = StreamLimits()
  package var control = Settings.defaultControl()
  /// The user to become once everything is open; nil to stay the same.
  package var user: String?
  package var web = WebSettings()
  package var logLevel = Logger.Level.info
  /// Whether each query gets a line of the log.
  package var logsQueries = false

  package init() {}

  /// What bounds the questions in flight, and the TCP connections to upstreams.
  package struct ResolverLimits: Sendable {
    /// Questions in flight at most.
    package var inFlight = 8_192
    /// Clients waiting for them at most.
    package var waiters = 16_384
    /// Clients waiting for one question at most.
    package var waitersPerQuestion = 1_024
    /// Percent of ``inFlight`` up to which prefetches are added.
    package var prefetchShare = ResolverSettings.usualPrefetchShare
    /// Which upstream is asked first.
    package var order = UpstreamOrder.fastest
    /// Whether these are used with upstreams that support them.
    package var usesCookies = true
    package var usesEDNS = true
    package var usesLetterCase = true
    /// TCP connections to one upstream at most; unbound serves ten clients by default.
    package var connections = 8
    /// Questions on one of them at most, over its life; unbound's figure.
    package var questionsPerConnection = 200
  }
}

/// HTTP over TCP: where, and for whom.
package struct WebSettings: Sendable, Equatable {
  /// Where to listen; nil for no HTTP at all.
  package var address: Endpoint?
  /// The file with the token that requests have to bring; nil for none.
  package var tokenFile: String?
  /// Names that a request's Host may have, beside addresses and localhost.
  package var hosts: [String] = []
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
  /// Most upstreams: half of what the resolver's table holds.
  ///
  /// So a reload finds a slot for each new one while replies of all old ones still count. With so many, each with the
  /// least number of sockets, a limit of 1,024 open files is still enough.
  static let mostUpstreams = ForwardServers.limit
  /// All servers that are asked, those of routes included; one may occur more than once.
  package var servers: [UpstreamServer] { upstreams + routes.flatMap(\.servers) }

  /// Most servers, those of routes included; as many may be retired after a reload.
  static let mostServers = ServerID.limit / 2

  /// Servers of the system to leave room for beside those of routes (MAXNS, resolv.conf(5)).
  static let systemServers = 3

  /// 127.0.0.1 and ::1.
  static var defaultListen: [Endpoint] {
    ["127.0.0.1", "::1"].compactMap { Endpoint($0, defaultPort: port) }
  }

  /// Loopback, private, link-local and unique-local networks.
  static var defaultAllowed: [IPNetwork] { IPNetwork.notGlobal }

  private static var defaultCache: CacheLimits {
    var limits = CacheLimits(octets: 256 << 20)
    limits.staleAge = 86_400
    limits.adTrust = .auto
    return limits
  }

  /// The folder that a service manager has set; else the system's if we may write there; else the user's.
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

extension Settings {
  /// The folder of compiled lists.
  package var listFolder: String {
    let cache = cacheFile.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let beside = cache.isEmpty ? "." : cache.joined(separator: "/")
    return "\(stateFolder ?? beside)/lists"
  }
}

// MARK: Files with secrets

extension Settings {
  /// A warning for each file of secrets that every user of this host may read or change.
  ///
  /// Not an error: a folder above may keep others out.
  package var exposedSecrets: [String] {
    [web.tokenFile, cookieSecretFile].compactMap { path in
      guard let path, let file = try? FileReader(path: path), file.isOpenToOthers else {
        return nil
      }
      return "others on this host may read or change the secret in \(path): chmod o-rwx \(path)"
    }
  }
}
