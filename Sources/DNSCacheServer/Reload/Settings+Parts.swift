import DNSFrontend
import DNSPolicy
import DNSResolver
import EventLoop

// The settings of each room, out of the settings of all.

extension Settings {
  /// What clients may do.
  ///
  /// - Parameter local: the networks that this host is in.
  func frontend(in local: LocalNetworks) -> FrontendSettings {
    var frontend = FrontendSettings(
      allowed: allowed(with: local), version: "dns-cache-server \(DNSCacheServer.version)",
      identity: Process.hostName() ?? "dns-cache-server",
      cookieSecrets: cookieSecrets ?? CookieSecrets(current: CookieKeeper.randomSecret()))
    frontend.local = local.neighbourhood
    frontend.isPrefetching = isPrefetching
    frontend.clients = clients
    frontend.prefetchRate = prefetchRate
    frontend.pendingLimit = resolver.waiters
    frontend.policy = policy
    return frontend
  }

  /// What bounds the resolver.
  ///
  /// - Parameter socketsInUse: sockets of each upstream that queries leave from.
  func resolverSettings(socketsInUse: Int) -> ResolverSettings {
    var settings = ResolverSettings(
      upstreams: upstreams.count, socketsPerUpstream: UpstreamSockets.mostPerUpstream,
      inFlightLimit: resolver.inFlight, waiterLimit: resolver.waiters,
      waitersPerQuestion: resolver.waitersPerQuestion)
    settings.socketsInUse = socketsInUse
    settings.refreshShare = resolver.prefetchShare
    settings.isStrict = resolver.order == .strict
    settings.policy = policy
    settings.rebindProtection = rebindProtection
    return settings
  }

  /// What is decided by the name alone.
  var policy: PolicyRules {
    PolicyRules(routes: routes.map(\.route), specialZones: names.specialZones)
  }

  /// An upstream with what was said about it.
  func upstreamServer(_ address: SocketAddress) -> UpstreamServer {
    UpstreamServer(address, upstreamRules[address] ?? UpstreamRules())
  }

  /// What an upstream is asked with: what was said about it, and about all.
  func rules(of address: SocketAddress) -> UpstreamRules {
    var rules = upstreamServer(address).rules
    rules.usesCookies = rules.usesCookies && resolver.usesCookies
    rules.usesEDNS = rules.usesEDNS && resolver.usesEDNS
    rules.usesLetterCase = rules.usesLetterCase && resolver.usesLetterCase
    return rules
  }
}
