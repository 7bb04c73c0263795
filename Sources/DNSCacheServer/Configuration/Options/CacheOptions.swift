import ArgumentParser

/// The flags about the cache and how long answers are kept.
struct CacheOptions: ParsableArguments {
  @Option(help: .setting("cache.size")) var cacheSize: String?
  @Option(help: .setting("cache.file")) var cacheFile: String?
  @Option(help: .setting("cache.save-interval")) var cacheSaveInterval: String?
  @Option(help: .setting("cache.serve-stale")) var serveStale: String?
  @Option(help: .setting("cache.stale-share")) var staleShare: String?
  @Flag(inversion: .prefixedNo, help: .setting("cache.prefetch")) var prefetch: Bool?
  @Option(help: .setting("cache.prefetch-rate")) var prefetchRate: String?
  @Option(help: .setting("cache.prefetch-share")) var prefetchShare: String?
  @Flag(inversion: .prefixedNo, help: .setting("cache.rotate")) var rotate: Bool?
  @Option(help: .setting("cache.min-ttl")) var minTtl: String?
  @Option(help: .setting("cache.max-ttl")) var maxTtl: String?
  @Option(help: .setting("cache.max-negative-ttl")) var maxNegativeTtl: String?

  var given: [GivenFlag] {
    [
      GivenFlag("cache.size", cacheSize), GivenFlag("cache.file", cacheFile),
      GivenFlag("cache.save-interval", cacheSaveInterval),
      GivenFlag("cache.serve-stale", serveStale), GivenFlag("cache.stale-share", staleShare),
      GivenFlag("cache.prefetch", prefetch), GivenFlag("cache.prefetch-rate", prefetchRate),
      GivenFlag("cache.prefetch-share", prefetchShare), GivenFlag("cache.rotate", rotate),
      GivenFlag("cache.min-ttl", minTtl), GivenFlag("cache.max-ttl", maxTtl),
      GivenFlag("cache.max-negative-ttl", maxNegativeTtl),
    ].compactMap { $0 }
  }
}
