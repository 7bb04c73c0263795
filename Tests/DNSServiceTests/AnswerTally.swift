import DNSExchange
import DNSResolver

@testable import DNSService

/// The counters that tell where an answer came from: what the service returns has to agree with them.
struct AnswerTally {
  private let service: ServiceCounters
  private let joined: UInt64

  init(_ service: borrowing Service, _ resolver: borrowing Resolver) {
    self.service = service.counters
    joined = resolver.counters.joined
  }

  /// Where the one answer came from that was counted since; nothing for what was no query.
  func source(_ now: AnswerTally) -> AnswerSource? {
    let before = service
    let after = now.service
    if after.hits != before.hits { return .hit }
    if after.stale != before.stale { return .stale }
    if after.failures != before.failures { return .failure }
    if after.limited != before.limited { return .limited }
    if after.blocked != before.blocked { return .blocked }
    if after.misses != before.misses { return now.joined != joined ? .joined : .miss }
    if after.local != before.local { return .local }
    if after.refused != before.refused { return .refused }
    return nil
  }
}
