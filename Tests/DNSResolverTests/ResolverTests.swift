import DNSCache
import DNSExchange
import DNSPolicy
import DNSWire
import Memory
import Testing

@testable import DNSResolver

@Suite("Who waits for lookups")
struct ResolverTests {
  /// Draws the same number again and again.
  private struct Constant: RandomNumberGenerator {
    mutating func next() -> UInt64 { 0x0123_4567_89AB_CDEF }
  }

  /// Queries come in while nobody takes completions, so that those who were told are still there when others wait in
  /// their places, and are told, too.
  @Test func `everybody is told once, however many are told before it is looked at`() throws {
    let names = try (0..<2_000).map { try Name("n\($0).example.net").wire }
    let seed = HashSeed(1, 2)
    let limit = 4
    let policy = Pinned(Policy(PolicyRules(), seed: seed))
    defer { policy.destroy() }
    var cache = Cache(limits: CacheLimits(octets: CacheLimits.leastOctets), seed: seed)
    var resolver = Resolver(
      settings: ResolverSettings(
        exchanges: ExchangeSettings(sockets: 4, inFlightLimit: limit), waiterLimit: limit),
      policy: policy, seed: seed, random: Constant(), now: 0)
    let server = ForwardServer(ServerAddress(Endpoint(IPAddress(v4: 0xC633_6401), port: 53)))
    _ = resolver.setRoutes(ForwardRoutes(ForwardServers([server])), cache: &cache, now: 0)
    var accepted: [UInt32] = []
    var now: UInt64 = 0
    for client in 0..<UInt32(names.count) {
      // Whoever is new takes the slot of the question that waits longest, which fails.
      if client.isMultiple(of: 4) { now += ResolverTiming.graceWhenFull / 3 }
      var key = NameKey(seed: seed)
      let name = names[Int(client)]
      key.load(trusted: name.span)
      switch resolver.ask(key, type: .a, client: client, since: now, cache: &cache, now: now) {
      case .accepted, .joined: accepted.append(client)
      case .failed: break
      }
    }
    #expect(accepted.count > 100)
    resolver.failAll(now: now)
    var told: [UInt32] = []
    while let completion = resolver.nextCompletion(cache: &cache, now: now) {
      told.append(completion.client)
    }
    #expect(told.sorted() == accepted)
    #expect(resolver.waiting == 0 && resolver.inFlight == 0)
  }
}
