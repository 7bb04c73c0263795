import DNSResolver

@testable import DNSFrontend

/// The counters that tell where an answer came from: what the frontend returns has to agree with them.
struct AnswerTally {
  private let frontend: FrontendCounters
  private let joined: UInt64

  init(_ frontend: borrowing Frontend, _ resolver: borrowing Resolver) {
    self.frontend = frontend.counters
    joined = resolver.counters.joined
  }

  /// Where the one answer came from that was counted since; nothing for what was no query.
  func source(_ now: AnswerTally) -> AnswerSource? {
    let before = frontend
    let after = now.frontend
    if after.hits != before.hits { return .hit }
    if after.stale != before.stale { return .stale }
    if after.failures != before.failures { return .failure }
    if after.limited != before.limited { return .limited }
    if after.misses != before.misses { return now.joined != joined ? .joined : .miss }
    if after.local != before.local { return .local }
    if after.refused != before.refused { return .refused }
    return nil
  }
}
