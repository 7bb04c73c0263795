import DNSCache
import DNSResolver
import DNSWire
import Memory

// Upstream's replies, and the answers that had to wait for them.

extension Frontend {
  /// Notes the question that a packet from an upstream socket seems to answer, to be read ahead.
  public mutating func noteUpstream(
    _ packet: Span<UInt8>, socket: Int, resolver: borrowing Resolver
  ) {
    if let question = resolver.question(answeredBy: packet, socket: socket) {
      notedReplies.note(question)
    }
  }

  /// Reads ahead what taking in the packets noted will need.
  public mutating func anticipateReplies(cache: borrowing Cache, resolver: borrowing Resolver) {
    for index in 0..<notedReplies.count {
      if let question = notedReplies.question(index),
        let client = resolver.anticipate(question, &seen)
      {
        seen ^= pending[Int(client)].askedHash
        seen ^= UInt32(pendingQuestions.octets(in: Int(client), count: 1)[0])
      }
    }
    seen ^= notedReplies.anticipate(in: cache)
  }

  /// The next answer that no longer has to wait.
  ///
  /// Take answers until there is none after every call that hands in a packet, a failure or a deadline;
  /// data that may be used once is gone afterwards, and what will be over soon is being asked for.
  ///
  /// - Parameter reply: where the answer is written; 65,535 octets suffice for any.
  /// - Returns: the caller's number for the client and the answer's octets.
  public mutating func nextReply(
    into reply: inout MutableSpan<UInt8>, cache: inout Cache, resolver: inout Resolver,
    now: UInt64
  ) -> (client: UInt32, transport: Transport, count: Int)? {
    while let completion = resolver.nextCompletion() {
      let index = Int(completion.client)
      guard
        var count = conclude(
          index, completion.outcome, into: &reply, cache: &cache, resolver: &resolver, now: now)
      else { continue }
      let query = pending[index]
      if query.header.unprovenOctets != 0, !admitExcess(of: count, query.header, now: now) {
        count = writeTruncated(
          query.header, pendingQuestions.octets(in: index, count: Int(query.questionCount)),
          reply: &reply)
      }
      pending.remove(index)
      limiter.returnPlace(query.share)
      // An error has cost more than the question; a client in debt isn't pressed.
      if Frontend.rcode(reply) != 0 {
        _ = limiter.admitCostly(
          from: query.header.address, isProven: query.header.isProven, now: now)
      }
      if query.asked > 1 { openChains -= 1 }
      return (query.client, query.header.transport, count)
    }
    cache.endReply(isChainOpen: openChains > 0)
    if resolver.hasFailedPrefetches { takeFailedPrefetches(cache: &cache, resolver: &resolver) }
    if cache.hasAgeing { prefetch(cache: &cache, resolver: &resolver, now: now) }
    return nil
  }

  /// Writes a waiting query's answer, or asks for what its chain of aliases leads to.
  ///
  /// - Returns: nothing when the query has to go on waiting.
  private mutating func conclude(
    _ index: Int, _ outcome: Outcome, into reply: inout MutableSpan<UInt8>, cache: inout Cache,
    resolver: inout Resolver, now: UInt64
  ) -> Int? {
    switch outcome {
    case .answeredWithoutDNSSEC, .answeredWithRemarks(_, lacksDNSSEC: true):
      pending[index].needs.insert(.unsignedToo)
    default: break
    }
    let query = pending[index]
    var failure: Failure?
    switch outcome {
    case .overdue:
      return concludeOverdue(index, into: &reply, cache: &cache, resolver: &resolver, now: now)
    case .rebound: return writeRebound(index, reply: &reply)
    case .failed(let reason): failure = reason
    case .answered, .answeredWithoutDNSSEC, .answeredWithRemarks:
      if let count = composePending(
        index, into: &reply, cache: &cache, beside: resolver.remarks(of: outcome), now: now)
      {
        if Frontend.rcode(reply) == ResponseCode.servFail.rawValue {
          pendingQuestions.noteFailed(index, query, .endlessAliases, &failed)
        }
        return count
      }
      // The key names what is missing. Asking for the same name again would change nothing.
      if query.asked < Frontend.questionsPerQuery && key.hash != query.askedHash {
        pending[index].asked += 1
        if query.asked == 1 { openChains += 1 }
        pending[index].askedHash = key.hash
        let patience = patience(query.header.type, query.needs, &reply, &cache, now: now)
        switch resolver.ask(
          key, type: query.header.type, needs: query.needs, client: UInt32(index),
          since: query.started, patience: patience, now: now)
        {
        case .accepted: return nil
        case .failed(let reason): failure = reason
        }
      }
    }
    if failure?.cause != .nameTooLong,
      let count = composeStale(index, into: &reply, cache: &cache, now: now)
    {
      return count
    }
    return writeFailure(
      index, failure, reply: &reply, cache: &cache, resolver: resolver, now: now)
  }

  /// Tells a waiting client that the name has no address that it may have.
  private func writeRebound(_ index: Int, reply: inout MutableSpan<UInt8>) -> Int {
    let query = pending[index]
    // As if the name had none, for this once: without an SOA nobody keeps it.
    return Frontend.writeError(
      query.header, pendingQuestions.octets(in: index, count: Int(query.questionCount)), .noError,
      Explanation.rebound, reply: &reply)
  }

  /// Tells a waiting client that there is no answer, unless there is one without the signatures that it wants.
  ///
  /// - Parameter failure: what was in the way; nothing when aliases lead nowhere.
  mutating func writeFailure(
    _ index: Int, _ failure: Failure?, reply: inout MutableSpan<UInt8>, cache: inout Cache,
    resolver: borrowing Resolver, now: UInt64
  ) -> Int {
    let query = pending[index]
    if let failure, failure.cause == .nameTooLong {
      return Frontend.writeError(
        query.header, pendingQuestions.octets(in: index, count: Int(query.questionCount)),
        .yxDomain, Explanation.nameTooLong, isCached: failure.isCached,
        beside: resolver.upstreamErrors(of: failure), reply: &reply)
    }
    if let count = composeUnsigned(index, into: &reply, cache: &cache, now: now) { return count }
    counters.failures &+= 1
    pendingQuestions.noteFailed(index, query, FailureReason(failure), &failed)
    guard let failure else {
      return Frontend.writeError(
        query.header, pendingQuestions.octets(in: index, count: Int(query.questionCount)),
        .servFail, Explanation.endlessAliases, reply: &reply)
    }
    return Frontend.writeError(
      query.header, pendingQuestions.octets(in: index, count: Int(query.questionCount)), .servFail,
      Explanation.of(failure), isCached: failure.isCached,
      beside: resolver.upstreamErrors(of: failure), reply: &reply)
  }

  /// Writes a waiting query's answer from what the cache has.
  ///
  /// - Parameter unsigned: what is known without DO is used for a client with DO, too.
  /// - Returns: nothing when something is missing that the key then names.
  mutating func composePending(
    _ index: Int, into reply: inout MutableSpan<UInt8>, cache: inout Cache, stale: Bool = false,
    unsigned: Bool = false, beside remarks: Span<UInt8> = Span(), now: UInt64
  ) -> Int? {
    let query = pending[index]
    let question = Int(query.questionCount)
    pendingQuestions.loadName(in: index, count: question, into: &key)
    var writer = MessageWriter(&reply, limit: query.header.limit, suffixes: suffixes)
    Frontend.begin(&writer, query.header, pendingQuestions.octets(in: index, count: question))
    if let count = compose(
      query.header, unsigned ? query.needs.orUnsigned : query.needs, from: &cache, into: &writer,
      once: true, stale: stale, beside: remarks, now: UInt32(truncatingIfNeeded: now / 1000))
    {
      return count
    }
    // An alias may lead to a name that is answered here.
    return composeSpecial(query.header, behind: cache, into: &writer)
  }
}

extension Frontend {
  /// Octets of a question behind its name: type and class.
  static let questionTail = 4
}

extension BufferPool {
  // Two parts of the frontend at once: the compiler sees that only with a method of one of them.
  fileprivate func noteFailed(
    _ index: Int, _ query: Frontend.PendingQuery, _ reason: FailureReason,
    _ failed: inout FailedQuestions
  ) {
    failed.note(octets(in: index, count: Int(query.questionCount)), reason)
  }

  /// Fills a key with the name of a question that was found to be well formed.
  fileprivate func loadName(in index: Int, count: Int, into key: inout NameKey) {
    key.load(trusted: octets(in: index, count: count - Frontend.questionTail))
  }
}
