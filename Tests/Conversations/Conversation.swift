import DNSCache
import DNSExchange
import DNSPolicy
import DNSResolver
import DNSService
import DNSWire
import Memory

/// Numbers that look random and are the same for each run.
struct Sequence: RandomNumberGenerator {
  private var state: UInt64 = 1

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }
}

/// A conversation of clients, the server and its upstreams, in which octets decide what happens: those of a fuzzer, or
/// random ones.
///
/// Each octet says what happens next, the ones behind it how. Clients ask, upstreams answer right, wrong or in octets
/// that are the input's own, with cookies or without, with aliases and DNSSEC records up to 64 KiB, time passes,
/// connections break, routes change, the server is restarted with its snapshot. Whatever happens, each client is told
/// once, in time, the records of an answer belong to the question's chain of aliases, who has a cookie of ours is never
/// passed over, and a reply that is wrong in ID, socket, question, letter case or cookie is never believed.
///
/// One conversation in sixteen is truthful: what upstreams say is of one small world (``World``), or an error, and
/// then what clients are told has to be the whole truth of it, signed where that was asked for.
package final class Conversation {
  var input: Input
  /// Which names are answered here, and which route the others take.
  private let policy = Pinned(Policy(PolicyRules(), seed: HashSeed(1, 2)))
  var service: Service
  package var cache: Cache
  package var resolver: Resolver
  var now: UInt64 = 10_000
  private var buffer = [UInt8](repeating: 0, count: ServiceSettings.streamSize)
  /// What the clients asked that wait.
  private var waiting: [UInt32: Asked] = [:]
  private var clients: UInt32 = 0
  private var sent: [(query: OutgoingQuery, octets: [UInt8])] = []
  private var streams: [Purpose] = []
  /// The cookie that each client was given last, by its address.
  var given: [IPAddress: GivenCookie] = [:]
  /// How often the cookies' secret and the wall clock were changed.
  var secrets = 0
  var clockChanges = 0
  /// Whether upstreams say nothing but what is true.
  let isTruthful: Bool
  /// When an upstream was asked for names without EDNS last.
  var plain: [Name: UInt64] = [:]
  private var events = 0
  private let mostEvents: Int
  /// Is told what is not as it has to be.
  package var failed: (String) -> Void = { preconditionFailure($0) }
  /// How often some things happened, to see that they did.
  package var tally: [String: Int] = [:]

  /// What a client asked, by its number.
  struct Asked {
    var octets: [UInt8]
    var time: UInt64
    /// Nothing for octets that may be no query.
    var query: Message?
    var cookie: SentCookie?
  }

  /// A client's cookie, which has to come back with one of ours.
  struct SentCookie {
    var octets: [UInt8]
    var address: IPAddress
    /// Both cookies, if the server's is to come back as it is.
    var whole: [UInt8]?
  }

  /// Both cookies as they came with a reply, and when.
  struct GivenCookie {
    var octets: [UInt8]
    var time: UInt64
    var secret: Int
    var clock: Int
  }

  private static let upstreams = 3
  private static let sockets = 4
  private static let inFlight = 5
  private static let client = IPAddress(v4: 0xC000_0207)
  private static let neighbour = IPAddress(v4: 0xC000_0309)
  private static let pool = upstreams * sockets

  /// A socket by its number among those of all upstreams.
  private static func socket(_ number: Int) -> SocketID {
    SocketID(rawValue: UInt32(number / sockets << 16 | number % sockets))
  }
  /// The address that only forged replies have.
  static let forged: UInt32 = 0xC633_6442
  static let mark: [UInt8] = [198, 51, 100, 66]
  /// More than any input of a fuzzer needs that finds something new.
  package static let usualLength = 600
  /// Packets that are remembered: more than can be in flight, so that no guess is right by chance.
  private static let remembered = 128
  static let hour: UInt64 = 3_600_000
  /// Seconds since 1970 at time zero.
  private static let wallClock: Int64 = 1_800_000_000
  private static let seed = HashSeed(1, 2)

  /// What the settings are made from.
  private let shape: UInt8

  /// Begins one.
  package init(_ input: Input, mostEvents: Int = usualLength) {
    var input = input
    let drawn = input.octet()
    isTruthful = drawn & 15 == 11
    // Limits, rebind protection and names that are not asked for would only be in truth's way.
    shape = isTruthful ? drawn & 0x60 | input.octet() & 12 : drawn
    self.input = input
    self.mostEvents = mostEvents
    service = Conversation.service(shape, policy)
    cache = Conversation.cache(shape)
    resolver = Conversation.resolver(shape, policy, now: now)
    _ = resolver.setRoutes(Conversation.routes(shape), cache: &cache, now: now)
  }

  deinit { policy.destroy() }

  private static func service(_ shape: UInt8, _ policy: Pinned<Policy>) -> Service {
    var settings = ServiceSettings(
      allowed: [IPNetwork("192.0.2.0/23")].compactMap { $0 }, version: "1", identity: "fuzz",
      cookieSecrets: CookieSecrets(current: SipHash(1, 2)))
    settings.pendingLimit = 12
    // One conversation in four is about limits; in the others they would only be in the way.
    if shape & 3 == 3 { (settings.clients.queries, settings.clients.misses) = (2, 1) }
    settings.isPrefetching = shape & 4 == 0
    return Service(settings: settings, policy: policy, seed: seed)
  }

  private static func cache(_ shape: UInt8) -> Cache {
    var limits = CacheLimits(octets: CacheLimits.leastOctets)
    limits.staleAge = 3_600
    var cache = Cache(limits: limits, seed: seed)
    if shape & 16 != 0 { cache.rebindFilter = RebindFilter(RebindProtection()) }
    return cache
  }

  private static func resolver(
    _ shape: UInt8, _ policy: Pinned<Policy>, now: UInt64
  ) -> Resolver {
    let settings = ResolverSettings(
      exchanges: ExchangeSettings(
        sockets: Conversation.sockets, inFlightLimit: Conversation.inFlight),
      waiterLimit: 14, waitersPerQuestion: 5)
    return Resolver(
      settings: settings, policy: policy, seed: seed, random: Sequence(), now: now)
  }

  /// Where questions go: to all upstreams alike, or those for some names to one of them, or to nobody.
  private static func routes(_ shape: UInt8) -> ForwardRoutes {
    let servers = (1...Conversation.upstreams).map { number in
      ForwardServer(
        ServerAddress(Endpoint(IPAddress(v4: 0xC633_6400 + UInt32(number)), port: 53)))
    }
    let isStrict = shape & 8 != 0
    guard shape & 32 != 0 else { return ForwardRoutes(ForwardServers(servers, isStrict: isStrict)) }
    let domains = ["c.ex", shape & 64 == 0 ? "d.ex" : "e.ex"].compactMap { try? Name($0) }
    let own = shape & 128 == 0 ? [servers[2]] : []
    return ForwardRoutes(
      ForwardServers(Array(servers[..<2]), isStrict: isStrict),
      routes: [ForwardServers(own)],
      rules: PolicyRules(routes: [Route(domains: domains, isEmpty: own.isEmpty)]))
  }

  /// Plays all of it.
  package func play() {
    while step() {}
    end()
  }

  /// Lets the next thing happen; false when there is none.
  package func step() -> Bool {
    guard !input.isEmpty && events < mostEvents else { return false }
    events += 1
    switch input.octet() % 20 {
    case 0...3: ask()
    case 4 where isTruthful:
      // Else most questions would fail at once.
      resolver.forgetFailures()
      ask()
    case 4: receiveFromClient(input.octets(), input.octet())
    case 5...11 where isTruthful: replyTruly()
    case 5...8: reply()
    case 9...10: replyWithAlias()
    case 11: replyAtLength()
    case 12: forge()
    case 13: breakSomething()
    case 14: pass(UInt64(input.octet()) * (isTruthful ? 2 : 16))
    case 15: pass(UInt64(input.octet()))
    // Data expires, and may be given once more.
    case 16 where isTruthful: pass(UInt64(input.octet()) * 8)
    case 16: sleep(UInt64(input.octet()) * 8_000)
    case 17 where input.number(below: 8) == 7:
      sleep(UInt64(1 + input.number(below: 30)) * Conversation.hour)
    case 18 where input.number(below: isTruthful ? 16 : 4) == 3: restart()
    default: keepHouse()
    }
    check()
    return true
  }

  /// Lets the time pass that whoever waits may have to.
  package func end() {
    pass(6_000)
    expect(waiting.isEmpty, "everybody is told in time")
    // The last answers may have had their data asked for again.
    pass(6_000)
    expect(resolver.inFlight == 0 && resolver.waiting == 0, "nothing is left")
    let counters = service.counters
    expect(
      counters.udp + counters.tcp == counters.hits + counters.misses + counters.local
        + counters.refused + counters.limited + counters.ignored, "each query has one end")
    cache._checkInvariants()
  }

  // MARK: Clients

  private func ask() {
    let shape = input.octet()
    let client = input.octet()
    var query = header(id: input.number16(), flags: shape & 1 == 0 ? 0x0100 : 0x0110, questions: 1)
    if isTruthful {
      let more = input.octet()
      query[2] = more & 14 == 14 ? 0 : 1
      query[3] |= more & 1 == 1 ? 0x20 : 0
      query += World.name(input.octet()) + number16(World.type(more >> 4)) + number16(1)
    } else {
      query += name(input.octet())
      query += number16(type(input.octet())) + number16(shape & 14 == 14 ? 3 : 1)
    }
    var cookie: SentCookie?
    var isProven = false
    if shape & 0x30 != 0 {
      query[11] = 1
      var options: [UInt8] = []
      if shape & 0x80 != 0 {
        let (octets, isGood) = clientCookie(of: address(client))
        options = number16(10) + number16(UInt16(octets.count)) + octets
        let isCookie = octets.count == 8 || (16...40).contains(octets.count)
        if isCookie {
          cookie = SentCookie(octets: Array(octets.prefix(8)), address: address(client))
          if isGood, given[address(client)]?.secret == secrets { cookie?.whole = octets }
        }
        isProven = isGood
      }
      if shape & 0x20 != 0, !isTruthful || shape & 6 == 6 {
        options += input.octets()
        // They may be malformed.
        (cookie, isProven) = (nil, false)
      }
      query += [0] + number16(41) + number16(input.number16()) + [0, 0]
      query += [shape & 0x40 == 0 ? 0 : 0x80, 0] + number16(UInt16(options.count)) + options
    }
    receiveFromClient(
      query, client, query: try? Message(parsing: query), cookie: cookie, isProven: isProven)
  }

  /// A cookie that a client may send: its own, with the server's or another, or of any length; and whether
  /// it proves the client's address.
  private func clientCookie(of address: IPAddress) -> (octets: [UInt8], isGood: Bool) {
    let choice = input.octet()
    let own = [UInt8](repeating: UInt8(truncatingIfNeeded: address.low), count: 8)
    switch choice & 7 {
    case 0: return (own, false)
    case 1...3:
      guard let last = given[address] else { return (own, false) }
      // One that is given back is half an hour old at most, and good for an hour.
      let isGood =
        now - last.time < Conversation.hour / 2 && secrets - last.secret <= 1
        && clockChanges == last.clock
      return (last.octets, isGood)
    case 4:
      let other = address == Conversation.client ? Conversation.neighbour : Conversation.client
      guard let stolen = given[other] else { return (own, false) }
      return (stolen.octets, false)
    case 5:
      guard var forged = given[address]?.octets else { return (own, false) }
      forged[8 + Int(choice >> 4)] ^= 0x20
      return (forged, false)
    default:
      let octets = input.octets()
      return (octets, false)
    }
  }

  private func address(_ choice: UInt8) -> IPAddress {
    choice & 2 == 0 ? Conversation.client : Conversation.neighbour
  }

  /// Hands in a client's packet.
  ///
  /// - Parameters:
  ///   - choice: which client sends it, and how.
  ///   - query: what it says, if it is a query.
  ///   - cookie: the one that it sends.
  ///   - isProven: whether that is due an answer.
  private func receiveFromClient(
    _ packet: [UInt8], _ choice: UInt8, query: Message? = nil, cookie: SentCookie? = nil,
    isProven: Bool = false
  ) {
    clients += 1
    let asked = Asked(octets: packet, time: now, query: query, cookie: cookie)
    service.note(packet.span, as: 0)
    service.anticipate(1, in: &cache)
    var reply = buffer.mutableSpan
    switch service.receive(
      packet.span, noted: 0, from: address(choice), over: choice & 1 == 0 ? .udp : .tcp,
      reply: &reply, cache: &cache, resolver: &resolver, now: now)
    {
    case .reply(let count, _):
      check(Array(buffer[..<count]), to: asked, isProven: isProven)
      if let cookie { given[cookie.address] = cookies(of: Array(buffer[..<count])) }
    case .withheld, .ignored: expect(!isProven, "who has proven its address is answered")
    case .waiting(let number):
      service.keep(ReturnPath(source: clients), for: number)
      waiting[clients] = asked
    }
    drain()
  }

  /// The cookies that an answer brings, made now.
  private func cookies(of answer: [UInt8]) -> GivenCookie? {
    guard let octets = (try? Message(parsing: answer))?.edns?[.cookie] else { return nil }
    return GivenCookie(octets: octets, time: now, secret: secrets, clock: clockChanges)
  }

  // MARK: Upstreams

  func deliver(_ packet: [UInt8], to query: OutgoingQuery) {
    deliver(packet, to: query, socket: query.socket)
  }

  private func deliver(_ packet: [UInt8], to query: OutgoingQuery, socket: SocketID?) {
    if let socket {
      resolver.receive(packet.span, socket: socket, cache: &cache, now: now)
    } else {
      resolver.receiveStream(packet.span, for: query.purpose, cache: &cache, now: now)
    }
    drain()
  }

  /// A reply that would be right but for one thing.
  private func forge() {
    guard let target = target() else { return }
    let choice = input.octet()
    let end = questionEnd(target.octets)
    let id = target.query.id
    var question = Array(target.octets[12..<end])
    var head = header(id: id, flags: 0x8180, questions: 1)
    head[7] = 1
    var socket = target.query.socket
    var edns: [UInt8] = []
    switch choice & 7 {
    case 0:
      let guess = id ^ max(1, input.number16())
      guard !sent.contains(where: { $0.query.id == guess }) else { return }
      head.replaceSubrange(0..<2, with: number16(guess))
    case 1:
      guard let right = socket else { return }
      let number = right.server.slot * Conversation.sockets + right.member
      let drawn = (number + 1 + Int(choice >> 3) % (Conversation.pool - 1)) % Conversation.pool
      let other = Conversation.socket(drawn)
      guard !sent.contains(where: { $0.query.id == id && $0.query.socket == other }) else { return }
      socket = other
    case 2:
      // Over TCP nobody looks at letter case.
      guard socket != nil, let letter = question.firstIndex(where: { $0 & 0x5F > 0x40 }) else {
        return
      }
      question[letter] ^= 0x20
    case 3...4:
      // Over TCP cookies are not needed.
      guard socket != nil, let place = sentCookie(target.octets) else { return }
      var cookie = Array(target.octets[place])
      cookie[Int(choice >> 5)] ^= 1
      edns = opt(cookie: cookie + [UInt8](repeating: 1, count: choice & 16 == 0 ? 0 : 16))
    case 5:
      guard socket != nil, sentCookie(target.octets) != nil, speaksCookies(target.query.server)
      else { return }
      if choice & 16 == 0 { edns = opt(cookie: nil) }
    case 6: question[question.count - 3] ^= 0x40
    default: if choice & 16 == 0 { head[2] = 1 } else { head[2] |= 0x28 }
    }
    if !edns.isEmpty { head[11] = 1 }
    count("forged")
    let record: [UInt8] = [0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4]
    deliver(head + question + record + Conversation.mark + edns, to: target.query, socket: socket)
    cache.visitNames(
      high: 0, low: UInt64(Conversation.forged), isIPv4: true, now: 0
    ) { _ in
      failed("a forged reply was believed")
      return true
    }
  }

  /// Whether a reply of an upstream that has no cookie is not to be believed.
  private func speaksCookies(_ server: ServerID) -> Bool {
    var isSpeaking = false
    resolver.exchanges.visitUpstreams(now: now) { view in
      if view.id == server { isSpeaking = view.cookies == .yes }
    }
    return isSpeaking
  }

  func target() -> (query: OutgoingQuery, octets: [UInt8])? {
    guard !sent.isEmpty else { return nil }
    let choice = Int(input.octet())
    guard isTruthful, choice & 3 != 0 else {
      return sent[sent.count - 1 - choice % min(sent.count, 32)]
    }
    return sent[sent.count - 1 - choice >> 2 % min(sent.count, 4)]
  }

  private func breakSomething() {
    let choice = input.octet()
    if choice & 1 == 0, !streams.isEmpty {
      resolver.streamFailed(streams[Int(choice >> 1) % streams.count], now: now)
    } else if choice & 2 != 0, let target = target(), let socket = target.query.socket {
      resolver.socketFailed(socket, id: target.query.id, now: now)
    } else {
      resolver.socketFailed(
        Conversation.socket(Int(choice >> 2) % Conversation.pool),
        id: UInt16(input.octet()), now: now)
    }
    drain()
  }

  // MARK: Time and house

  private func pass(_ time: UInt64) {
    let until = now + time
    while let deadline = resolver.exchanges.nextDeadline, deadline <= until {
      now = max(now, deadline)
      resolver.expire(cache: &cache, now: now)
      drain()
      check()
    }
    now = until
  }

  /// The machine sleeps, so that what is remembered of data, upstreams and clients grows old.
  private func sleep(_ time: UInt64) {
    pass(6_000)
    now += time
    pass(0)
  }

  /// Another server goes on with the snapshot of this one; who waited asks again, or doesn't.
  private func restart() {
    var file = snapshot()
    // One octet may be damaged.
    let damage = input.octet()
    if damage & 1 == 1 { file[Int(input.number16()) % file.count] ^= damage }
    (waiting, given) = ([:], [:])
    count("restart")
    (sent, streams) = ([], [])
    now += UInt64(input.octet()) * 1_000
    service = Conversation.service(shape, policy)
    cache = Conversation.cache(shape)
    resolver = Conversation.resolver(shape, policy, now: now)
    _ = resolver.setRoutes(Conversation.routes(shape), cache: &cache, now: now)
    var reader = SnapshotReader(seed: Conversation.seed)
    var position = 0
    while true {
      let end = min(position + SnapshotReader.blockSize, file.count)
      let progress = reader.read(
        file.span.extracting(position..<end), isEnd: end == file.count, into: &cache,
        wallClock: Conversation.wallClock + Int64(now / 1_000), now: UInt32(now / 1_000)
      ) { [policy] name, domain in policy.value.keeps(name, cameBy: domain) }
      position += progress.consumed
      if progress.isFinished { break }
      precondition(progress.consumed > 0, "each call makes progress")
    }
    expect(damage & 1 == 1 || reader.result.isComplete, "what was written can be read")
    cache._checkInvariants()
  }

  private func snapshot() -> [UInt8] {
    guard let cursor = cache.openCursor() else {
      preconditionFailure("there is a cursor for a snapshot")
    }
    defer { cache.closeCursor(cursor) }
    var writer = SnapshotWriter(
      wallClock: Conversation.wallClock + Int64(now / 1_000), now: UInt32(now / 1_000),
      routes: policy.value.routeDomains)
    var block = [UInt8](repeating: 0, count: SnapshotWriter.blockSize)
    var file: [UInt8] = []
    while true {
      var span = block.mutableSpan
      let count = writer.nextBlock(from: &cache, cursor: cursor, into: &span) { [policy] in
        policy.value.keeps($0, since: $1)
      }
      if count == 0 { return file }
      file += block[..<count]
    }
  }

  private func keepHouse() {
    let choice = input.octet()
    if choice & 0xE0 == 0xE0 {
      service.renewCookieSecret(SipHash(UInt64(input.octet()), 3))
      secrets += 1
    } else if choice & 0xE0 == 0xC0 {
      // The wall clock may be set to anything.
      service.setWallClock(UInt32(input.number16()) << 12, now: now)
      clockChanges += 1
    } else if choice & 0xE0 == 0xA0 {
      // A reload, while questions wait.
      let shape = input.octet()
      _ = resolver.setRoutes(
        Conversation.routes(isTruthful ? shape & 0x68 : shape), cache: &cache, now: now)
      drain()
    }
    switch choice & 3 {
    case 0: _ = cache.sweep(names: 16, now: UInt32(now / 1000))
    case 1:
      var key = NameKey(seed: cache.seed)
      key.load(trusted: name(choice >> 2).span)
      _ = cache.flush(key, .everything)
    case 2:
      if choice & 4 == 0 {
        resolver.forgetFailures()
      } else {
        resolver.networkChanged(now: now)
        drain()
      }
    default: cache._checkInvariants()
    }
  }

  private func check() {
    expect(resolver.inFlight <= Conversation.inFlight, "no more is in flight than may be")
    for asked in waiting.values { expect(now - asked.time < 5_000, "nobody waits for long") }
  }

  private func drain() {
    var reply = buffer.mutableSpan
    while let ready = service.nextReply(
      into: &reply, cache: &cache, resolver: &resolver, now: now)
    {
      let client = ready.path.source
      let asked = waiting.removeValue(forKey: client)
      expect(asked != nil, "each client is told once")
      var octets: [UInt8] = []
      for index in 0..<ready.count { octets.append(reply[index]) }
      if let asked { check(octets, to: asked) }
    }
    while let action = resolver.exchanges.nextAction() {
      switch action {
      case .send(let query), .openStream(let query):
        var writer = MessageWriter(&reply, limit: 512)
        let count = resolver.exchanges.writeQuery(query, into: &writer)
        var octets: [UInt8] = []
        for index in 0..<count { octets.append(reply[index]) }
        sent.append((query, octets))
        noteSent(octets)
        if sent.count > Conversation.remembered { sent.removeFirst() }
        if query.socket == nil {
          self.count("connection")
          streams.append(query.purpose)
        }
      case .closeStream(let handle): streams.removeAll { $0 == handle }
      }
    }
  }

  /// Remembers whose signatures are not to be had.
  private func noteSent(_ octets: [UInt8]) {
    guard isTruthful, let query = try? Message(parsing: octets), query.edns == nil else { return }
    plain[query.questions[0].name.lowercased] = now
  }

  // MARK: Octets

  private func header(id: UInt16, flags: UInt16, questions: UInt8) -> [UInt8] {
    number16(id) + number16(flags) + [0, questions, 0, 0, 0, 0, 0, 0]
  }

  func questionEnd(_ packet: [UInt8]) -> Int {
    var position = 12
    while packet[position] != 0 { position += 1 + Int(packet[position]) }
    return position + 5
  }
}
