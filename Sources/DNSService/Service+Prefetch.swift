import DNSCache
import DNSExchange
import DNSResolver
import DNSWire

// Prefetching: what is asked for in the last tenth of its life is asked for again in the background, so
// that nobody has to wait for a name in regular use. The cache notes it at the cost of one comparison.

extension Service {
  /// Asks upstream for what the cache has noted.
  ///
  /// A prefetch that fails costs nobody anything: the data stays good for as long as it was to be.
  @inline(never)
  mutating func prefetch(cache: inout Cache, resolver: inout Resolver, now: UInt64) {
    let seconds = UInt32(truncatingIfNeeded: now / 1000)
    while let (type, setType, queryFlags) = cache.takePrefetchCandidate(into: &key) {
      guard settings.isPrefetching else { continue }
      guard prefetchBudget.hasPermit(now: now) else {
        counters.prefetchLimit &+= 1
        continue
      }
      switch resolver.prefetch(key, type: type, queryFlags: queryFlags, now: now) {
      case .tooSoon: break
      case .refused:
        counters.prefetchLimit &+= 1
      case .isInFlight:
        cache.noteRenewal(of: key, type: setType, queryFlags: queryFlags, now: seconds)
      case .started:
        prefetchBudget.spend()
        counters.prefetches &+= 1
        cache.noteRenewal(of: key, type: setType, queryFlags: queryFlags, now: seconds)
      }
    }
  }
}

extension Service {
  /// Has the data of prefetches that failed asked for again with the next question for it.
  @inline(never)
  mutating func takeFailedPrefetches(cache: inout Cache, resolver: inout Resolver) {
    while let (type, queryFlags) = resolver.takeFailedPrefetch(into: &key) {
      cache.forgetRenewal(of: key, type: type, queryFlags: queryFlags)
    }
  }
}

/// How often something may be done: permits come at a steady rate and can be saved up to a number.
struct PrefetchBudget {
  /// Permits that come in a second; those of one second can be saved up.
  private let perSecond: UInt64
  /// Permits, in thousandths.
  private var saved: UInt64
  /// When `saved` was right.
  private var time: UInt64 = 0

  init(perSecond: Int) {
    self.perSecond = UInt64(max(perSecond, 0))
    saved = self.perSecond * 1_000
  }

  /// Whether there is a permit.
  ///
  /// - Parameter now: the time in milliseconds.
  mutating func hasPermit(now: UInt64) -> Bool {
    if now > time {
      let most = perSecond * 1_000
      saved += min((now - time) * perSecond, most - saved)
      time = now
    }
    return saved >= 1_000
  }

  /// Uses a permit up.
  mutating func spend() { saved -= 1_000 }
}
