import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSWire
import Memory

/// What a client may ask and what it gets: access, special names, then the cache, then the resolver.
///
/// It owns neither of the two: calls are lent what they read or change, by `inout` in either case, since what
/// is borrowed beside a change of the service is copied (Swift 6.3). It does no I/O: packets come in by
/// calls, answers go out into buffers that the caller gives. Times are milliseconds on a clock that never
/// goes back.
public struct Service: ~Copyable {
  /// What has been done so far.
  public internal(set) var counters = ServiceCounters()
  /// What clients may do.
  public private(set) var settings: ServiceSettings

  var key: NameKey
  /// The name asked for, when the key has another.
  var askedKey: NameKey
  /// Lent to each answer that is composed from data.
  let suffixes = Pinned(SuffixTable())
  var prefetchBudget: PrefetchBudget
  private var noted: NotedQuestions
  var failed: FailedQuestions
  var notedReplies = NotedReplies(count: Service.anticipated)
  var seen: UInt32 = 0
  /// The route of the name that was missing when an answer was composed last.
  var missingRoute = RouteID.default
  var waiting: WaitingClients
  var served: ServedNetworks
  var limiter: ClientLimiter
  var limited = LimitedClients()
  var cookies: ServerCookies
  /// What is decided by the name alone; lent by its owner.
  let policy: Pinned<Policy>
  /// Which names are blocked: the policy's.
  let filter: Pinned<NameFilter>
  /// Whether the last answer of the cache's was none since a name on its way may be in a list.
  var isUnscreened = false
  /// Whether no list has the name that was asked for last, which was missing.
  var isMissingFree = false
  /// Where an answer came from that was composed by rules.
  var ruleSource = AnswerSource.local
  /// Why the last question was blocked that was.
  public internal(set) var blockedBy: NameFilter.Reason?

  /// How a query came.
  public enum Transport: UInt8, Sendable, BitwiseCopyable {
    /// In a datagram.
    case udp
    /// On a stream.
    case tcp
  }

  /// What to do with a query.
  public enum Verdict: Sendable {
    /// Send back this many octets of the buffer.
    case reply(Int, AnswerSource)
    /// Send nothing: the client is over a limit.
    case withheld
    /// Send nothing: it is no query, or a stranger's in which nothing is asked.
    case ignored
    /// The answer comes later, from ``Service/nextReply(into:cache:resolver:now:)``; until then the client has
    /// this number. ``Service/keep(_:for:)`` follows.
    case waiting(UInt32)
  }

  /// What of a query is needed to answer it, beside its question's octets.
  struct Header: BitwiseCopyable {
    var id: UInt16
    var flags: UInt16
    var type: RecordType
    var hasEDNS: Bool
    var dnssecOK: Bool
    var udpSize: UInt16
    var transport: Transport
    /// Where the client is.
    var address: IPAddress
    /// Whether it has shown that it is there: by TCP, or by a cookie of ours.
    var isProven: Bool
    /// Octets of the query when what goes back beyond them is bounded, for nothing shows that the client
    /// is where it seems to be; else 0.
    var unprovenOctets: UInt16 = 0
    /// What goes back to a client that sent a cookie.
    var cookies: ServerCookies.Pair?

    /// Octets that our OPT record takes in the answer, an extended error aside.
    var optOctets: Int {
      guard hasEDNS else { return 0 }
      return MessageWriter.optSize + (cookies == nil ? 0 : MessageWriter.cookieOctets)
    }

    /// What DO and CD ask of the data.
    var queryFlags: QueryFlags {
      var queryFlags: QueryFlags = dnssecOK ? .signatures : []
      if flags & MessageHeader.Flag.checkingDisabled != 0 { queryFlags.insert(.unchecked) }
      return queryFlags
    }

    /// Whether the client may be told AD: it set DO or AD (RFC 6840 §5.8).
    var understandsAD: Bool { dnssecOK || flags & MessageHeader.Flag.authenticData != 0 }

    /// Octets that the answer may take.
    var limit: Int {
      if transport == .tcp { return ServiceSettings.streamSize }
      guard hasEDNS else { return ServiceSettings.plainUDPSize }
      return min(
        max(Int(udpSize), ServiceSettings.plainUDPSize), ServiceSettings.udpSize)
    }
  }

  /// Makes a service to a cache.
  ///
  /// - Parameters:
  ///   - policy: what is decided by the name alone, by the resolver's rules: it may change while it is lent.
  ///   - seed: the cache's.
  public init(settings: ServiceSettings, policy: Pinned<Policy>, seed: HashSeed) {
    self.settings = settings
    key = NameKey(seed: seed)
    askedKey = NameKey(seed: seed)
    noted = NotedQuestions(count: Service.anticipated, seed: seed)
    failed = FailedQuestions(count: Service.anticipated, seed: seed)
    waiting = WaitingClients(limit: settings.pendingLimit)
    served = ServedNetworks(settings.allowed, local: settings.local)
    prefetchBudget = PrefetchBudget(perSecond: settings.prefetchRate)
    limiter = ClientLimiter(settings.clients, seed: seed)
    cookies = ServerCookies(settings.cookieSecrets)
    self.policy = policy
    filter = policy.value.filter
  }

  deinit { suffixes.destroy() }

  /// Takes over all settings but the number of clients that may wait, for which memory is reserved.
  ///
  /// The cookies' secrets stay, unless others are given.
  public mutating func reconfigure(_ new: ServiceSettings, cookieSecrets: CookieSecrets?) {
    let pendingLimit = settings.pendingLimit
    settings = new
    settings.pendingLimit = pendingLimit
    allow(new.allowed, local: new.local)
    prefetchBudget = PrefetchBudget(perSecond: new.prefetchRate)
    limiter.reconfigure(new.clients)
    if let cookieSecrets { cookies.replace(cookieSecrets) }
  }

  /// Answers clients of these networks alone from now on.
  ///
  /// - Parameter local: what ``ServiceSettings/local`` is from now on.
  public mutating func allow(_ networks: [IPNetwork], local: [IPNetwork]) {
    settings.allowed = networks
    settings.local = local
    served = ServedNetworks(networks, local: local)
  }

  // MARK: Queries

  /// Packets that are read ahead together at most.
  public static let anticipated = 32

  /// Takes the name that a packet of a batch asks for, if it asks for one.
  ///
  /// - Parameter index: the packet's number in its batch, below ``anticipated``.
  public mutating func note(_ packet: Span<UInt8>, as index: Int) {
    noted.note(packet, as: index)
  }

  /// Hands over what a noted packet asks for, the name in lower case; nothing when it has no question, or is a
  /// response.
  ///
  /// To be called before the packet is handled.
  public mutating func visitNoted(
    _ index: Int, of packet: Span<UInt8>,
    _ body: (_ name: Span<UInt8>, _ hash: UInt32, RecordType) -> Void
  ) {
    guard let type = noted.type(index, of: packet) else { return }
    body(noted.name(index), noted.hash(index), type)
  }

  /// Reads ahead what the first packets noted will need;
  /// ``receive(_:noted:from:over:reply:cache:resolver:now:)`` follows for each.
  public mutating func anticipate(_ count: Int, in cache: inout Cache) {
    seen ^= noted.anticipate(count, in: cache, policy.value.local)
  }

  /// Handles a packet from a client.
  ///
  /// - Parameters:
  ///   - noted: the number under which this packet has been noted, if it has.
  ///   - address: where the packet came from.
  ///   - reply: where the answer is written; 1232 octets suffice for UDP.
  ///   - now: the time in milliseconds.
  public mutating func receive(
    _ packet: Span<UInt8>, noted index: Int? = nil, from address: IPAddress,
    over transport: Transport, reply: inout MutableSpan<UInt8>,
    cache: inout Cache, resolver: inout Resolver, now: UInt64
  ) -> Verdict {
    if transport == .udp { counters.udp &+= 1 } else { counters.tcp &+= 1 }
    let query: Query
    do throws(Query.Problem) {
      let isLoaded = if let index { noted.take(index, into: &key) } else { false }
      query = try Query(packet, key: &key, isLoaded: isLoaded)
    } catch {
      return reject(packet, error, from: address, over: transport, reply: &reply, now: now)
    }
    var header = Header(
      id: query.header.id, flags: query.header.flags, type: query.type,
      hasEDNS: query.edns != nil, dnssecOK: query.edns?.dnssecOK ?? false,
      udpSize: query.edns?.udpSize ?? 0, transport: transport, address: address,
      isProven: transport == .tcp)
    let question = packet.extracting(MessageHeader.size..<query.questionEnd)
    guard served.contains(address) else {
      noteLimit(.notAllowed, of: address)
      noteUnproven(&header, packet.count)
      return refuse(header, question, .refused, Explanation.notAllowed, reply: &reply, now: now)
    }
    if let view = query.edns?.cookie { takeCookies(view, of: packet, into: &header, now: now) }
    if !served.wasLocal { noteUnproven(&header, packet.count) }
    guard limiter.admitQuery(from: address, isProven: header.isProven, now: now) else {
      noteLimit(.rate, of: address)
      return limit(header, question, reply: &reply)
    }
    if let edns = query.edns, edns.version > 0 {
      return refuse(header, question, .badVers, nil, reply: &reply, now: now)
    }
    guard query.recordClass == .internet else {
      return answerOtherClass(query, header, question, reply: &reply, now: now)
    }
    if Service.isSpecial(query.type) {
      return answerSpecialType(query, header, question, reply: &reply, now: now)
    }
    let material = Material(
      header.queryFlags, now: UInt32(truncatingIfNeeded: now / 1000))
    var writer = MessageWriter(&reply, limit: header.limit, suffixes: suffixes)
    Service.begin(&writer, header, question)
    if let count = compose(header, material, from: &cache, into: &writer) {
      let rcode = Service.rcode(reply)
      if rcode != 0 {
        // Names that don't exist are what floods ask for.
        guard admitCostly(header, now: now) else {
          return limit(header, question, reply: &reply)
        }
        if rcode == ResponseCode.servFail.rawValue { failed.note(question, .endlessAliases) }
      }
      if header.unprovenOctets != 0, !admitExcess(of: count, header, now: now) {
        return limit(header, question, reply: &reply)
      }
      counters.hits &+= 1
      return .reply(count, .hit)
    }
    isMissingFree = false
    if filter.value.isActive {
      if let count = composeByRules(header, material, from: &cache, into: &writer) {
        return finishByRules(count, header, question, reply: &reply, now: now)
      }
    } else if let count = composeLocal(header, material, from: &cache, into: &writer) {
      guard Service.rcode(reply) == 0 || admitCostly(header, now: now),
        admitExcess(of: count, header, now: now)
      else { return limit(header, question, reply: &reply) }
      counters.local &+= 1
      counters.special &+= 1
      return .reply(count, .local)
    }
    return forward(
      header, question, reply: &reply, cache: &cache, resolver: &resolver,
      now: now)
  }

  /// Asks upstream for what the key names.
  @inline(never)
  private mutating func forward(
    _ header: Header, _ question: Span<UInt8>, reply: inout MutableSpan<UInt8>,
    cache: inout Cache, resolver: inout Resolver, now: UInt64
  ) -> Verdict {
    // Without RD nothing but what is known is wanted (RFC 1034 §4.3.1).
    guard header.flags & MessageHeader.Flag.recursionDesired != 0 else {
      return refuse(header, question, .refused, Explanation.notRecursive, reply: &reply, now: now)
    }
    if resolver.exchanges.takeOwnQuery(
      question, id: header.id, cookie: header.cookies?.client, key, type: header.type,
      queryFlags: header.queryFlags, now: now)
    {
      return refuse(header, question, .refused, Explanation.ownQuery, reply: &reply, now: now)
    }
    guard admitCostly(header, now: now) else { return limit(header, question, reply: &reply) }
    // Clients that may still wait, or questions that may be asked for them.
    let free = min(
      settings.pendingLimit - waiting.count,
      resolver.settings.exchanges.inFlightLimit - resolver.inFlight)
    guard let share = limiter.takePlace(for: header.address, free: free) else {
      noteLimit(.inFlight, of: header.address)
      counters.limited &+= 1
      return writeFailure(
        header, question, Failure(.overload), because: Explanation.tooManyWaiting,
        else: .limited, reply: &reply, cache: &cache, resolver: &resolver, now: now)
    }
    counters.misses &+= 1
    var client = WaitingClient(
      header: header, queryFlags: header.queryFlags, questionCount: UInt16(question.count),
      askedHash: key.hash, started: now, share: share)
    if isMissingFree { client.markNumber = cache.markNumber }
    guard let index = waiting.insert(client, question) else {
      limiter.returnPlace(share)
      counters.pendingLimit &+= 1
      return writeFailure(
        header, question, Failure(.overload), else: .miss, reply: &reply, cache: &cache,
        resolver: &resolver, now: now)
    }
    switch resolver.ask(
      key, type: header.type, queryFlags: header.queryFlags, client: UInt32(index), since: now,
      route: missingRoute, cache: &cache, now: now)
    {
    case .accepted:
      return .waiting(UInt32(index))
    case .joined:
      waiting.places[index].source = .joined
      return .waiting(UInt32(index))
    case .failed(let failure):
      waiting.remove(index)
      limiter.returnPlace(share)
      return writeFailure(
        header, question, failure, else: .miss, reply: &reply, cache: &cache, resolver: &resolver,
        now: now)
    }
  }

  /// Keeps how the answer gets to a client that waits.
  ///
  /// - Parameter client: the number that the verdict ``Verdict/waiting(_:)`` gave.
  public mutating func keep(_ path: ReturnPath, for client: UInt32) {
    waiting.places[Int(client)].path = path
  }

  /// Clients that wait.
  public var waitingClients: Int { waiting.count }

  // MARK: Answers

  /// Begins a response: its header's place and the client's own question, letter case and all.
  static func begin(
    _ writer: inout MessageWriter, _ header: Header, _ question: Span<UInt8>
  ) {
    writer.response(id: header.id, to: question)
  }

  /// Writes the answer that the cache has for the key's name behind the question.
  ///
  /// - Parameter remarks: what upstream said beside the answer: options for an OPT record.
  /// - Returns: the message's octets, or nothing when something is missing that the key then names.
  mutating func compose(
    _ header: Header, _ material: Material, beside remarks: Span<UInt8> = Span(),
    from cache: inout Cache, into writer: inout MessageWriter
  ) -> Int? {
    if cache.hasUnjudged { judge(header.type, &cache, material) }
    writer.limit -= header.optOctets
    let answer = cache.answer(
      &key, type: header.type, queryFlags: material.queryFlags, into: &writer,
      overlays: material.overlays, stale: material.stale, partly: Service.isWrittenPartly(header),
      now: material.now)
    switch answer {
    case .missing: return nil
    case .unscreened:
      isUnscreened = true
      return nil
    default: break
    }
    return finish(
      answer, header, Service.responseFlags(header.flags), material, beside: remarks, cache,
      into: &writer)
  }

  /// Whether a client is given as many records of an RRset as fit, since it takes little and may not come again.
  @inline(__always)
  static func isWrittenPartly(_ header: Header) -> Bool {
    !header.hasEDNS && header.transport == .udp
  }

  /// Ends an answer whose sections the cache has written.
  ///
  /// - Parameter flags: those that do not depend on the answer.
  /// - Returns: the message's octets; nothing when it is no answer after all.
  @inline(__always)
  mutating func finish(
    _ answer: Cache.Answer, _ header: Header, _ flags: UInt16, _ material: Material,
    beside remarks: Span<UInt8>, _ cache: borrowing Cache, into writer: inout MessageWriter
  ) -> Int? {
    var flags = flags
    writer.limit = header.limit
    switch answer {
    case .missing, .unscreened:
      return nil
    case .written(let rcode, let isTruncated, let isAuthentic):
      flags |= rcode.rawValue & MessageHeader.Flag.rcodeMask
      let stale = material.stale
      // What upstream said of data whose time is over is no longer its word, nor will it do instead of
      // signatures.
      let isUnsigned = stale && material.queryFlags.contains(.allowUnsigned)
      if isAuthentic && header.understandsAD && !isUnsigned && (!stale || cache.staleness == .none)
        && flags & MessageHeader.Flag.authoritative == 0
      {
        flags |= MessageHeader.Flag.authenticData
      }
      if isTruncated {
        flags |= MessageHeader.Flag.truncated
        counters.truncated &+= 1
      }
      if stale { return Service.finishStale(header, flags, cache.staleness, isUnsigned, &writer) }
    case .endless:
      if material.stale { return nil }
      writer.rewindToQuestion()
      return Service.finishEndless(header, &writer)
    case .blocked:
      writer.rewindToQuestion()
      counters.rebindBlocked &+= 1
      return Service.finishBlocked(header, &writer)
    }
    if header.hasEDNS {
      if remarks.isEmpty {
        Service.writeWordlessOPT(for: header, into: &writer)
      } else {
        Service.writeOPT(with: remarks, for: header, into: &writer)
      }
    }
    return writer.finish(flags: flags)
  }

  /// Has the names judged that the answer to a question for the key's name is made of.
  @inline(never)
  func judge(_ type: RecordType, _ cache: inout Cache, _ material: Material) {
    cache.judgeAnswer(
      key, type: type, queryFlags: material.queryFlags, overlays: material.overlays,
      stale: material.stale, now: material.now
    ) { policy.value.keeps($0, since: $1) }
  }

  // Strings are reference-counted: the text of an extended error is written out of line, off the hit path.

  /// Writes what ``writeOPT(extendedRcode:for:error:isCached:into:)`` does when there is nothing to say.
  private static func writeWordlessOPT(for header: Header, into writer: inout MessageWriter) {
    guard let cookies = header.cookies else {
      writer.opt(udpSize: EDNS.defaultUDPSize, extendedRcode: 0, dnssecOK: header.dnssecOK)
      return
    }
    let begin = writer.beginOPT(
      udpSize: EDNS.defaultUDPSize, extendedRcode: 0, dnssecOK: header.dnssecOK)
    writer.option(cookie: cookies.client, cookies.server)
    writer.endRecord(begin, in: .additional)
  }

  /// Writes our OPT record with what upstream said beside the answer.
  @inline(never)
  private static func writeOPT(
    with remarks: Span<UInt8>, for header: Header, into writer: inout MessageWriter
  ) {
    let begin = writer.beginOPT(
      udpSize: EDNS.defaultUDPSize, extendedRcode: 0, dnssecOK: header.dnssecOK)
    writeOptions(for: header, error: nil, isCached: false, into: &writer)
    writer.options(remarks)
    writer.endRecord(begin, in: .additional)
  }

  /// Ends an answer from data whose time is over, or without the signatures that were asked for.
  @inline(never)
  private static func finishStale(
    _ header: Header, _ flags: UInt16, _ staleness: Staleness, _ isUnsigned: Bool,
    _ writer: inout MessageWriter
  ) -> Int {
    if header.hasEDNS {
      let error = Explanation.of(staleness) ?? (isUnsigned ? Explanation.unsigned : nil)
      writeOPT(extendedRcode: 0, for: header, error: error, into: &writer)
    }
    return writer.finish(flags: flags)
  }

  /// Ends the answer to a question whose aliases lead nowhere.
  @inline(never)
  static func finishEndless(_ header: Header, _ writer: inout MessageWriter) -> Int {
    if header.hasEDNS {
      writeOPT(
        extendedRcode: 0, for: header, error: ResolutionError.endlessAliases.extendedError,
        into: &writer)
    }
    return writer.finish(flags: responseFlags(header.flags) | ResponseCode.servFail.rawValue)
  }

  /// Ends the answer to a question that leads to a local address: as if the name had none, for this once,
  /// for without an SOA it is not kept.
  @inline(never)
  static func finishBlocked(_ header: Header, _ writer: inout MessageWriter) -> Int {
    if header.hasEDNS {
      writeOPT(extendedRcode: 0, for: header, error: Explanation.rebound, into: &writer)
    }
    return writer.finish(flags: responseFlags(header.flags))
  }

  /// What a response's flags have of the query's: opcode, RD and CD, with QR and RA set.
  static func responseFlags(_ flags: UInt16) -> UInt16 {
    flags
      & (MessageHeader.Flag.opcodeMask | MessageHeader.Flag.recursionDesired
        | MessageHeader.Flag.checkingDisabled)
      | MessageHeader.Flag.response | MessageHeader.Flag.recursionAvailable
  }

  /// The lower four bits of a message's response code.
  @inline(__always)
  static func rcode(_ message: borrowing MutableSpan<UInt8>) -> UInt8 { message[3] & 0xF }

  /// Writes our OPT record: root, our UDP size, version 0, the cookies, and why the answer is as it is
  /// (RFC 6891 §6.1.2, RFC 7873, RFC 8914).
  ///
  /// DO comes back as it was sent (RFC 3225 §3).
  static func writeOPT(
    extendedRcode: UInt8, for header: Header, error: ExtendedError? = nil, isCached: Bool = false,
    into writer: inout MessageWriter
  ) {
    let begin = writer.beginOPT(
      udpSize: EDNS.defaultUDPSize, extendedRcode: extendedRcode, dnssecOK: header.dnssecOK)
    writeOptions(for: header, error: error, isCached: isCached, into: &writer)
    writer.endRecord(begin, in: .additional)
  }

  /// Writes the options of the OPT record that is begun.
  static func writeOptions(
    for header: Header, error: ExtendedError?, isCached: Bool, into writer: inout MessageWriter
  ) {
    if let cookies = header.cookies { writer.option(cookie: cookies.client, cookies.server) }
    if let error { writer.option(error) }
    if isCached { writer.option(ExtendedError(.cachedError)) }
  }
}
