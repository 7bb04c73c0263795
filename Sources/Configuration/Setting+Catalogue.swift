import DNSCache
import DNSService
import Logging
import Observability

// Every setting, in the order of the reference page.
//
// A new one needs two things: its field in `Settings` with the default, and its row here. The file, the flag,
// the schema and docs/configuration.md follow; `make golden` records it and writes the manual.

extension Setting {
  package static let all: [Setting] =
    general + cacheSettings + timesToLive + clientSettings + nameSettings + localSettings
    + blockSettings + resolverSettings
    + tcpSettings + logSettings

  private static let day = 86_400_000
  /// What the shortest TTL may be: longer, and names would seem not to change.
  private static let mostMinimumTTL = 3_600_000
  /// What the other TTLs may be (RFC 8767 §4 caps them at seven days).
  private static let mostTTL = 7 * day
  /// What the time for stale answers may be; RFC 8767 §5 suggests one to three days.
  ///
  /// It must be less than what the loop's clock had before the machine's start,
  /// `EventLoop.beforeStart`.
  private static let mostServeStale = 30 * day

  private static let general = [
    Setting(
      "listen", flag: "listen", .listener, arity: .some,
      help:
        "Answer on this address, UDP and TCP; IPv6 as [::1]:53; or on an interface's, as they come and go.",
      .listeners(\.listen, \.listenInterfaces, \.isListenExplicit)),
    Setting(
      "upstream", flag: "upstream", .server, arity: .some, default: "those of /etc/resolv.conf",
      help:
        "Ask this name server; \(Settings.mostUpstreams) at most. All are equal, the fastest is asked first: see upstream-order.",
      .upstreams),
    Setting(
      "upstream-order", flag: "upstream-order", .oneOf(UpstreamOrder.allCases.map(\.rawValue)),
      help:
        "Which upstream is asked first: the fastest, or in strict order the first given; the next only while the one before is down.",
      .word(\.resolver.order)),
    Setting(
      "routes", flag: "route", .item(RouteRule.kind), arity: .any, default: "none",
      help:
        "Ask other servers about some names, and never those of `upstream`; the longest match counts.",
      .routes),
    Setting(
      "allow", flag: "allow", .clientNetwork, arity: .some,
      help:
        "Answer clients of this network, or of those that this host is in; others are refused.",
      .networks(\.allowed, andLocal: \.allowsLocalNetworks)),
    Setting(
      "control", flag: "control", .text("path"),
      default: "control.sock in $RUNTIME_DIRECTORY, /run/dns-cache-server or $XDG_RUNTIME_DIR",
      help: "The socket that ctl talks to.", .text(\.control)),
    Setting(
      "http", flag: "http", .endpoint, default: "off",
      help: "The page, the verbs of ctl and metrics over HTTP at this address.",
      .address(\.web.address)),
    Setting(
      "http-token-file", flag: "http-token-file", .text("path"), default: "none",
      help:
        "File with the token that HTTP requests must bring; without one, only the page's frame, health, metrics and explain are had, on loopback.",
      .text(\.web.tokenFile)),
    Setting(
      "http-host", flag: "http-host", .text("name"), arity: .any, default: "none",
      help: "Name under which HTTP is asked for, beside addresses and localhost.",
      .texts(\.web.hosts)),
    Setting(
      "user", flag: "user", .text("name"), isLive: false, default: "stay",
      help: "The user to become when all that needs root is open.", .text(\.user)),
    Setting(
      "groups", flag: "group", .item(GroupRule.kind), arity: .any, default: "none",
      help:
        "Clients that have lists and rules of their own. Without a group named default all lists count for everybody else.",
      .groups),
    Setting(
      "state", flag: "state", .text("folder"), default: "that of cache.file",
      help: "Where compiled lists and rules made by ctl are kept.", .text(\.stateFolder)),
  ]

  private static let cacheSettings = [
    Setting(
      "cache.size", flag: "cache-size", .size(1 << 20...4 << 30),
      help:
        "Memory for the cache; a reload can make it smaller, and as large as at the start again.",
      .number(\.cache.octets)),
    Setting(
      "cache.file", flag: "cache-file", .text("path"),
      default:
        "cache.snapshot in $STATE_DIRECTORY, /var/lib/dns-cache-server or ~/.local/state/dns-cache-server",
      help: "Where the cache is kept over a restart.", .text(\.cacheFile)),
    Setting(
      "cache.save-interval", flag: "cache-save-interval", .duration(0...30 * day),
      help: "How often the cache is saved; 0 means only at shutdown.", .number(\.saveInterval)),
    Setting(
      "cache.serve-stale", flag: "serve-stale", .duration(0...mostServeStale),
      help: "How long expired answers are kept for when upstream fails; 0 means never.",
      .seconds(\.cache.staleAge)),
    Setting(
      "cache.stale-share", flag: "stale-share", .percent(0...100),
      help: "Share of the memory up to which what has expired is kept.", .number(\.cache.staleShare)
    ),
    Setting(
      "cache.prefetch", flag: "prefetch", .boolean,
      help: "Ask again for what is asked for shortly before it expires.", .boolean(\.isPrefetching)),
    Setting(
      "cache.prefetch-rate", flag: "prefetch-rate", .number(1...100_000),
      help: "Questions a second at most that are asked before their answers are over.",
      .number(\.prefetchRate)),
    Setting(
      "cache.prefetch-share", flag: "prefetch-share", .percent(1...100),
      help: "Share of the places in flight up to which such questions are added.",
      .number(\.resolver.prefetchShare)),
    Setting(
      "cache.rotate", flag: "rotate", .boolean,
      help: "Begin answers with another record of an RRset each time.", .boolean(\.rotates)),
  ]

  private static let timesToLive = [
    Setting(
      "cache.min-ttl", flag: "min-ttl", .duration(0...mostMinimumTTL),
      help: "Shortest time that records are kept; 0 stays 0.", .seconds(\.cache.minimumTTL)),
    Setting(
      "cache.max-ttl", flag: "max-ttl", .duration(0...mostTTL),
      help: "Longest time that records are kept.", .seconds(\.cache.maximumTTL)),
    Setting(
      "cache.max-negative-ttl", flag: "max-negative-ttl", .duration(0...mostTTL),
      help: "Longest time that negative answers are kept.", .seconds(\.cache.maximumNegativeTTL)),
  ]

  private static let clientSettings = [
    Setting(
      "client.rate", flag: "client-rate", .number(0...ClientLimits.mostPerSecond),
      help: "Queries a second from one client; 0 for any number.", .number(\.clients.queries)),
    Setting(
      "client.misses", flag: "client-misses", .number(0...ClientLimits.mostPerSecond),
      help:
        "Questions to be asked upstream, and errors, a second for one client; 0 for any number.",
      .number(\.clients.misses)),
    Setting(
      "client.in-flight", flag: "client-in-flight", .number(0...ClientLimits.mostInFlight),
      help:
        "Questions of one client that may wait for upstream; 0 for as many as leave room for others.",
      .number(\.clients.inFlight)),
    Setting(
      "client.amplification", flag: "client-amplification",
      .size(0...ClientLimits.mostAmplification),
      help:
        "Bytes a second that an address which may be forged gets beyond those that came from it; 0 for any number.",
      .number(\.clients.amplification)),
    Setting(
      "client.exempt", flag: "client-exempt", .network, arity: .any,
      help: "No limits of rate for clients of this network.", .networks(\.clients.exempt)),
    Setting(
      "client.cookie-secret-file", flag: "cookie-secret-file", .text("path"), default: "random",
      help: "Secrets of server cookies, for servers that share an address.",
      .text(\.cookieSecretFile)),
  ]

  private static let nameSettings = [
    Setting(
      "names.forward-special", flag: "forward-special", .specialZone, arity: .any, default: "none",
      help:
        "Ask upstream about this special zone, such as home.arpa, 10.in-addr.arpa or private-reverse.",
      .texts(\.names.forwarded)),
    Setting(
      "names.answer-special", flag: "answer-special", .specialZone, arity: .any,
      default: "all but local",
      help: "Answer this special zone here.", .texts(\.names.answered)),
    Setting(
      "names.rebind-protection", flag: "rebind-protection", .boolean,
      help: "Don't let names of the internet lead to local addresses.",
      .boolean(\.names.isRebindProtected)),
    Setting(
      "names.rebind-allow", flag: "rebind-allow", .domain, arity: .any, default: "none",
      help: "Let this domain's names lead to local addresses all the same.",
      .domains(\.names.rebindAllowed)),
    Setting(
      "names.rebind-allow-loopback", flag: "rebind-allow-loopback", .boolean,
      help: "Let names of the internet lead to loopback addresses, as block lists of mail do.",
      .boolean(\.names.rebindAllowsLoopback)),
  ]

  private static let localSettings = [
    Setting(
      "local.name", flag: "local-name", .text("name"), default: "the host's name",
      help: "This server's own name, to which its addresses lead; without a dot, in local.domain.",
      .text(\.local.name)),
    Setting(
      "local.domain", flag: "local-domain", .domain, default: "none",
      help:
        "The LAN's domain: hosts without a dot are known in it, and what isn't known here doesn't exist, unless a route has the very same domain.",
      .domain(\.local.domain)),
    Setting(
      "local.hosts", flag: "local-hosts", .text("path"), arity: .any, default: "none",
      help: "A hosts file, as /etc/hosts; read again when it changes.", .texts(\.local.hosts)),
    Setting(
      "local.leases", flag: "local-leases", .text("path"), arity: .any, default: "none",
      help:
        "A file of DHCP leases, of dnsmasq, odhcpd, ISC dhcpd or Kea; read again when it changes.",
      .texts(\.local.leases)),
    Setting(
      "local.records", flag: "local-record", .text("record"), arity: .any, default: "none",
      help: "A record as a line of a zone file; names without a final dot are in local.domain.",
      .texts(\.local.records)),
    Setting(
      "local.zones", flag: "local-zone", .item(LocalZoneRule.kind), arity: .any, default: "none",
      help: "Zones of the LAN's own, and what becomes of names in them that have no records.",
      .localZones),
    Setting(
      "local.one-label", flag: "local-one-label", .oneOf(OneLabelNames.allCases.map(\.rawValue)),
      help:
        "What becomes of names without a dot that nobody here knows, if there is a local domain: they don't exist, or upstream is asked.",
      .word(\.local.oneLabel)),
    Setting(
      "local.ttl", flag: "local-ttl", .duration(0...day),
      help: "How long local data may be kept by those who ask.", .seconds(\.local.ttl)),
    Setting(
      "local.memory", flag: "local-memory", .size(1 << 20...1 << 30), isLive: false,
      help: "Memory for local data, beside the cache's.", .number(\.local.memory)),
    Setting(
      "local.max-file-size", flag: "local-max-file-size", .size(4 << 10...1 << 30),
      help: "A larger file of local names isn't read.", .number(\.local.maxFileSize)),
  ]

  private static let blockSettings = [
    Setting(
      "block.lists", flag: "block-list", .item(BlockListRule.kind), arity: .any, default: "none",
      help: "Block lists; 16 at most.", .blockLists),
    Setting(
      "block.deny", flag: "block-deny", BlockRules.patternKind, arity: .any, default: "none",
      help: "Block this name and all below it; *.ads.example those below it alone.",
      .texts(\.block.deny)),
    Setting(
      "block.allow", flag: "block-allow", BlockRules.patternKind, arity: .any, default: "none",
      help: "Don't block this name and all below it, whatever lists say.",
      .texts(\.block.allow)),
    Setting(
      "block.answer", flag: "block-answer", BlockRules.answerKind, arity: .some,
      help:
        "What is answered for a blocked name: zero (0.0.0.0 and ::), nxdomain, nodata, refused, or an address, IPv4, IPv6 or one of each.",
      .texts(\.block.answer)),
    Setting(
      "block.ttl", flag: "block-ttl", .duration(0...day),
      help: "How long a block may be kept by those who ask.", .seconds(\.block.ttl)),
    Setting(
      "block.allow-broad", flag: "block-allow-broad", .boolean,
      help: "Let lists block top-level domains, all names of com for example.",
      .boolean(\.block.allowsBroad)),
    Setting(
      "block.bypass", flag: "block-bypass", .boolean,
      help:
        "Tell clients to keep to this server, where something is blocked: use-application-dns.net and the names of Apple's relay don't exist then.",
      .boolean(\.block.keepsClients)),
  ]

  private static let resolverSettings = [
    Setting(
      "resolver.in-flight", flag: "resolver-in-flight", .number(64...32_768), isLive: false,
      help: "Questions that may be asked upstream at a time.", .number(\.resolver.inFlight)),
    Setting(
      "resolver.waiters", flag: "resolver-waiters", .number(64...65_536), isLive: false,
      help: "Clients that may wait for them.", .number(\.resolver.waiters)),
    Setting(
      "resolver.waiters-per-question", flag: "resolver-waiters-per-question", .number(1...65_536),
      help: "Clients that may wait for one question.", .number(\.resolver.waitersPerQuestion)),
    Setting(
      "resolver.cookies", flag: "resolver-cookies", .oneOf(["auto", "off"]),
      help: "Whether upstreams that bear cookies are asked with them.",
      .automatic(\.resolver.usesCookies)),
    Setting(
      "resolver.edns", flag: "resolver-edns", .oneOf(["auto", "off"]),
      help: "Whether upstreams that bear EDNS are asked with it; DNSSEC needs it.",
      .automatic(\.resolver.usesEDNS)),
    Setting(
      "resolver.letter-case", flag: "resolver-letter-case", .oneOf(["auto", "off"]),
      help: "Whether upstreams that bear it are asked in random letter case.",
      .automatic(\.resolver.usesLetterCase)),
    Setting(
      "resolver.tcp-connections", flag: "resolver-tcp-connections", .number(1...64),
      help: "TCP connections to one upstream at most.", .number(\.resolver.connections)),
    Setting(
      "resolver.tcp-queries", flag: "resolver-tcp-queries", .number(1...10_000),
      help: "Questions on one of them at most, over its life.",
      .number(\.resolver.questionsPerConnection)),
    Setting(
      "resolver.trust-ad", flag: "resolver-trust-ad", .oneOf(ADTrust.allCases.map(\.rawValue)),
      help:
        "Whose word that data is authentic (AD) clients are told: auto, that of upstreams on this host.",
      .word(\.cache.adTrust)),
  ]

  private static let tcpSettings = [
    Setting(
      "tcp.connections", flag: "tcp-connections", .number(StreamLimits.connectionsRange),
      help: "Clients' TCP connections at most.", .number(\.streams.connections)),
    Setting(
      "tcp.connections-per-client", flag: "tcp-connections-per-client",
      .number(1...StreamLimits.connectionsRange.upperBound),
      help: "TCP connections of one client at most: an IPv4 address, an IPv6 /64.",
      .number(\.streams.connectionsPerClient)),
    Setting(
      "tcp.idle-timeout", flag: "tcp-idle-timeout", .duration(StreamLimits.idleTimeoutRange),
      help: "How long a TCP connection may be idle; less when many are open.",
      .milliseconds(\.streams.idleTimeout)),
    Setting(
      "tcp.buffers", flag: "tcp-buffers", .size(StreamLimits.buffersRange),
      help: "Memory for what TCP clients have half sent and not yet read.",
      .number(\.streams.buffers)),
  ]

  private static let logSettings = [
    Setting(
      "log.level", flag: "log-level",
      .oneOf(["trace", "debug", "info", "notice", "warning", "error"]),
      help: "Least important messages to log.",
      .word(\.logLevel)),
    Setting(
      "log.queries", flag: "log-queries", .boolean,
      help: "Log each query: client, name, type, code, source of the answer, microseconds.",
      .boolean(\.logsQueries)),
    Setting(
      "log.recent", flag: "log-recent", .number(0...QueryRing.mostQueries),
      help: "How many of the last queries `ctl log` and the page show; 0 keeps none.",
      .number(\.recentQueries)),
    Setting(
      "log.privacy", flag: "log-privacy", .oneOf(QueryPrivacy.allCases.map(\.rawValue)),
      help:
        "What is left out of them: names, clients, or all; none keeps both. log.queries is another log.",
      .word(\.logPrivacy)),
  ]
}
