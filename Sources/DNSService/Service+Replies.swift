import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import Memory

// Upstream's replies, and the answers that had to wait for them.

extension Service {
  /// Notes the question that a packet from an upstream socket seems to answer, to be read ahead.
  public mutating func noteUpstream(
    _ packet: Span<UInt8>, socket: SocketID, resolver: inout Resolver
  ) {
    if let question = resolver.exchanges.question(answeredBy: packet, socket: socket) {
      notedReplies.note(question)
    }
  }

  /// Reads ahead what taking in the packets noted will need.
  public mutating func anticipateReplies(cache: inout Cache, resolver: inout Resolver) {
    for index in 0..<notedReplies.count {
      if let question = notedReplies.question(index),
        let client = resolver.anticipate(question, &seen)
      {
        seen ^= waiting.anticipate(Int(client))
      }
    }
    seen ^= notedReplies.anticipate(in: cache)
  }

  /// An answer that had to wait, and where it goes.
  public struct Delivery {
    /// Octets of the answer.
    public var count: Int
    /// Where the client is.
    public var address: IPAddress
    /// How its query came.
    public var transport: Transport
    /// The way there.
    public var path: ReturnPath
    /// Where the answer comes from.
    public var source: AnswerSource
  }

  /// An answer to a client that waited.
  struct Concluded {
    /// Its octets.
    var count: Int
    /// Where it comes from; nothing for where it was expected from.
    var source: AnswerSource?

    init(_ count: Int, _ source: AnswerSource? = nil) {
      self.count = count
      self.source = source
    }
  }

  /// The next answer that no longer has to wait.
  ///
  /// Take answers until there is none after every call that hands in a packet, a failure or a deadline;
  /// what will expire soon is being asked for afterwards.
  ///
  /// - Parameter reply: where the answer is written; 65,535 octets suffice for any.
  public mutating func nextReply(
    into reply: inout MutableSpan<UInt8>, cache: inout Cache, resolver: inout Resolver,
    now: UInt64
  ) -> Delivery? {
    while let completion = resolver.nextCompletion(cache: &cache, now: now) {
      let index = Int(completion.client)
      let answer = conclude(
        index, completion, into: &reply, cache: &cache, resolver: &resolver, now: now)
      cache.release(completion.overlays)
      guard var answer else { continue }
      let header = waiting.places[index].header
      if header.unprovenOctets != 0, !admitExcess(of: answer.count, header, now: now) {
        answer.count = writeTruncated(header, waiting.question(index), reply: &reply)
      }
      limiter.returnPlace(waiting.places[index].share)
      // An error has cost more than the question; a client in debt isn't pressed.
      if Service.rcode(reply) != 0 {
        _ = limiter.admitCostly(from: header.address, isProven: header.isProven, now: now)
      }
      let delivery = Delivery(
        count: answer.count, address: header.address, transport: header.transport,
        path: waiting.places[index].path, source: answer.source ?? waiting.places[index].source)
      waiting.remove(index)
      return delivery
    }
    if resolver.hasFailedPrefetches { takeFailedPrefetches(cache: &cache, resolver: &resolver) }
    if cache.hasPrefetchCandidates { prefetch(cache: &cache, resolver: &resolver, now: now) }
    return nil
  }

  /// Writes a waiting query's answer.
  ///
  /// - Returns: nothing when the query has to go on waiting.
  private mutating func conclude(
    _ index: Int, _ completion: Completion, into reply: inout MutableSpan<UInt8>,
    cache: inout Cache, resolver: inout Resolver, now: UInt64
  ) -> Concluded? {
    let failure: Failure
    switch completion.outcome {
    case .clientResponseTimeout(let lacksDNSSEC):
      if lacksDNSSEC { waiting.places[index].queryFlags.insert(.allowUnsigned) }
      return concludeTimeout(
        index, completion.overlays, into: &reply, cache: &cache, resolver: &resolver, now: now)
    case .failed(let reason): failure = reason
    case .answered(_, let lacksDNSSEC):
      if lacksDNSSEC { waiting.places[index].queryFlags.insert(.allowUnsigned) }
      if let count = composeWaiting(
        index, into: &reply, cache: &cache, completion.overlays,
        beside: resolver.remarks(of: completion.outcome), now: now)
      {
        if Service.rcode(reply) == ResponseCode.servFail.rawValue {
          waiting.noteFailed(index, .endlessAliases, in: &failed)
        }
        return Concluded(count, ruleSource == .blocked ? .blocked : nil)
      }
      guard let reason = askForLink(index, cache: &cache, resolver: &resolver, now: now) else {
        return nil
      }
      failure = reason
    }
    if failure.cause != .nameTooLong,
      let stale = composeStale(
        index, completion.overlays, into: &reply, cache: &cache, now: now)
    {
      return stale
    }
    return writeFailure(
      index, failure, completion.overlays, reply: &reply, cache: &cache, resolver: &resolver,
      now: now)
  }

  /// Asks for a link of the cached aliases that led to what a client waited for, since it has expired meanwhile.
  ///
  /// - Returns: why there is nothing to be waited for: asking for the same name again would change nothing.
  private mutating func askForLink(
    _ index: Int, cache: inout Cache, resolver: inout Resolver, now: UInt64
  ) -> Failure? {
    let client = waiting.places[index]
    // The key names what is missing.
    guard key.hash != client.askedHash else { return Failure(.endlessAliases) }
    waiting.places[index].askedHash = key.hash
    switch resolver.ask(
      key, type: client.header.type, queryFlags: client.queryFlags, client: UInt32(index),
      since: client.started, cache: &cache, now: now)
    {
    case .accepted, .joined: return nil
    case .failed(let failure): return failure
    }
  }

  /// Tells a waiting client that there is no answer, unless there is one without the signatures that it wants.
  ///
  /// - Parameters:
  ///   - failure: what was in the way.
  ///   - overlays: what it is answered from beside the cache.
  mutating func writeFailure(
    _ index: Int, _ failure: Failure, _ overlays: OverlayPair, reply: inout MutableSpan<UInt8>,
    cache: inout Cache,
    resolver: inout Resolver, now: UInt64
  ) -> Concluded {
    let header = waiting.places[index].header
    if failure.cause == .nameTooLong {
      waiting.loadName(index, into: &key)
      var writer = MessageWriter(&reply, limit: header.limit, suffixes: suffixes)
      Service.begin(&writer, header, waiting.question(index))
      return Concluded(
        finishNameTooLong(
          header, failure, overlays, into: &writer, cache: &cache, resolver: &resolver, now: now))
    }
    if let unsigned = composeUnsigned(index, overlays, into: &reply, cache: &cache, now: now) {
      return unsigned
    }
    counters.failures &+= 1
    waiting.noteFailed(index, failure.cause, in: &failed)
    let count = Service.writeError(
      header, waiting.question(index), .servFail, failure.cause.extendedError,
      isCached: failure.isCached,
      beside: resolver.upstreamErrors(of: failure), reply: &reply)
    return Concluded(count, .failure)
  }

  /// Writes a waiting query's answer from what the cache has, and what may not be kept.
  ///
  /// - Parameter unsigned: what is known without DO is used for a client with DO, too.
  /// - Returns: nothing when something is missing that the key then names.
  mutating func composeWaiting(
    _ index: Int, into reply: inout MutableSpan<UInt8>, cache: inout Cache,
    _ overlays: OverlayPair = OverlayPair(), stale: Bool = false, unsigned: Bool = false,
    beside remarks: Span<UInt8> = Span(), now: UInt64
  ) -> Int? {
    let client = waiting.places[index]
    waiting.loadName(index, into: &key)
    var writer = MessageWriter(&reply, limit: client.header.limit, suffixes: suffixes)
    Service.begin(&writer, client.header, waiting.question(index))
    var material = Material(
      unsigned ? client.queryFlags.allowingUnsigned : client.queryFlags,
      now: UInt32(truncatingIfNeeded: now / 1000))
    material.overlays = overlays
    material.stale = stale
    material.isFree = client.markNumber != 0 && client.markNumber == cache.markNumber
    return composeAnswer(client.header, material, beside: remarks, from: &cache, into: &writer)
  }
}

extension Service {
  /// Octets of a question behind its name: type and class.
  static let questionTail = 4
}
