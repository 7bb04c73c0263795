import DNSCache
import DNSWire
import Memory
import Randomness
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

/// Plays random events against a service and checks after each that all is as it must be.
///
/// Upstreams know a small world, each has ways of its own with cookies and TCP; forgers send marked addresses
/// that must never be believed. Clients have cookies, good ones and others.
struct RandomConversation {
  private let host: Host
  private let options: Host.Options
  private var random: SplitMix64
  /// Clients that wait, by number.
  private var waiting: [UInt32: Asked] = [:]
  private var clientCount: UInt32 = 0
  /// What upstreams got last.
  private var sent: [Sent] = []
  /// Connections that are open.
  private var streams: [Purpose] = []
  /// What happened, to see that all of it did.
  private(set) var tally: [String: Int] = [:]

  /// What is done with cookies by each upstream.
  private var ways: [UpstreamWays] = []
  private var clients = RandomClients()

  private struct Asked {
    var message: Message
    var octets: [UInt8]
    var transport: Service.Transport
    var time: UInt64
    var cookie: RandomClients.Sent?
  }

  private struct Sent {
    var query: OutgoingQuery
    var message: Message
  }

  /// Names that an upstream was asked for without EDNS.
  private var plain: Set<Name> = []

  /// The address that only forgers give.
  private static let forged: UInt32 = 0xC633_6442
  private static let names = "01234567899aab".map { "n\($0).example.net" }
  private static let types: [RecordType] = [.a, .a, .a, .aaaa, .txt]

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    options = Host.Options(
      upstreams: random.number(1...3), inFlightLimit: 6, waiterLimit: 20, waitersPerQuestion: 5,
      pendingLimit: 16, start: UInt64(random.number(0...100_000)), seed: seed,
      staleAge: random.oneOf([0, 5, 86_400]), isPrefetching: random.number(0...1) == 0,
      areUpstreamsNew: random.number(0...1) == 0)
    host = Host(options)
    ways = (0..<options.upstreams).map { _ in UpstreamWays(&random) }
  }

  /// Whether an upstream is content with no cookie but its own.
  var hasStrictUpstream: Bool { ways.contains { $0.cookies == .demanded } }

  mutating func play(rounds: Int) throws {
    for round in 0..<rounds {
      switch random.number(0...19) {
      case 0...6: try ask()
      case 7...14: try upstreamEvent()
      case 15: try breakSomething()
      case 16: try passTime(UInt64(random.number(0...50)))
      case 17: try passTime(UInt64(random.oneOf([1, 10, 400, 900, 3_000])))
      case 18 where random.number(0...9) == 0: try sleep()
      case 18: try beBusy()
      default: try keepHouse()
      }
      try check(round)
    }
    try passTime(6_000)
    try #require(waiting.isEmpty && streams.isEmpty)
    #expect(host.resolver.inFlight == 0 && host.resolver.waiting == 0)
    #expect(host.resolver.exchanges.transmissions.count == 0)
    #expect(host.resolver.exchanges.timers.count == downCount)
    #expect(host.resolver.exchanges.servers.inFlight == 0)
    #expect(host.service.waiting.count == 0 && host.miscounted.isEmpty)
    host.cache._checkInvariants()
  }

  // MARK: What happens

  private mutating func ask() throws {
    clientCount += 1
    var text = random.oneOf(Self.names)
    if random.number(0...3) == 0 { text = text.uppercased() }
    var message = Message(
      query: try Name(text), random.oneOf(Self.types), id: UInt16(random.number(0...65_535)),
      edns: random.number(0...1) == 0
        ? EDNS(udpSize: UInt16(random.number(0...5_000)), dnssecOK: random.number(0...1) == 0)
        : nil)
    let address = random.oneOf(RandomClients.addresses)
    var cookie: RandomClients.Sent?
    if message.edns != nil, random.number(0...1) == 0 {
      cookie = clients.cookie(from: address, now: host.now, &random)
      message.edns?.options = cookie.map { [EDNS.Option(.cookie, $0.octets)] } ?? []
    }
    message.rd = random.number(0...9) != 0
    message.cd = random.number(0...4) == 0
    message.ad = random.number(0...2) == 0
    let octets = message.encoded()
    let transport = random.oneOf([Service.Transport.udp, .udp, .tcp])
    waiting[clientCount] = Asked(
      message: message, octets: octets, transport: transport, time: host.now,
      cookie: cookie)
    try handle(host.ask(octets, from: address, over: transport, client: clientCount))
  }

  private mutating func upstreamEvent() throws {
    guard !sent.isEmpty else { return }
    // Mostly one of the latest, but a late or repeated reply may come to any.
    let recent = random.number(0...4) == 0 ? sent.count : min(sent.count, 4)
    let target = sent[sent.count - 1 - random.number(0...(recent - 1))]
    let query = target.message
    if target.query.socket == nil, !ways[target.query.upstream].talksTCP {
      tally["no TCP", default: 0] += 1
      try handle(host.streamFailed(target.query.purpose))
      return
    }
    switch random.number(0...19) {
    case 0...6:
      // What stands behind the end means nothing.
      let trailing = random.number(0...3) == 0 ? random.number(1...9) : 0
      try deliver("honest", honest(query), to: target, trailing: trailing)
    case 7...9:
      var reply = honest(query)
      reply.tc = true
      reply.answers = [forgery(query)]
      try deliver("truncated", reply, to: target)
    case 10:
      let rcode: ResponseCode = random.oneOf([
        .servFail, .refused, .formErr, .notImp, .badVers, .notAuth, .badMode,
      ])
      var reply = Message(respondingTo: query, rcode: rcode)
      if random.number(0...1) == 0 { reply.answers = [forgery(query)] }
      try deliver("error", reply, to: target)
    case 11:
      var reply = Message(respondingTo: query)
      reply.authority = [try Record("example.net. 300 IN NS ns1.example.net.")]
      reply.additional = [try Record("ns1.example.net. 300 IN A 198.51.100.66")]
      try deliver("referral", reply, to: target)
    case 12...13: try malform(target)
    case 14: try forgeCookie(target)
    default: try forge(target)
    }
  }

  private mutating func deliver(
    _ what: String, _ reply: Message, to target: Sent, cut: Int = 0, trailing: Int = 0
  ) throws {
    tally[what, default: 0] += 1
    var reply = reply
    if what != "malformed" { addCookie(to: &reply, target) }
    let octets =
      reply.encoded().dropLast(cut) + [UInt8](repeating: 0, count: trailing)
    if let socket = target.query.socket {
      try handle(host.receive(Array(octets), socket: socket))
    } else {
      try handle(host.receive(Array(octets), stream: target.query.purpose))
    }
  }

  /// Does with a reply what its upstream does with cookies.
  private mutating func addCookie(to reply: inout Message, _ target: Sent) {
    // Who speaks cookies understands EDNS; else it would soon be asked without.
    if [.formErr, .notImp, .badVers].contains(reply.rcode), random.number(0...9) != 0 {
      reply.rcode = .servFail
    }
    ways[target.query.upstream].apply(to: &reply, target.message, &random)
    if reply.rcode == .badCookie { tally["bad cookie", default: 0] += 1 }
  }

  /// A reply that is right but for its cookie, with marked data.
  private mutating func forgeCookie(_ target: Sent) throws {
    guard let socket = target.query.socket,
      let sent = target.message.edns?[.cookie]?.prefix(8)
    else { return }
    var client = Array(sent)
    var reply = Message(
      respondingTo: target.message, answers: [forgery(target.message)], edns: EDNS())
    if random.number(0...1) == 0 {
      client[random.number(0...7)] ^= 0x10
      reply.edns?.options = [EDNS.Option(.cookie, client + client)]
    } else {
      let upstream = host.resolver.exchanges.servers[ServerID(target.query.upstream)]
      // Else it is as right as any.
      guard upstream.cookie.use == .yes else { return }
      reply.edns = random.number(0...1) == 0 ? EDNS() : nil
    }
    tally["forged cookie", default: 0] += 1
    try handle(host.receive(reply.encoded(), socket: socket))
  }

  /// A reply that is nearly right, with marked data.
  private mutating func forge(_ target: Sent) throws {
    var reply = Message(respondingTo: target.message)
    reply.answers = [forgery(target.message)]
    reply.rcode = random.oneOf([.noError, .noError, .nxDomain, .servFail])
    reply.tc = random.number(0...9) == 0
    tally["forged", default: 0] += 1
    var socket = target.query.socket
    var isGuess = false
    switch random.number(0...7) {
    case 7:
      // Over TCP nobody looks at letter case.
      guard socket != nil else { return }
      reply.questions[0].name = try Name(flippingCase(of: target.message.questions[0].name))
    case 0:
      reply.id ^= 1 << UInt16(random.number(0...15))
      isGuess = true
    case 1:
      reply.questions[0].name = try Name("m.example.net")
    case 2: reply.questions[0].type = .mx
    case 3: reply.questions[0].recordClass = .chaos
    case 4: reply.qr = false
    case 5: reply.opcode = Opcode(UInt8(random.number(1...15)))
    default:
      guard let right = socket else { return }
      let sockets = options.socketsPerUpstream
      let number = right.server.slot * sockets + right.member
      let other =
        (number + random.number(1...(options.upstreams * sockets - 1)))
        % (options.upstreams * sockets)
      socket = SocketID(ServerID(other / sockets), member: other % sockets)
      isGuess = true
    }
    // One guess in many thousands is right, which proves nothing.
    if isGuess, let socket,
      host.resolver.exchanges.findTransmission(socket: socket, id: reply.id) != nil
    {
      return
    }
    if let socket {
      try handle(host.receive(reply.encoded(), socket: socket))
    } else {
      try handle(host.receive(reply.encoded(), stream: target.query.purpose))
    }
  }

  /// A reply from the right place, with marked data, that is no message.
  private mutating func malform(_ target: Sent) throws {
    var reply = Message(respondingTo: target.message)
    reply.answers = [forgery(target.message)]
    reply.edns = nil
    try deliver("malformed", reply, to: target, cut: random.number(1...9))
  }

  /// A name with its first letter in the other case.
  private func flippingCase(of name: Name) -> String {
    let text = "\(name)"
    let first = text.prefix(1)
    return (first == first.lowercased() ? first.uppercased() : first.lowercased())
      + text.dropFirst()
  }

  private func forgery(_ query: Message) -> Record {
    Record(
      name: query.questions[0].name, type: .a, ttl: 300, rdata: IPAddress(v4: Self.forged).octets)
  }

  private mutating func breakSomething() throws {
    if !streams.isEmpty {
      tally["broken connection", default: 0] += 1
      try handle(host.streamFailed(random.oneOf(streams)))
    } else if random.number(0...2) == 0, let query = sent.last?.query, let socket = query.socket {
      tally["unreachable", default: 0] += 1
      try handle(host.socketFailed(socket, id: random.number(0...9) == 0 ? nil : query.id))
    }
  }

  private mutating func passTime(_ time: UInt64) throws {
    var events: [Host.Event] = []
    let until = host.now + time
    while host.now < until {
      // Events are handled at their own time.
      let step = min(until, max(host.resolver.exchanges.nextDeadline ?? until, host.now + 1))
      host.advance(to: step) { events += $0 }
      try handle(events)
      events = []
    }
  }

  /// The loop is busy with other things; deadlines pass unnoticed.
  private mutating func beBusy() throws {
    tally["busy", default: 0] += 1
    host.jump(to: host.now + UInt64(random.number(0...300)))
    if random.number(0...1) == 0 { try ask() }
    try handle(host.expire())
  }

  /// The machine sleeps for hours, so that what is remembered of upstreams and clients grows old.
  private mutating func sleep() throws {
    tally["sleep", default: 0] += 1
    try passTime(6_000)
    host.jump(to: host.now + UInt64(random.oneOf([1, 2, 30])) * 3_600_000)
    try handle(host.expire())
  }

  /// Upstreams that are being probed.
  private var downCount: Int {
    host.resolver.exchanges.servers.present.count {
      host.resolver.exchanges.servers[$0].isDown
    }
  }

  private mutating func keepHouse() throws {
    switch random.number(0...7) {
    case 7:
      host.service.renewCookieSecret(SipHash(random.next(), random.next()))
      clients.secrets += 1
    case 0:
      var key = NameKey(seed: host.cache.seed)
      if let name = try? Name(random.oneOf(Self.names)) {
        key.load(trusted: name.wire.span)
        _ = host.cache.flush(key, .everything)
      }
    case 1: _ = host.cache.sweep(names: 5, now: UInt32(host.now / 1000))
    case 2: host.cache._checkInvariants()
    // Else most questions would fail at once.
    case 3, 4: host.resolver.forgetFailures()
    case 5: try handle(host.networkChanged())
    default: break
    }
  }

  // MARK: The world

  /// What an honest upstream says, more or less completely.
  private mutating func honest(_ query: Message) -> Message {
    var reply = truth(query)
    // What nobody checks may be anything.
    if query.cd { reply.answers = reply.answers.map(World.unchecked) }
    reply.ad =
      query.ad && !query.cd && World.isAuthentic(query.questions[0].name)
      && reply.answers.allSatisfy { World.isAuthentic($0.name) }
    if query.edns?.dnssecOK == true {
      reply.answers = World.signed(reply.answers)
      reply.authority = World.signed(reply.authority)
    }
    return reply
  }

  private mutating func truth(_ query: Message) -> Message {
    var reply = Message(respondingTo: query)
    reply.aa = random.number(0...3) == 0
    if random.number(0...2) != 0 { reply.edns = EDNS() }
    let type = query.questions[0].type
    var name = query.questions[0].name
    var links = 0
    while links < 4, let target = World.alias(name) {
      reply.answers.append(
        Record(name: name, type: .cname, ttl: World.ttl(name), rdata: target.wire))
      name = target
      links += 1
      // Some give only the alias.
      if random.number(0...1) == 0 {
        tally["alias alone", default: 0] += 1
        return reply
      }
    }
    let records = World.records(name, type)
    reply.answers += records
    if World.alias(name) == nil, records.isEmpty {
      if !World.exists(name) { reply.rcode = .nxDomain }
      if random.number(0...4) != 0 { reply.authority = World.soa }
    } else if random.number(0...1) == 0 {
      reply.authority = World.servers
      reply.additional = World.glue
    }
    return reply
  }

  // MARK: What follows

  private mutating func handle(_ events: [Host.Event]) throws {
    for event in events {
      switch event {
      case .sent(let query, let octets):
        let message = try Message(parsing: octets)
        if message.edns == nil { plain.insert(message.questions[0].name.lowercased) }
        sent.append(Sent(query: query, message: message))
        if sent.count > 64 { sent.removeFirst() }
        if query.socket == nil, !query.isProbe { try open(query.purpose) }
      case .closed(let handle) where handle.isProbe: break
      case .closed(let handle):
        let place = streams.firstIndex(of: handle)
        streams.remove(at: try #require(place, "closed once, after it was opened"))
      case .replied(let client, let transport, let octets):
        try accept(client, transport, octets)
      case .dropped: Issue.record("a query was dropped")
      }
    }
  }

  private mutating func open(_ handle: Purpose) throws {
    tally["connection", default: 0] += 1
    try #require(!streams.contains(handle), "one connection for a question at a time")
    streams.append(handle)
  }

  private mutating func accept(
    _ client: UInt32, _ transport: Service.Transport, _ octets: [UInt8]
  ) throws {
    let known = waiting.removeValue(forKey: client)
    let asked = try #require(known, "answered once")
    let reply = try Message(parsing: octets)
    tally["\(reply.rcode)", default: 0] += 1
    if let cookie = asked.cookie, cookie.kind == .malformed {
      #expect(octets.count == MessageHeader.size && reply.rcode == .formErr)
      #expect(reply.id == asked.message.id && transport == asked.transport)
      return
    }
    let end = MessageHeader.size + asked.message.questionCount
    #expect(reply.id == asked.message.id && transport == asked.transport)
    #expect(octets[MessageHeader.size..<end] == asked.octets[MessageHeader.size..<end])
    #expect(host.now - asked.time < 5_000)
    #expect((reply.edns != nil) == (asked.message.edns != nil))
    let cookies = reply.edns?.options.filter { $0.code == .cookie }.map(\.data) ?? []
    #expect(cookies.count == (asked.cookie == nil ? 0 : 1))
    if let cookie = asked.cookie, let given = cookies.first {
      tally["cookie \(cookie.kind)", default: 0] += 1
      clients.take(given, for: cookie)
    }
    if reply.tc { tally["cut answer", default: 0] += 1 }
    guard reply.rcode == .noError || reply.rcode == .nxDomain, !reply.tc else {
      #expect(reply.answers.isEmpty || reply.tc)
      return
    }
    // What is answered is the world's truth: the chain, then the records or their absence.
    let type = asked.message.questions[0].type
    var name = asked.message.questions[0].name
    var expected: [Record] = []
    while expected.count < 20, let target = World.alias(name) {
      expected.append(Record(name: name, type: .cname, ttl: 0, rdata: target.wire))
      name = target
    }
    expected += World.records(name, type)
    // Stale data has a TTL of its own; without EDNS, or room for an extended error, nothing tells that it is.
    let hasRoom = octets.count + 6 <= max(512, Int(asked.message.edns?.udpSize ?? 0))
    let mayBeStale =
      options.staleAge > 0 && (reply.edns == nil || !reply.extendedErrors.isEmpty || !hasRoom)
    let most: UInt32 = mayBeStale ? 30 : 0
    for record in reply.answers { #expect(record.ttl <= max(World.ttl(record.name), most)) }
    let records = reply.answers.filter { $0.type != .rrsig }
    if records.contains(where: World.isUnchecked) {
      tally["unchecked", default: 0] += 1
      #expect(asked.message.cd, "only who wants it is given what nobody checked")
    } else {
      #expect(records.map(comparable) == expected.map(comparable))
    }
    checkEvidence(
      reply, asked.message, owners: [asked.message.questions[0].name, name] + expected.map(\.name))
    #expect((reply.rcode == .nxDomain) == !World.exists(name))
  }

  /// Signatures are there when they are wanted and were to be had; AD is what upstream said of all of it.
  private mutating func checkEvidence(_ reply: Message, _ query: Message, owners: [Name]) {
    let all = reply.answers + reply.authority
    let signed = all.filter { $0.type != .rrsig }
    let signatures = all.filter { $0.type == .rrsig }
    guard query.edns?.dnssecOK == true else {
      #expect(signatures.isEmpty, "nobody else wants them")
      if reply.ad { #expect(query.ad) }
      return
    }
    #expect(reply.edns?.dnssecOK == true)
    if reply.ad {
      tally["AD", default: 0] += 1
      for owner in owners { #expect(World.isAuthentic(owner)) }
    }
    // While upstream fails, what is known without will do, and that is said.
    guard reply.extendedErrors.isEmpty else { return }
    // An upstream that is asked without EDNS gives none.
    guard owners.allSatisfy({ !plain.contains($0.lowercased) }) else { return }
    if !signed.isEmpty { tally["signed", default: 0] += 1 }
    for record in signed {
      let isSigned = signatures.contains {
        $0.name == record.name && $0.ttl == record.ttl && World.covers($0, record.type)
      }
      #expect(isSigned, "\(record) has no signature")
    }
  }

  /// A record without its TTL and the letter case of the alias's target, which compression may change.
  private func comparable(_ record: Record) -> Record {
    var copy = record
    copy.ttl = 0
    if record.type == .cname, let target = try? Name(wire: record.rdata) {
      copy.rdata = target.lowercased.wire
    }
    return copy
  }

  // MARK: What must hold

  private func check(_ round: Int) throws {
    let resolver = host.resolver.inFlight
    #expect(resolver <= options.inFlightLimit)
    #expect(host.resolver.waiting <= options.waiterLimit + resolver)
    let isEachWaitMutual = host.resolver.isEachWaitMutual()
    #expect(isEachWaitMutual, "after round \(round)")
    #expect(host.service.waiting.count == waiting.count)
    let untimed = host.resolver.untimed
    #expect(host.resolver.exchanges.timers.count == resolver - untimed + downCount)
    var streaming = 0
    let mayRefresh = options.staleAge > 0 || options.isPrefetching
    host.resolver.visitInFlight { view, _ in
      if view.isStreaming { streaming += 1 }
      // With DO a client may have been given what is known without.
      #expect(view.waiters > 0 || mayRefresh || view.queryFlags.contains(.signatures))
      #expect(view.attempts <= ExchangeTiming.attempts)
    }
    #expect(streaming == streams.count)
    for asked in waiting.values { #expect(host.now - asked.time < 5_000) }
    // At time zero nothing has expired.
    host.cache.visitNames(
      high: 0, low: UInt64(Self.forged), isIPv4: true, now: 0
    ) { _ in
      Issue.record("a forged address is in the cache after round \(round)")
      return true
    }
  }
}

extension ServerTable {
  /// Packets whose reply would still be good, of all servers.
  fileprivate var inFlight: Int { present.reduce(0) { $0 + Int(self[$1].inFlight) } }
}

extension Resolver {
  /// Questions that wait for others and have no client with a deadline.
  fileprivate var untimed: Int {
    mutating get {
      var count = 0
      for index in (0..<exchanges.end).compactMap({ exchanges.exchange(at: $0) }) {
        if exchanges[index].isEnded && lookups[index].earliest == .max { count += 1 }
      }
      return count
    }
  }

  /// Whether each question that has its answer waits for one that knows of it, each that is waited for is waited
  /// for by such a one, and none waits for itself.
  fileprivate mutating func isEachWaitMutual() -> Bool {
    var waits = 0
    for index in (0..<exchanges.end).compactMap({ exchanges.exchange(at: $0) }) {
      var waiter = lookups[index].firstWaiter
      while waiter != .none {
        if case .lookup(let handle) = waiters[waiter].recipient {
          waits += 1
          guard let parent = exchanges.find(handle), lookups[parent].waitsFor == index else {
            return false
          }
        }
        waiter = waiters[waiter].next
      }
    }
    for index in (0..<exchanges.end).compactMap({ exchanges.exchange(at: $0) }) {
      guard exchanges[index].isEnded == (lookups[index].waitsFor != .none) else {
        return false
      }
      if exchanges[index].isEnded { waits -= 1 }
      var place = index
      for _ in 0...exchanges.count where lookups[place].waitsFor != .none {
        place = lookups[place].waitsFor
      }
      guard lookups[place].waitsFor == .none else { return false }
    }
    return waits == 0
  }
}
