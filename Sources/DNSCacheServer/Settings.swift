import DNSCache
import DNSFrontend
import DNSResolver
import DNSWire
import EventLoop

/// All that the server is told, with every default filled in.
struct Settings {
  var listen: [SocketAddress]
  /// Whether each address was asked for by name; a default that isn't there is left out.
  var isListenExplicit: Bool
  var upstreams: [SocketAddress]
  var allowed: [IPNetwork]
  /// What one client may ask.
  var clients: ClientLimits
  /// Secrets that other servers have, too; nothing for one of our own.
  var cookieSecrets: CookieSecrets?
  /// Zones that are answered here.
  var specialZones: [SpecialZone]
  /// What is done with names that lead to local addresses.
  var rebindProtection: RebindProtection?
  /// How large the cache is, and how long what is in it is kept.
  var cache: CacheLimits
  var cacheFile: String
  /// Milliseconds; 0 means only at shutdown.
  var saveInterval: Int
  /// Whether answers begin with another record of an RRset each time.
  var rotates: Bool
  var control: String
  var isPrefetching: Bool
  /// What bounds clients' TCP connections.
  var streams = StreamLimits()
  /// The user to become once all is open; nothing to stay who started it.
  var user: String?
  /// HTTP over TCP.
  var web = WebSettings()

  static let defaultListen = ["127.0.0.1:53", "[::1]:53"]
  static let port: UInt16 = 53
  static let defaultCacheSize = MemorySize(octets: 256 << 20)
  static let defaultSaveInterval = Duration(milliseconds: 300_000)
  static let defaultServeStale = Duration(milliseconds: 86_400_000)
  /// The longest time for stale answers; RFC 8767 §5 suggests one to three days.
  ///
  /// It must be less than what the loop's clock had before the machine's start,
  /// `EventLoop.beforeStart`.
  static let mostServeStale = Duration(milliseconds: 30 * 86_400_000)
  /// What `MemorySize` may be; less than the least is an error rather than a surprise.
  static let leastCacheSize = MemorySize(octets: 1 << 20)
  static let mostCacheSize = MemorySize(octets: 4 << 30)
  /// Upstreams at most; the resolver keeps a bit for each.
  static let mostUpstreams = 8

  /// Loopback, private, link-local and unique-local networks.
  static let defaultAllowed = [
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128",
    "fe80::/10", "fc00::/7",
  ]

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
  static let systemControl = "/run/dns-cache-server/control.sock"

  static func defaultControl() -> String {
    let name = "dns-cache-server"
    return folder(environment: "RUNTIME_DIRECTORY", system: "/run/\(name)") {
      Process.environment("XDG_RUNTIME_DIR").map { "\($0)/\(name)" }
        ?? Process.environment("HOME").map { "\($0)/.local/state/\(name)" }
    } + "/control.sock"
  }
}
