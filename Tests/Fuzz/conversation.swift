import DNSCache
import DNSFrontend
import DNSResolver
import DNSWire
import Memory

// The input is a conversation: each octet says what happens next, the ones behind it how. Clients ask,
// upstreams answer right, wrong or in octets that are the input's own, time passes, connections break.
// Whatever happens, nothing traps, each client is told once, in time, and a reply with another ID or
// from another socket is never believed.

@_cdecl("LLVMFuzzerTestOneInput")
func fuzzConversation(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer gives the count of the octets at start.
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  let conversation = Conversation(Input(bytes))
  conversation.play()
  return 0
}

/// Octets to draw decisions from; zeros when they are used up.
struct Input {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isEmpty: Bool { position >= bytes.count }

  mutating func octet() -> UInt8 {
    guard position < bytes.count else { return 0 }
    position += 1
    return bytes[position - 1]
  }

  mutating func number(below limit: Int) -> Int { Int(octet()) % limit }

  mutating func number16() -> UInt16 { UInt16(octet()) << 8 | UInt16(octet()) }

  /// As many octets as the next one says.
  mutating func octets() -> [UInt8] {
    let count = Int(octet())
    let end = min(position + count, bytes.count)
    defer { position = end }
    return Array(bytes[position..<end])
  }
}

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

final class Conversation {
  private var input: Input
  private var frontend: Frontend
  private var now: UInt64 = 10_000
  private var buffer = [UInt8](repeating: 0, count: FrontendSettings.streamSize)
  /// When each client that waits began to.
  private var waiting: [UInt32: UInt64] = [:]
  private var clients: UInt32 = 0
  private var sent: [(query: OutgoingQuery, octets: [UInt8])] = []
  private var streams: [QuestionHandle] = []

  private static let upstreams = 3
  private static let sockets = 4
  private static let inFlight = 5
  private static let client = IPAddress(v4: 0xC000_0207)
  private static let neighbour = IPAddress(v4: 0xC000_0309)
  /// The address that only forged replies have.
  private static let forged: UInt32 = 0xC633_6442
  /// More than any input needs that finds something new.
  private static let longest = 600

  init(_ input: Input) {
    self.input = input
    let seed = HashSeed(1, 2)
    var settings = FrontendSettings(
      allowed: [IPNetwork("192.0.2.0/23")].compactMap { $0 }, version: "1", identity: "fuzz",
      cookieSecrets: CookieSecrets(current: SipHash(1, 2)))
    settings.pendingLimit = 12
    var limits = CacheLimits(octets: CacheLimits.leastOctets)
    limits.staleAge = 3_600
    frontend = Frontend(
      settings: settings,
      cache: Cache(limits: limits, seed: seed),
      resolver: Resolver(
        settings: ResolverSettings(
          upstreams: Conversation.upstreams, socketsPerUpstream: Conversation.sockets,
          inFlightLimit: Conversation.inFlight, waiterLimit: 14, waitersPerQuestion: 5),
        seed: seed, random: Sequence(), now: 10_000))
  }

  func play() {
    var events = 0
    while !input.isEmpty && events < Conversation.longest {
      events += 1
      switch input.octet() % 16 {
      case 0...3: ask()
      case 4: receiveFromClient(input.octets())
      case 5...10: reply()
      case 11: forge()
      case 12: breakSomething()
      case 13: pass(UInt64(input.octet()) * 16)
      case 14: pass(UInt64(input.octet()))
      default: keepHouse()
      }
      check()
    }
    pass(6_000)
    precondition(waiting.isEmpty, "everybody is told in time")
    frontend.cache._checkInvariants()
  }

  // MARK: Clients

  private func ask() {
    let shape = input.octet()
    var query = header(id: input.number16(), flags: shape & 1 == 0 ? 0x0100 : 0x0110, questions: 1)
    query += name(input.octet())
    query += number16(type(input.octet())) + number16(shape & 14 == 14 ? 3 : 1)
    if shape & 0x30 != 0 {
      query[11] = 1
      let options = shape & 0x20 != 0 ? input.octets() : []
      query += [0] + number16(41) + number16(input.number16()) + [0, 0]
      query += [shape & 0x40 == 0 ? 0 : 0x80, 0] + number16(UInt16(options.count)) + options
    }
    receiveFromClient(query)
  }

  private func receiveFromClient(_ packet: [UInt8]) {
    clients += 1
    let choice = input.octet()
    let address = choice & 2 == 0 ? Conversation.client : Conversation.neighbour
    frontend.note(packet.span, as: 0)
    frontend.anticipate(1)
    var reply = buffer.mutableSpan
    switch frontend.receive(
      packet.span, noted: 0, from: address, over: choice & 1 == 0 ? .udp : .tcp, client: clients,
      reply: &reply, now: now)
    {
    case .reply(let count):
      precondition(
        (try? Message(parsing: Array(buffer[..<count]))) != nil, "answers are well formed")
    case .drop: break
    case .pending: waiting[clients] = now
    }
    drain()
  }

  // MARK: Upstreams

  /// A reply to something that was asked, with records that the input makes.
  private func reply() {
    guard let target = target() else { return }
    let shape = input.octet()
    var reply = Array(target.octets[..<questionEnd(target.octets)])
    reply[2] = 0x81 | (shape & 1 << 2) | (shape & 2 != 0 && shape & 0x80 != 0 ? 0x02 : 0)
    reply[3] = 0x80 | (shape & 0x0C == 0x0C ? input.octet() & 0x3F : 0)
    for index in 6..<12 { reply[index] = 0 }
    if shape & 0x70 == 0x70 {
      // Whatever the input has.
      for index in 0..<3 { reply[7 + 2 * index] = input.octet() & 7 }
      reply += input.octets()
    } else {
      for section in 0..<3 {
        let count = input.number(below: section == 0 ? 5 : 3)
        reply[7 + 2 * section] = UInt8(count)
        for _ in 0..<count { reply += record() }
      }
    }
    deliver(reply, to: target.query)
  }

  private func record() -> [UInt8] {
    let shape = input.octet()
    var record = shape & 1 == 0 ? [0xC0, 12] : name(shape >> 1)
    var type = type(input.octet())
    let data: [UInt8]
    switch shape >> 5 {
    case 0...1: (type, data) = (1, [192, 0, 2, input.octet()])
    case 2: (type, data) = (5, name(input.octet()))
    case 3: (type, data) = (6, name(input.octet()) + name(0) + [UInt8](repeating: 1, count: 20))
    case 4:
      (type, data) = (
        46, number16(type) + [13, 3] + [UInt8](repeating: 1, count: 14) + name(0) + [7]
      )
    case 5: (type, data) = (47, name(input.octet()) + [0, 1, 0x40])
    default: data = input.octets()
    }
    let ttl: [UInt8] = shape & 8 == 0 ? [0, 0, 0, input.octet()] : [input.octet(), 0, 1, 0]
    record += number16(type) + number16(1) + ttl + number16(UInt16(data.count)) + data
    return record
  }

  private func deliver(_ packet: [UInt8], to query: OutgoingQuery) {
    if let socket = query.socket {
      frontend.receiveUpstream(packet.span, socket: socket, now: now)
    } else {
      frontend.receiveUpstream(packet.span, for: query.question, now: now)
    }
    drain()
  }

  /// A reply that would be right but for its ID.
  private func forge() {
    guard let target = target(), let socket = target.query.socket else { return }
    var packet = Array(target.octets[..<questionEnd(target.octets)])
    let id = UInt16(packet[0]) << 8 | UInt16(packet[1])
    let guess = id ^ max(1, input.number16())
    guard !sent.contains(where: { $0.query.id == guess }) else { return }
    packet.replaceSubrange(0..<12, with: header(id: guess, flags: 0x8180, questions: 1))
    packet[7] = 1
    packet += [0xC0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 198, 51, 100, 66]
    frontend.receiveUpstream(packet.span, socket: socket, now: now)
    drain()
    frontend.cache.visitNames(
      high: 0, low: UInt64(Conversation.forged), isIPv4: true, now: 0
    ) { _ in preconditionFailure("a forged reply was believed") }
  }

  private func target() -> (query: OutgoingQuery, octets: [UInt8])? {
    guard !sent.isEmpty else { return nil }
    return sent[sent.count - 1 - input.number(below: sent.count)]
  }

  private func breakSomething() {
    let choice = input.octet()
    if choice & 1 == 0, !streams.isEmpty {
      frontend.resolver.streamFailed(streams[Int(choice >> 1) % streams.count], now: now)
    } else if choice & 2 != 0, let target = target(), let socket = target.query.socket {
      frontend.resolver.socketFailed(socket, id: target.query.id, now: now)
    } else {
      frontend.resolver.socketFailed(
        Int(choice >> 2) % (Conversation.upstreams * Conversation.sockets),
        id: UInt16(input.octet()), now: now)
    }
    drain()
  }

  // MARK: Time and house

  private func pass(_ time: UInt64) {
    let until = now + time
    while let deadline = frontend.resolver.nextDeadline, deadline <= until {
      now = max(now, deadline)
      frontend.resolver.expire(now: now)
      drain()
      check()
    }
    now = until
  }

  private func keepHouse() {
    let choice = input.octet()
    switch choice & 3 {
    case 0: _ = frontend.cache.sweep(names: 16, now: UInt32(now / 1000))
    case 1:
      var key = NameKey(seed: frontend.cache.seed)
      key.load(trusted: name(choice >> 2).span)
      _ = frontend.cache.flush(key, .everything)
    case 2:
      if choice & 4 == 0 {
        frontend.resolver.forgetFailures()
      } else {
        frontend.resolver.networkChanged(now: now)
        drain()
      }
    default: frontend.cache._checkInvariants()
    }
  }

  private func check() {
    precondition(frontend.resolver.inFlight <= Conversation.inFlight)
    for start in waiting.values { precondition(now - start < 5_000, "nobody waits for long") }
  }

  private func drain() {
    var reply = buffer.mutableSpan
    while let (client, _, count) = frontend.nextReply(into: &reply, now: now) {
      precondition(waiting.removeValue(forKey: client) != nil, "each client is told once")
      var octets: [UInt8] = []
      for index in 0..<count { octets.append(reply[index]) }
      precondition((try? Message(parsing: octets)) != nil, "answers are well formed")
    }
    while let action = frontend.resolver.nextAction() {
      switch action {
      case .send(let query), .openStream(let query):
        var writer = MessageWriter(&reply, limit: 512)
        let count = frontend.resolver.writeQuery(query, into: &writer)
        var octets: [UInt8] = []
        for index in 0..<count { octets.append(reply[index]) }
        sent.append((query, octets))
        if sent.count > 32 { sent.removeFirst() }
        if query.socket == nil { streams.append(query.question) }
      case .closeStream(let handle): streams.removeAll { $0 == handle }
      }
    }
  }

  // MARK: Octets

  private func header(id: UInt16, flags: UInt16, questions: UInt8) -> [UInt8] {
    number16(id) + number16(flags) + [0, questions, 0, 0, 0, 0, 0, 0]
  }

  private func number16(_ number: UInt16) -> [UInt8] {
    [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
  }

  /// One of a few names, near to each other.
  private func name(_ choice: UInt8) -> [UInt8] {
    let zone: [UInt8] = [2, 0x65, 0x78, 0]
    switch choice & 31 {
    case 0: return zone
    case 1: return [0]
    case 2: return [9, 0x6C, 0x6F, 0x63, 0x61, 0x6C, 0x68, 0x6F, 0x73, 0x74, 0]
    case 3...11: return [1, 0x60 + choice & 31] + zone
    case 12...19: return [1, 0x40 + choice & 31] + zone
    default: return [1, 0x61, 1, 0x60 + choice & 7] + zone
    }
  }

  private func type(_ choice: UInt8) -> UInt16 {
    let types: [UInt16] = [1, 1, 28, 5, 2, 6, 12, 15, 16, 33, 43, 46, 47, 50, 65, 255]
    return types[Int(choice & 15)]
  }

  private func questionEnd(_ packet: [UInt8]) -> Int {
    var position = 12
    while packet[position] != 0 { position += 1 + Int(packet[position]) }
    return position + 5
  }
}
