import DNSExchange
import DNSResolver
import DNSWire
import Testing

@testable import DNSService

@Suite("What one client may ask")
struct ClientLimitTests {
  private func host(
    queries: Int = 0, misses: Int = 0, inFlight: Int = 64, exempt: [IPNetwork] = []
  ) throws -> Host {
    var options = Host.Options()
    options.clients.queries = queries
    options.clients.misses = misses
    options.clients.inFlight = inFlight
    options.clients.exempt = exempt
    let host = Host(options)
    try host.learn("www.example.net. 86400 IN A 192.0.2.1")
    // What was learnt has cost tokens.
    host.jump(to: 10_000)
    return host
  }

  private let known = "www.example.net"

  private func query(_ name: String, cookie: [UInt8]? = nil) throws -> Message {
    Message(
      query: try Name(name), .a,
      edns: cookie.map { EDNS(options: [EDNS.Option(.cookie, $0)]) })
  }

  /// How often each kind of answer came.
  private struct Tally: Equatable {
    var answered = 0
    var truncated = 0
    var refused = 0
    var failed = 0
    var badCookies = 0
    var none = 0
  }

  /// Asks again and again; nothing is let pass that is larger than the query, a cookie aside.
  private func ask(
    _ host: Host, _ count: Int, from address: IPAddress = Host.client,
    over transport: Service.Transport = .udp, _ query: (Int) throws -> Message
  ) throws -> Tally {
    var tally = Tally()
    for round in 0..<count {
      let packet = try query(round).encoded()
      guard let octets = host.answer(to: packet, from: address, over: transport) else {
        tally.none += 1
        continue
      }
      let reply = try Message(parsing: octets)
      switch reply.rcode {
      case .badCookie: tally.badCookies += 1
      case .refused: tally.refused += 1
      case .servFail: tally.failed += 1
      default: if reply.tc { tally.truncated += 1 } else { tally.answered += 1 }
      }
      if reply.tc { #expect(octets.count <= packet.count && reply.answers.isEmpty) }
      if reply.rcode == .badCookie { #expect(octets.count <= packet.count + 16) }
    }
    return tally
  }

  private func addUp(_ host: Host) {
    let counters = host.service.counters
    let ends =
      counters.hits + counters.misses + counters.local + counters.refused + counters.limited
      + counters.ignored
    #expect(counters.udp + counters.tcp == ends, "\(counters)")
    #expect(
      counters.limited == counters.queryLimit + counters.missLimit + counters.shareLimit
        + counters.amplificationLimit)
  }

  // MARK: Queries

  @Test func `queries above the rate are cut short or not answered, and others undisturbed`()
    throws
  {
    let host = try host(queries: 100)
    // Two seconds' worth may be saved up.
    let flood = try ask(host, 1_000) { _ in try query(known) }
    #expect(flood == Tally(answered: 200, truncated: 400, none: 400))
    let other = IPAddress(v4: 0xC000_0208)
    #expect(try ask(host, 50, from: other) { _ in try query(known) } == Tally(answered: 50))
    host.jump(to: host.now + 500)
    #expect(
      try ask(host, 60) { _ in try query(known) } == Tally(answered: 50, truncated: 5, none: 5))
    #expect(host.service.counters.queryLimit == 810)
    #expect(host.service.counters.limitedUnanswered == 405)
    addUp(host)
  }

  /// Packets with a forged address take nothing from the client's own.
  @Test func `over TCP a client has the rate for itself, and is told when it is over it`() throws {
    let host = try host(queries: 10)
    _ = try ask(host, 100) { _ in try query(known) }
    #expect(
      try ask(host, 100, over: .tcp) { _ in try query(known) }
        == Tally(answered: 20, refused: 80))
    #expect(host.service.counters.queryLimit == 160)
    addUp(host)
  }

  @Test func `by default one client may ask as much as the machine can answer`() {
    var limits = ClientLimits()
    limits.exempt = []
    var limiter = ClientLimiter(limits, seed: HashSeed(1, 2))
    let client = IPAddress(v4: 0xC0A8_0107)
    var isHeldBack = false
    for _ in 0..<200_000 {
      if !limiter.admitQuery(from: client, isProven: false, now: 0) { isHeldBack = true }
      if !limiter.admitCostly(from: client, isProven: false, now: 0) { isHeldBack = true }
    }
    #expect(!isHeldBack)
    // Of the 8,192 places of a server with its defaults.
    var taken = 0
    while limiter.takePlace(for: client, free: 8_192 - taken) != nil { taken += 1 }
    #expect(taken > 6_000)
  }

  // MARK: Amplification

  /// A client of a network that is no local one: it may be forged.
  private func farHost(_ amplification: Int, local: [IPNetwork] = []) throws -> Host {
    var options = Host.Options()
    options.clients.amplification = amplification
    options.local = local
    let host = Host(options)
    try host.learn("www.example.net. 86400 IN A 192.0.2.1")
    host.jump(to: 10_000)
    return host
  }

  @Test func `an address that nothing has proven gets little more than came from it`() throws {
    let host = try farHost(1_000)
    var sent = 0
    var received = 0
    let packet = try query(known).encoded()
    for _ in 0..<10_000 {
      sent += packet.count
      received += host.answer(to: packet)?.count ?? 0
    }
    // Two seconds' worth.
    #expect(received <= sent + 2_000)
    #expect(host.service.counters.amplificationLimit > 9_800)
    #expect(try ask(host, 1_000, over: .tcp) { _ in try query(known) } == Tally(answered: 1_000))
    addUp(host)
    // Nor does an answer that had to wait.
    let events = host.ask(try query("late.example.net").encoded())
    guard case .sent(let query, let octets)? = events.first else {
      Issue.record("nothing was asked")
      return
    }
    let reply = Message(
      respondingTo: try Message(parsing: octets),
      answers: try (1...10).map { try Record("late.example.net. 300 IN A 192.0.2.\($0)") })
    let answers = host.receive(reply.encoded(), socket: try #require(query.socket))
    guard case .replied(_, _, let answer)? = answers.first else {
      Issue.record("no answer")
      return
    }
    #expect(try Message(parsing: answer).tc && answer.count <= packet.count + 1)
  }

  @Test func `a local network's clients and those with a cookie get what they ask for`() throws {
    let near = try farHost(1_000, local: [#require(IPNetwork("192.0.2.0/24"))])
    #expect(try ask(near, 1_000) { _ in try query(known) } == Tally(answered: 1_000))
    let host = try farHost(1_000)
    let reply = try #require(
      host.answer(to: query(known, cookie: [1, 2, 3, 4, 5, 6, 7, 8]).encoded()))
    let cookie = try #require(Message(parsing: reply).edns?[.cookie])
    #expect(
      try ask(host, 1_000) { _ in try query(known, cookie: cookie) } == Tally(answered: 1_000))
  }

  @Test func `a network that this host comes to be in is local, and one that it leaves is not`()
    throws
  {
    let host = try farHost(1_000)
    let network = try #require(IPNetwork("192.0.2.0/24"))
    host.service.allow([network], local: [network])
    #expect(try ask(host, 1_000) { _ in try query(known) } == Tally(answered: 1_000))
    host.service.allow([network], local: [])
    #expect(try ask(host, 1_000) { _ in try query(known) }.answered < 500)
  }

  @Test func `a cookie proves the address, and whoever has none yet is given one`() throws {
    let host = try host(queries: 10)
    let client: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    _ = try ask(host, 20) { _ in try query(known) }
    #expect(
      try ask(host, 100) { _ in try query(known, cookie: client) }
        == Tally(badCookies: 50, none: 50))
    let replies = try (0..<2).compactMap { _ in
      host.answer(to: try query(known, cookie: client).encoded())
    }
    let reply = try #require(replies.first)
    let cookie = try #require(Message(parsing: reply).edns?[.cookie])
    #expect(
      try ask(host, 100) { _ in try query(known, cookie: cookie) }
        == Tally(answered: 20, refused: 80))
    // It is worth nothing to others.
    let other = IPAddress(v4: 0xC000_0208)
    _ = try ask(host, 20, from: other) { _ in try query(known) }
    #expect(
      try ask(host, 100, from: other) { _ in try query(known, cookie: cookie) }
        == Tally(badCookies: 50, none: 50))
    addUp(host)
  }

  @Test func `a network of 64 bits is one client, and each IPv4 address`() throws {
    let host = try host(queries: 10)
    for low in 0..<20 as Range<UInt64> {
      let address = IPAddress(v6High: 0x2001_0DB8_0000_0001, low: low)
      #expect(try ask(host, 1, from: address) { _ in try query(known) } == Tally(answered: 1))
    }
    let exhausted = try ask(
      host, 2, from: IPAddress(v6High: 0x2001_0DB8_0000_0001, low: 99)
    ) { _ in try query(known) }
    #expect(exhausted.answered == 0)
    for next in [
      IPAddress(v6High: 0x2001_0DB8_0000_0002, low: 99), IPAddress(v4: 0xC000_0209),
      IPAddress(v4: 0xC000_020A),
    ] {
      #expect(try ask(host, 20, from: next) { _ in try query(known) } == Tally(answered: 20))
    }
  }

  @Test func `exempt networks and a rate of 0 have no limit`() throws {
    let exempt = try host(
      queries: 10, exempt: [#require(IPNetwork(Host.client, prefixLength: 32))])
    #expect(try ask(exempt, 500) { _ in try query(known) } == Tally(answered: 500))
    #expect(
      try ask(exempt, 500, from: IPAddress(v4: 0xC000_0208)) { _ in try query(known) }.answered
        == 20)
    #expect(try ask(host(), 500) { _ in try query(known) } == Tally(answered: 500))
  }

  // MARK: Misses and errors

  @Test func `random names above the rate are not asked upstream, and hits go on`() throws {
    let host = try host(misses: 10)
    let asked = host.resolver.counters.asked
    let flood = try ask(host, 100) { try query("n\($0).example.net") }
    #expect(host.resolver.counters.asked - asked == 20)
    // None of the twenty has its answer yet.
    #expect(flood == Tally(truncated: 40, none: 60))
    #expect(try ask(host, 100) { _ in try query(known) } == Tally(answered: 100))
    let other = IPAddress(v4: 0xC000_0208)
    _ = try ask(host, 5, from: other) { try query("o\($0).example.net") }
    #expect(host.resolver.counters.asked - asked == 25, "others' misses are asked")
    // Over TCP it is told.
    #expect(
      try ask(host, 30, over: .tcp) { try query("t\($0).example.net") }
        == Tally(refused: 10, none: 20))
    #expect(host.service.counters.missLimit == 90)
    addUp(host)
    host.advance(to: host.now + 10_000) { _ in }
  }

  @Test func `names that do not exist are limited from the cache, too`() throws {
    let host = try host(misses: 10)
    let name = try Name("missing.example.net")
    let events = host.ask(Message(query: name, .a).encoded(compress: false))
    guard case .sent(let sent, let octets)? = events.first else {
      Issue.record("nothing was asked")
      return
    }
    var reply = Message(
      respondingTo: try Message(parsing: octets),
      authority: [try Record("example.net. 300 IN SOA ns.example.net. h.example.net. 1 2 3 4 300")])
    reply.rcode = .nxDomain
    _ = host.receive(reply.encoded(), socket: try #require(sent.socket))
    // The question and its answer were two of twenty.
    let flood = try ask(host, 118) { _ in try query("missing.example.net") }
    #expect(flood == Tally(answered: 18, truncated: 50, none: 50))
    addUp(host)
  }

  @Test func `errors are limited, strangers' and malformed ones, too`() throws {
    let host = try host(misses: 10)
    #expect(
      try ask(host, 100, from: Host.stranger) { _ in try query(known) }
        == Tally(truncated: 40, refused: 20, none: 40))
    let broken: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    let answers = (0..<100).compactMap { _ in host.answer(to: broken) }
    #expect(answers.count == 20)
    addUp(host)
  }

  // MARK: In flight

  @Test func `one client has no more than its share of the places in flight`() throws {
    let host = try host(inFlight: 10)
    let flood = try ask(host, 50) { try query("n\($0).example.net") }
    #expect(flood == Tally(failed: 40, none: 10))
    #expect(host.service.counters.shareLimit == 40)
    #expect(host.resolver.inFlight == 10)
    let other = IPAddress(v4: 0xC000_0208)
    _ = try ask(host, 5, from: other) { try query("o\($0).example.net") }
    #expect(host.resolver.inFlight == 15)
    // Places come back when the questions end.
    host.advance(to: host.now + 10_000) { _ in }
    #expect(host.service.limiter.placesTaken == 0 && host.service.waiting.count == 0)
    addUp(host)
  }

  /// The flood is cut, others are served; and what it has too many of goes to the next that comes.
  @Test func `a client that floods has what others leave, and gives way in proportion`() throws {
    var options = Host.Options()
    options.inFlightLimit = 1_000
    options.waiterLimit = 2_000
    options.pendingLimit = 2_000
    let host = Host(options)
    let flood = try ask(host, 3_000) { try query("n\($0).example.net") }
    #expect(flood == Tally(failed: 2_200, none: 800))
    let other = IPAddress(v4: 0xC000_0208)
    #expect(
      try ask(host, 90, from: other) { try query("o\($0).example.net") } == Tally(none: 90))
    addUp(host)
  }

  @Test func `of two clients that flood each has as many places`() throws {
    var options = Host.Options()
    options.inFlightLimit = 1_000
    options.waiterLimit = 2_000
    options.pendingLimit = 2_000
    let host = Host(options)
    let other = IPAddress(v4: 0xC000_0208)
    var failed = [0, 0]
    for round in 0..<1_000 {
      for (index, client) in [Host.client, other].enumerated() {
        failed[index] += try ask(host, 1, from: client) { _ in
          try query("r\(round)c\(index).example.net")
        }.failed
      }
    }
    #expect(failed.allSatisfy { (555...556).contains($0) }, "\(failed)")
    addUp(host)
  }

  @Test func `places come back when there is no room for the question, too`() throws {
    var options = Host.Options()
    options.pendingLimit = 4
    let host = Host(options)
    #expect(try ask(host, 10) { try query("n\($0).example.net") }.failed == 6)
    #expect(host.service.limiter.placesTaken == 4)
    host.advance(to: host.now + 10_000) { _ in }
    #expect(host.service.limiter.placesTaken == 0)
  }

  // MARK: The table

  /// More clients than it holds: nobody is refused for want of a place.
  @Test func `clients beyond the table's size begin anew`() throws {
    var limits = ClientLimits()
    limits.queries = 1
    limits.exempt = []
    var limiter = ClientLimiter(
      limits, seed: HashSeed(0x5851_F42D_4C95_7F2D, 0x1405_7B7E_F767_814F))
    for round in 0..<3 {
      for client in 0..<UInt32(2 * ClientLimiter.clients) {
        let isAdmitted = limiter.admitQuery(
          from: IPAddress(v4: client), isProven: false, now: UInt64(round) * 10_000)
        #expect(isAdmitted)
      }
    }
  }

  @Test func `few clients keep their places, whoever else comes once`() throws {
    var limits = ClientLimits()
    limits.queries = 1
    limits.exempt = []
    var limiter = ClientLimiter(
      limits, seed: HashSeed(0x9FB2_1C65_1E98_DF25, 0xD605_BBB5_8C8A_BBCD))
    let steady = IPAddress(v4: 1)
    var admitted = 0
    for round in 0..<1_000 as Range<UInt64> {
      if limiter.admitQuery(from: steady, isProven: false, now: round * 10) { admitted += 1 }
      // Strangers that would push it out if the oldest place were not chosen.
      _ = limiter.admitQuery(
        from: IPAddress(v4: 0x0A00_0000 + UInt32(round)), isProven: false, now: round * 10)
    }
    // Ten seconds at one a second, and the two saved up.
    #expect((11...12).contains(admitted))
  }
}
