import DNSCache
import DNSPolicy
import DNSWire
import Memory

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

/// Plays a scenario against a service, strictly: whatever the service does must be expected by a
/// line, and what a line expects must have happened at that moment.
final class ScenarioPlayer {
  private let scenario: Scenario
  private let file: String
  private let host: Host
  private var line = 0
  private var seen: [Host.Event] = []
  private var sent: [String: Sent] = [:]
  private var clients: [String: Asked] = [:]
  private var clientCount: UInt32 = 0
  /// Our cookie for each upstream, and until when it is good; and those that we had before.
  private var cookies: [IPAddress: (octets: [UInt8], end: UInt64)] = [:]
  private var earlierCookies: Set<[UInt8]> = []

  /// A packet that an upstream got.
  fileprivate struct Sent {
    var query: OutgoingQuery
    var message: Message
    var octets: [UInt8]
  }

  /// A question that a client waits for.
  private struct Asked {
    var number: UInt32
    var query: Scenario.ClientQuery
    var message: Message
    var octets: [UInt8]
  }

  static func play(_ text: String, file: String) throws {
    try ScenarioPlayer(ScenarioParser.parse(text, file: file), file: file).play()
  }

  private init(_ scenario: Scenario, file: String) {
    self.scenario = scenario
    self.file = file
    host = Host(scenario.options)
  }

  private func play() throws {
    for step in scenario.steps {
      if let time = step.time {
        try expectNothingMore()
        guard time >= host.now else {
          line = step.line
          throw error("time goes back")
        }
        line = step.line
        try host.advance(to: time) { events in
          let events = shown(events)
          guard events.isEmpty || host.now == time else {
            throw error("before this, at \(host.now) ms: \(describe(events))")
          }
          seen += events
        }
      }
      line = step.line
      try play(step.statement)
    }
    try expectNothingMore()
    try host.advance(to: host.now + 2 * ExchangeTiming.deadline) { events in
      let events = events.filter { !$0.isProbe }
      guard events.isEmpty else {
        throw error("behind the end, at \(host.now) ms: \(describe(events))")
      }
    }
    guard host.resolver.inFlight == 0, host.resolver.waiting == 0,
      host.service.waiting.count == 0
    else { throw error("something is in flight at the end") }
    guard host.miscounted.isEmpty else {
      throw error("an answer came from \(host.miscounted.joined(separator: "; "))")
    }
    guard host.cache.overlayOctets == 0 else { throw error("an overlay is not released") }
    host.cache._checkInvariants()
  }

  // MARK: Statements

  private func play(_ statement: Scenario.Statement) throws {
    switch statement {
    case .clientAsks(let query):
      try expectNothingMore()
      try ask(query)
    case .upstreamAnswers(let reply):
      try expectNothingMore()
      try answer(reply)
    case .upstreamSends(let upstream, let query, let pieces):
      try expectNothingMore()
      let sent = try sent(query)
      let octets = pieces.flatMap { piece in
        switch piece {
        case .id: Array(sent.octets[0..<2])
        case .question: sent.question
        case .literal(let octets): octets
        }
      }
      try deliver(octets, upstream: upstream, to: sent)
    case .upstreamUnreachable(let upstream, let query):
      try expectNothingMore()
      let sent = try sent(query).query
      guard let socket = sent.socket else { throw error("\(query) went over TCP") }
      guard upstream == host.address(of: sent.upstream) else {
        throw error("\(query) went elsewhere")
      }
      seen = shown(host.socketFailed(socket, id: sent.id))
    case .streamFails(let query):
      try expectNothingMore()
      seen = shown(host.streamFailed(try sent(query).query.purpose))
    case .networkChanges:
      try expectNothingMore()
      // From another address, cookies are others, too.
      earlierCookies.formUnion(cookies.values.map(\.octets))
      cookies = [:]
      seen = shown(host.networkChanged())
    case .localAdds(let kind, let records):
      try expectNothingMore()
      seen = shown(records.flatMap { host.addLocal($0, kind) })
    case .localLoses(let kind):
      try expectNothingMore()
      host.emptyLocal(kind)
    case .listHas(let list, let entries):
      try expectNothingMore()
      host.setList(list, entries)
    case .ruleComes(let rule):
      try expectNothingMore()
      host.addRule(rule)
    case .blockedGet(let answer):
      host.policy.value.filter.value.setGroups([NameFilter.GroupRules(answer: answer)])
    case .blockingPauses(let isPaused): host.policy.value.filter.value.isPaused = isPaused
    case .sweepPasses:
      try expectNothingMore()
      seen = shown(host.sweep())
    case .upstreamIsAsked(let query): try expectQuery(query)
    case .upstreamIsProbed(let upstream, let question, let isStream, let label):
      try expectProbe(upstream, question, isStream: isStream, label: label)
    case .upstreamIsProbedForLoop(let upstream, let label):
      try expectLoopProbe(upstream, label: label)
    case .streamIsClosed(let query): try expectClosed(query)
    case .clientGets(let reply): try expectReply(reply)
    case .clientGetsNothing(let client):
      let asked = try asked(client)
      _ = try take("\(client) gets nothing") {
        if case .dropped(asked.number) = $0 { true } else { false }
      }
      clients[client] = nil
    case .inFlight(let count):
      let found = host.resolver.inFlight
      guard found == count else { throw error("\(found) in flight") }
    case .cacheShows(let set): try expectCached(set)
    case .cacheLacks(let name, let type):
      guard !host.known(name).contains(where: { $0.type == type }) else {
        throw error("the cache has it")
      }
    case .counter(let name, let value):
      guard let found = host.counter(name) else { throw error("unknown counter \"\(name)\"") }
      guard found == value else { throw error("\(name) is \(found)") }
    }
  }

  // MARK: What happens

  private func ask(_ query: Scenario.ClientQuery) throws {
    guard clients[query.client] == nil else { throw error("\(query.client) waits already") }
    clientCount += 1
    var query = query
    if let label = query.sameNameAs {
      guard let question = try sent(label).message.questions.first else {
        throw error("\(label) asks nothing")
      }
      query.question.name = question.name
    }
    var message = Message(
      query: query.question.name, query.question.type,
      id: UInt16(truncatingIfNeeded: 0x4000 + clientCount),
      edns: query.ednsSize.map { EDNS(udpSize: $0, dnssecOK: query.dnssecOK) })
    message.rd = query.recursionDesired
    message.cd = query.checkingDisabled
    message.ad = query.authenticData
    let octets = message.encoded()
    clients[query.client] = Asked(
      number: clientCount, query: query, message: message, octets: octets)
    seen = shown(
      host.ask(octets, from: query.address, over: query.transport, client: clientCount))
  }

  private func answer(_ reply: Scenario.UpstreamReply) throws {
    let sent = try sent(reply.query)
    var message = Message(
      respondingTo: sent.message, answers: reply.records.answers,
      authority: reply.records.authority, additional: reply.records.additional,
      edns: reply.hasEDNS ?? (sent.message.edns != nil)
        ? EDNS(dnssecOK: sent.message.edns?.dnssecOK ?? false) : nil)
    if let cookie = reply.cookie {
      guard var client = sent.message.edns?[.cookie]?.prefix(8) else {
        throw error("\(reply.query) has no cookie")
      }
      if cookie.isWrong { client[0] ^= 1 }
      message.edns?.options = [EDNS.Option(.cookie, client + cookie.server)]
    }
    message.edns?.options += reply.extendedErrors.map {
      EDNS.Option(.extendedError, [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)])
    }
    message.rcode = reply.rcode
    message.ra = reply.offersRecursion
    message.qr = reply.isResponse
    message.aa = reply.isAuthoritative
    message.ad = reply.isAuthentic
    message.cd = sent.message.cd
    message.tc = reply.isTruncated
    message.opcode = reply.opcode
    if reply.hasWrongID { message.id ^= 0x0100 }
    if let question = reply.question { message.questions = [question] }
    if !reply.hasQuestion { message.questions = [] }
    let octets =
      message.encoded().dropLast(reply.cut) + [UInt8](repeating: 0, count: reply.trailing)
    try deliver(
      Array(octets), upstream: reply.upstream, to: sent, toWrongSocket: reply.hasWrongSocket)
  }

  private func deliver(
    _ octets: [UInt8], upstream: IPAddress, to sent: Sent, toWrongSocket: Bool = false
  ) throws {
    guard let socket = sent.query.socket else {
      guard upstream == host.address(of: sent.query.upstream), !toWrongSocket else {
        throw error("a connection has one upstream")
      }
      seen = shown(host.receive(octets, stream: sent.query.purpose))
      return
    }
    let member = (socket.member + (toWrongSocket ? 1 : 0)) % scenario.options.socketsPerUpstream
    let server = ServerID(host.upstream(at: upstream))
    seen = shown(host.receive(octets, socket: SocketID(server, member: member)))
  }

  // MARK: What is expected

  private func expectQuery(_ query: Scenario.UpstreamQuery) throws {
    let event = try take("upstream \(query.upstream) is asked \(query.name) \(query.type)") {
      guard case .sent(let sent, let octets) = $0, !sent.isProbe,
        let message = try? Message(parsing: octets)
      else { return false }
      return host.address(of: sent.upstream) == query.upstream
        && (sent.socket == nil) == query.isStream
        && message.questions == [Question(name: query.name, type: query.type)]
        && (message.edns != nil) == query.hasEDNS
        && (message.edns?.dnssecOK ?? false) == query.dnssecOK
        && message.cd == query.checkingDisabled
    }
    guard case .sent(let sent, let octets) = event, let message = try? Message(parsing: octets)
    else {
      return
    }
    guard self.sent[query.label] == nil else { throw error("there is a \(query.label) already") }
    if let socket = sent.socket {
      guard socket.server == sent.server else {
        throw error("socket \(socket) does not lead to upstream \(query.upstream)")
      }
    }
    if let isLowerCase = query.isLowerCase {
      let name = octets[MessageHeader.size..<MessageHeader.size + query.name.wire.count]
      guard name.contains(where: { (0x41...0x5A).contains($0) }) != isLowerCase else {
        throw error("the letter case is another one: \(message)")
      }
    }
    var flags = MessageHeader.Flag.recursionDesired | MessageHeader.Flag.authenticData
    if query.checkingDisabled { flags |= MessageHeader.Flag.checkingDisabled }
    guard message.id == sent.id, message.flags == flags,
      message.answers + message.authority + message.additional == [],
      message.edns == nil
        || message.edns
          == EDNS(
            udpSize: query.isSmall ? 512 : 1_232, dnssecOK: query.dnssecOK,
            options: query.hasCookie
              ? [EDNS.Option(.cookie, clientCookie(message, query.upstream) + query.serverCookie)]
              : [])
    else { throw error("a strange query: \(message)") }
    self.sent[query.label] = Sent(query: sent, message: message, octets: octets)
  }

  /// A day.
  private static let cookieLife: UInt64 = 86_400_000

  /// Our cookie as it has to be: eight octets, for a day the same for an upstream, and no other's.
  private func clientCookie(_ message: Message, _ upstream: IPAddress) -> [UInt8] {
    let found = Array(message.edns?[.cookie]?.prefix(8) ?? [])
    if let known = cookies[upstream], host.now < known.end { return known.octets }
    guard found.count == 8, !earlierCookies.contains(found),
      !cookies.values.contains(where: { $0.octets == found })
    else { return [] }
    cookies[upstream] = (found, host.now + Self.cookieLife)
    return found
  }

  private func expectProbe(
    _ upstream: IPAddress, _ question: Question, isStream: Bool, label: String
  ) throws {
    let event = try take("upstream \(upstream) is probed \(question.name) \(question.type)") {
      guard case .sent(let sent, let octets) = $0, let message = try? Message(parsing: octets)
      else { return false }
      return sent.isProbe && host.address(of: sent.upstream) == upstream
        && (sent.socket == nil) == isStream
        && message.questions == [question]
        && message.edns == nil
    }
    guard case .sent(let sent, let octets) = event, let message = try? Message(parsing: octets)
    else { return }
    self.sent[label] = Sent(query: sent, message: message, octets: octets)
  }

  /// A name that nobody can guess, below one that exists and that no forwarder answers by itself.
  private func expectLoopProbe(_ upstream: IPAddress, label: String) throws {
    let zone = try Name("empty.as112.arpa")
    let event = try take("upstream \(upstream) is probed for a loop") {
      guard case .sent(let sent, let octets) = $0, let message = try? Message(parsing: octets),
        let question = message.questions.first
      else { return false }
      return sent.isProbe && host.address(of: sent.upstream) == upstream && sent.socket != nil
        && message.questions.count == 1 && message.edns == nil && question.type == .a
        && question.name.labels.count == 4 && question.name.labels[0].count == 16
        && Array(question.name.wire.suffix(zone.wire.count)) == Array(zone.wire)
        && !self.sent.values.contains { $0.message.questions == message.questions }
    }
    guard case .sent(let sent, let octets) = event, let message = try? Message(parsing: octets)
    else { return }
    self.sent[label] = Sent(query: sent, message: message, octets: octets)
  }

  private func expectClosed(_ query: String) throws {
    let handle = try sent(query).query.purpose
    _ = try take("the connection of \(query) is closed") {
      if case .closed(handle) = $0 { true } else { false }
    }
  }

  private func expectReply(_ expected: Scenario.ClientReply) throws {
    let asked = try asked(expected.client)
    let event = try take("\(expected.client) gets \(expected.rcode)") {
      if case .replied(asked.number, _, _) = $0 { true } else { false }
    }
    clients[expected.client] = nil
    guard case .replied(_, let transport, let octets) = event else { return }
    guard let reply = try? Message(parsing: octets) else {
      throw error("an answer that can't be read: \(octets)")
    }
    try checkForm(reply, octets, transport, asked)
    guard reply.rcode == expected.rcode, reply.tc == expected.isTruncated,
      reply.aa == expected.isAuthoritative,
      reply.ad == expected.isAuthentic,
      reply.extendedErrors == expected.extendedErrors.map({ ExtendedErrorCode($0) }),
      expected.records
        == Scenario.Records(
          answers: reply.answers, authority: reply.authority, additional: reply.additional)
    else { throw error("\(expected.client) got\n\(reply)") }
  }

  /// What is true of every answer, whatever is in it.
  private func checkForm(
    _ reply: Message, _ octets: [UInt8], _ transport: Service.Transport, _ asked: Asked
  ) throws {
    var flags = MessageHeader.Flag.response | MessageHeader.Flag.recursionAvailable
    if asked.query.recursionDesired { flags |= MessageHeader.Flag.recursionDesired }
    if asked.query.checkingDisabled { flags |= MessageHeader.Flag.checkingDisabled }
    let free =
      MessageHeader.Flag.truncated | MessageHeader.Flag.authenticData
      | MessageHeader.Flag.authoritative
      | MessageHeader.Flag.rcodeMask
    let question = MessageHeader.size..<MessageHeader.size + asked.message.questionCount
    let limit =
      switch (transport, asked.query.ednsSize) {
      case (.tcp, _): 65_535
      case (.udp, nil): 512
      case (.udp, let size?): min(max(Int(size), 512), 1_232)
      }
    guard reply.id == asked.message.id, reply.flags & ~free == flags,
      transport == asked.query.transport,
      // Letter case and all.
      octets[question] == asked.octets[question],
      octets.count <= limit,
      reply.edns?.udpSize == asked.query.ednsSize.map({ _ in 1_232 }),
      // RFC 3225 §3.
      reply.edns?.dnssecOK ?? false == asked.query.dnssecOK
    else { throw error("an answer in the wrong form, of \(octets.count) octets:\n\(reply)") }
  }

  private func expectCached(_ expected: Scenario.CachedSet) throws {
    let sets = host.known(expected.name, stale: expected.age != nil)
    let wanted = expected.type ?? RecordType(rawValue: 0)
    guard let set = sets.first(where: { $0.type == wanted }) else {
      throw error("the cache has \(sets.map { "\($0.type) \($0.rank.word)" })")
    }
    let now = UInt32(host.now / 1000)
    let ttl = set.expiry > now ? set.expiry - now : 0
    let age = set.expiry > now ? nil : now - set.expiry
    let flags = set.flags.words.isEmpty ? "none" : set.flags.words.joined(separator: ",")
    var signatures = 0
    host.cache.visitSignatures(of: set) { _ in signatures += 1 }
    var proof = 0
    host.cache.visitProof(of: set) { _, _, _ in proof += 1 }
    guard (set.kind != .records) == expected.isNegative,
      expected.rank == nil || expected.rank == set.rank.word,
      expected.ttl == nil || expected.ttl == ttl, expected.age == age,
      expected.count == nil || expected.count == set.count,
      expected.flags == nil || expected.flags == flags,
      expected.signatures == nil || expected.signatures == signatures,
      expected.proof == nil || expected.proof == proof
    else {
      throw error(
        "\(set.kind), rank \(set.rank.word), ttl \(ttl), records \(set.count), "
          + "flags \(flags), signatures \(signatures), proof \(proof)")
    }
  }

  // MARK: What was seen

  /// Events that lines have to expect.
  private func shown(_ events: [Host.Event]) -> [Host.Event] {
    scenario.showsProbes ? events : events.filter { !$0.isProbe }
  }

  private func take(
    _ expected: String, _ matches: (Host.Event) -> Bool
  ) throws -> Host.Event {
    guard let index = seen.firstIndex(where: matches) else {
      throw error("\(expected): this did not happen, but \(describe(seen))")
    }
    return seen.remove(at: index)
  }

  private func expectNothingMore() throws {
    guard seen.isEmpty else { throw error("behind this, nothing expects: \(describe(seen))") }
  }

  private func describe(_ events: [Host.Event]) -> String {
    guard !events.isEmpty else { return "nothing" }
    return events.map { event in
      switch event {
      case .sent(let query, let octets):
        "upstream \(host.address(of: query.upstream)) is asked over \(query.socket == nil ? "tcp" : "udp"): "
          + describe(octets)
      case .closed(let handle):
        "the connection of \(label(handle)) is closed"
      case .replied(let client, _, let octets): "\(label(client)) gets \(describe(octets))"
      case .dropped(let client): "\(label(client)) gets nothing"
      }
    }.joined(separator: "; ")
  }

  private func describe(_ octets: [UInt8]) -> String {
    (try? Message(parsing: octets)).map { "\($0)" } ?? "\(octets)"
  }

  private func label(_ client: UInt32) -> String {
    clients.first { $0.value.number == client }?.key ?? "client \(client)"
  }

  private func label(_ handle: Purpose) -> String {
    sent.first { $0.value.query.purpose == handle && $0.value.query.socket == nil }?.key
      ?? "\(handle)"
  }

  private func sent(_ label: String) throws -> Sent {
    guard let sent = sent[label] else { throw error("there is no query \"\(label)\"") }
    return sent
  }

  private func asked(_ client: String) throws -> Asked {
    guard let asked = clients[client] else { throw error("\(client) did not ask") }
    return asked
  }

  private func error(_ message: String) -> ScenarioError {
    ScenarioError(file: file, line: line, message: message)
  }
}

extension Host.Event {
  /// Whether this is a packet that nobody asked for: to an upstream that is down.
  var isProbe: Bool {
    switch self {
    case .sent(let query, _): query.isProbe
    case .closed(let handle): handle.isProbe
    default: false
    }
  }
}

extension Message {
  /// Octets of the questions, uncompressed.
  var questionCount: Int { questions.reduce(0) { $0 + $1.name.wire.count + 4 } }
}

extension ScenarioPlayer.Sent {
  fileprivate var question: [UInt8] {
    Array(octets[MessageHeader.size..<MessageHeader.size + message.questionCount])
  }
}

extension Message {
  /// The codes of the extended errors in OPT (RFC 8914 §2).
  var extendedErrors: [ExtendedErrorCode] {
    (edns?.options ?? []).filter { $0.code == .extendedError && $0.data.count >= 2 }.map {
      ExtendedErrorCode(UInt16($0.data[0]) << 8 | UInt16($0.data[1]))
    }
  }
}
