import Configuration
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire
import System

// The settings of each room, out of the settings of all.

extension Settings {
  /// What clients may do.
  ///
  /// - Parameter local: the networks that this host is in.
  func service(in local: LocalNetworks) -> ServiceSettings {
    var service = ServiceSettings(
      allowed: allowed(with: local), version: "dns-cache-server \(DNSCacheServer.version)",
      identity: Process.hostName() ?? "dns-cache-server",
      cookieSecrets: cookieSecrets ?? CookieSecrets(current: CookieKeeper.randomSecret()))
    service.local = local.neighbourhood
    service.isPrefetching = isPrefetching
    service.clients = clients
    service.prefetchRate = prefetchRate
    service.pendingLimit = resolver.waiters
    return service
  }

  /// What bounds the resolver.
  ///
  /// - Parameter budget: how many sockets queries leave from.
  func resolverSettings(_ budget: DescriptorBudget) -> ResolverSettings {
    var settings = ResolverSettings(
      exchanges: ExchangeSettings(
        sockets: budget.sockets, otherSockets: budget.routeSockets,
        inFlightLimit: resolver.inFlight),
      waiterLimit: resolver.waiters,
      waitersPerQuestion: resolver.waitersPerQuestion)
    settings.prefetchShare = resolver.prefetchShare
    return settings
  }

  /// What is decided by the name alone.
  var policy: PolicyRules {
    PolicyRules(
      routes: routes.map(\.route), specialZones: names.specialZones,
      localZones: local.zones.map(\.zone), localDomain: local.domain,
      deniesOneLabel: local.domain != nil && local.oneLabel == .nxdomain,
      negativeTTL: local.negativeTTL)
  }

  /// Whom questions are forwarded to, each with what was said about it and about all.
  ///
  /// Without any upstream, those before stay: nobody is to be asked only until the system first names somebody.
  var forwardRoutes: ForwardRoutes {
    ForwardRoutes(
      upstreams.isEmpty ? nil : forwardServers(upstreams),
      routes: routes.map { forwardServers($0.servers) }, rules: policy)
  }

  private func forwardServers(_ servers: [UpstreamServer]) -> ForwardServers {
    ForwardServers(servers.map(forwardServer), isStrict: resolver.order == .strict)
  }

  private func forwardServer(_ upstream: UpstreamServer) -> ForwardServer {
    var rules = upstream.rules
    rules.usesCookies = rules.usesCookies && resolver.usesCookies
    rules.usesEDNS = rules.usesEDNS && resolver.usesEDNS
    rules.usesLetterCase = rules.usesLetterCase && resolver.usesLetterCase
    return ForwardServer(
      ServerAddress(upstream.address, over: upstream.transport), rules)
  }
}
