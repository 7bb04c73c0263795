import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import Memory

// Stale answers (RFC 8767): what clients get from data whose time is over, when upstream fails or takes
// longer than they should have to wait. The question goes on meanwhile, for those who ask next. Clients with
// DO are given what is known without it where they would be told of a failure otherwise.

extension Service {
  /// Answers a query that can't be asked upstream: with what is stale or unsigned, if there is anything.
  ///
  /// - Parameters:
  ///   - error: what is told in place of the failure's own reason.
  ///   - source: where the answer comes from if it is neither stale nor a failure.
  mutating func writeFailure(
    _ header: Header, _ question: Span<UInt8>, _ failure: Failure,
    because error: ExtendedError? = nil, else source: AnswerSource,
    reply: inout MutableSpan<UInt8>, cache: inout Cache, resolver: inout Resolver, now: UInt64
  ) -> Verdict {
    if failure.cause == .nameTooLong {
      key.load(trusted: question.extracting(0..<question.count - Service.questionTail))
      var writer = MessageWriter(&reply, limit: header.limit, suffixes: suffixes)
      Service.begin(&writer, header, question)
      let count = finishNameTooLong(
        header, failure, OverlayPair(), into: &writer, cache: &cache, resolver: &resolver, now: now)
      return .reply(count, source)
    }
    if cache.limits.staleAge > 0,
      let count = composeStale(header, header.queryFlags, question, &cache, into: &reply, now: now)
    {
      return .reply(count, countStale(cache.staleness) ?? source)
    }
    if header.dnssecOK,
      let count = composeStale(
        header, header.queryFlags.allowingUnsigned, question, &cache, into: &reply, now: now)
    {
      return .reply(count, countStale(cache.staleness) ?? source)
    }
    counters.failures &+= 1
    failed.note(question, failure.cause)
    let count = Service.writeError(
      header, question, .servFail, error ?? failure.cause.extendedError, isCached: failure.isCached,
      beside: resolver.upstreamErrors(of: failure), reply: &reply)
    return .reply(count, .failure)
  }

  /// Writes a stale answer to a query that doesn't wait, if there is one.
  private mutating func composeStale(
    _ header: Header, _ queryFlags: QueryFlags, _ question: Span<UInt8>, _ cache: inout Cache,
    into reply: inout MutableSpan<UInt8>, now: UInt64
  ) -> Int? {
    key.load(trusted: question.extracting(0..<question.count - Service.questionTail))
    var writer = MessageWriter(&reply, limit: header.limit, suffixes: suffixes)
    Service.begin(&writer, header, question)
    var material = Material(queryFlags, now: UInt32(truncatingIfNeeded: now / 1000))
    material.stale = true
    return composeAnswer(header, material, from: &cache, into: &writer)
  }

  /// Writes a stale answer to a waiting client, if there is one.
  mutating func composeStale(
    _ index: Int, _ overlays: OverlayPair, into reply: inout MutableSpan<UInt8>,
    cache: inout Cache, now: UInt64
  ) -> Concluded? {
    guard cache.limits.staleAge > 0,
      let count = composeWaiting(
        index, into: &reply, cache: &cache, overlays, stale: true, now: now)
    else { return nil }
    return Concluded(count, countStale(cache.staleness))
  }

  /// Writes an answer without the signatures that a waiting client wants, if there is one: better than a failure.
  mutating func composeUnsigned(
    _ index: Int, _ overlays: OverlayPair, into reply: inout MutableSpan<UInt8>,
    cache: inout Cache, now: UInt64
  ) -> Concluded? {
    guard waiting.places[index].header.dnssecOK,
      let count = composeWaiting(
        index, into: &reply, cache: &cache, overlays, stale: true, unsigned: true, now: now)
    else { return nil }
    return Concluded(count, countStale(cache.staleness))
  }

  /// Counts an answer for which stale data was allowed; nothing when it is not stale.
  private mutating func countStale(_ staleness: Staleness) -> AnswerSource? {
    if ruleSource == .blocked { return .blocked }
    // What was stale may have been renewed by another question.
    if staleness == .none { return nil }
    counters.stale &+= 1
    return .stale
  }

  /// Gives a client that has waited long enough what is stale.
  ///
  /// - Returns: nothing when that is gone by now, and the query goes on waiting.
  mutating func concludeTimeout(
    _ index: Int, _ overlays: OverlayPair, into reply: inout MutableSpan<UInt8>, cache: inout Cache,
    resolver: inout Resolver, now: UInt64
  ) -> Concluded? {
    if let stale = composeStale(index, overlays, into: &reply, cache: &cache, now: now) {
      return stale
    }
    if let count = composeWaiting(index, into: &reply, cache: &cache, overlays, now: now) {
      return Concluded(count, ruleSource == .blocked ? .blocked : nil)
    }
    // What may not be kept of the way there is asked for once more.
    waiting.loadName(index, into: &key)
    let client = waiting.places[index]
    waiting.places[index].askedHash = key.hash
    switch resolver.ask(
      key, type: client.header.type, queryFlags: client.queryFlags, client: UInt32(index),
      since: client.started, takesStale: false, cache: &cache, now: now)
    {
    case .accepted, .joined: return nil
    case .failed(let failure):
      return writeFailure(
        index, failure, overlays, reply: &reply, cache: &cache, resolver: &resolver, now: now)
    }
  }
}
