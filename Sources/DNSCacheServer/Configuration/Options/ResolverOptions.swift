import ArgumentParser

/// The flags about what bounds the questions that are asked upstream.
struct ResolverOptions: ParsableArguments {
  @Option(help: .setting("resolver.in-flight")) var resolverInFlight: String?
  @Option(help: .setting("resolver.waiters")) var resolverWaiters: String?
  @Option(help: .setting("resolver.waiters-per-question"))
  var resolverWaitersPerQuestion: String?
  @Option(help: .setting("resolver.cookies")) var resolverCookies: String?
  @Option(help: .setting("resolver.edns")) var resolverEdns: String?
  @Option(help: .setting("resolver.letter-case")) var resolverLetterCase: String?
  @Option(help: .setting("resolver.tcp-connections")) var resolverTcpConnections: String?
  @Option(help: .setting("resolver.tcp-queries")) var resolverTcpQueries: String?

  @Option(help: .setting("resolver.trust-ad")) var resolverTrustAd: String?

  var given: [GivenFlag] {
    [
      GivenFlag("resolver.in-flight", resolverInFlight),
      GivenFlag("resolver.waiters", resolverWaiters),
      GivenFlag("resolver.waiters-per-question", resolverWaitersPerQuestion),
      GivenFlag("resolver.cookies", resolverCookies),
      GivenFlag("resolver.edns", resolverEdns),
      GivenFlag("resolver.letter-case", resolverLetterCase),
      GivenFlag("resolver.tcp-connections", resolverTcpConnections),
      GivenFlag("resolver.tcp-queries", resolverTcpQueries),
      GivenFlag("resolver.trust-ad", resolverTrustAd),
    ].compactMap { $0 }
  }
}
