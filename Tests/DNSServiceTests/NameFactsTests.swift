import DNSCache
import DNSPolicy
import DNSWire
import Randomness
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("What is told of a name")
struct NameFactsTests {
  private static let soa =
    "example.net. 900 IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 600"

  private func facts(
    _ host: Host, _ name: String = "www.example.net", _ type: RecordType = .a
  ) throws -> NameFacts {
    host.service.explain(
      try Name(name).lowercased.wire, type: type, cache: &host.cache, resolver: host.resolver,
      now: host.now)
  }

  /// Has a client ask, and gives what was sent upstream.
  private func ask(
    _ host: Host, _ name: String = "www.example.net", _ type: RecordType = .a
  ) throws -> (query: OutgoingQuery, message: Message) {
    for case .sent(let query, let octets) in host.ask(
      Message(query: try Name(name), type).encoded())
    {
      return (query, try Message(parsing: octets))
    }
    throw TestFailure()
  }

  /// Has a client ask, and upstream answer.
  private func learn(
    _ host: Host, _ lines: [String], rcode: ResponseCode = .noError, authority: [String] = [],
    for name: String = "www.example.net", _ type: RecordType = .a
  ) throws {
    let (query, message) = try ask(host, name, type)
    var reply = Message(
      respondingTo: message, answers: try lines.map { try Record($0) },
      authority: try authority.map { try Record($0) }, edns: EDNS())
    reply.rcode = rcode
    guard let socket = query.socket else { throw TestFailure() }
    for case .sent(let again, let octets) in host.receive(reply.encoded(), socket: socket)
    where again.socket == nil {
      // More than was offered: once more over TCP.
      reply.id = try Message(parsing: octets).id
      _ = host.receive(reply.encoded(), stream: again.purpose)
    }
  }

  private func word(_ facts: NameFacts) -> String {
    switch facts.outcome {
    case .hit(let rcode): "hit \(rcode)"
    case .special: "special"
    case .unasked: "unasked"
    case .endless: "endless"
    case .blocked: "blocked"
    case .filtered: "filtered"
    case .aliased: "aliased"
    case .joins: "joins"
    case .failsAgain: "fails again"
    case .failsForAll: "fails for all"
    case .asks: "asks"
    }
  }

  @Test func `of a name never asked for nothing is known, and whom it goes to`() throws {
    let host = Host(Host.Options(upstreams: 3))
    let facts = try facts(host)
    #expect(word(facts) == "asks" && facts.staleAnswer == nil)
    #expect(facts.links.count == 1 && facts.links[0].sets.isEmpty)
    #expect(facts.question.order.map(\.server.slot) == [0, 1, 2])
    #expect(facts.question.order.map(\.turn) == [.first, .later, .later])
    #expect(facts.question.inFlight == nil && facts.question.lastFailures.isEmpty)
    #expect(host.service.counters.misses == 0 && host.resolver.inFlight == 0)
  }

  @Test func `an answer has its server, its age and its rank`() throws {
    let host = Host(Host.Options(upstreams: 2, start: 5_000))
    let server = Endpoint(IPAddress(v4: 0x7F00_0035), port: 5_300)
    host.resolver.exchanges.setSource(host.cache.number(of: server), of: ServerID(0))
    try learn(host, ["www.example.net. 300 IN A 192.0.2.1"])
    host.advance(to: 65_000) { _ in }
    let facts = try facts(host)
    #expect(word(facts) == "hit NOERROR")
    let set = try #require(facts.links.first?.sets.first)
    #expect(facts.links[0].used == 0)
    #expect(host.cache.source(set.source) == server)
    #expect(set.expiry - set.ttl == 5 && set.expiry == 305 && set.rank == .answer)
  }

  @Test func `aliases are followed, and what is missing behind them is told`() throws {
    let host = Host()
    try learn(host, ["www.example.net. 300 IN CNAME web.example.net."])
    // The end is asked for by itself and stays open.
    let facts = try facts(host)
    #expect(word(facts) == "joins")
    #expect(
      facts.links.map { try? Name(wire: $0.name).description } == [
        "www.example.net.", "web.example.net.",
      ])
    #expect(facts.links[0].used == 0 && facts.links[1].used == nil)
    #expect(facts.question.inFlight?.waiters == 1)
  }

  @Test func `a name that does not exist, and one without the type, are hits`() throws {
    let host = Host()
    try learn(host, [], rcode: .nxDomain, authority: [Self.soa])
    try learn(host, [], authority: [Self.soa], for: "mail.example.net", .aaaa)
    #expect(try word(facts(host)) == "hit NXDOMAIN")
    #expect(try word(facts(host, "mail.example.net", .aaaa)) == "hit NOERROR")
    #expect(try word(facts(host, "mail.example.net", .a)) == "asks")
  }

  @Test func `names that are answered here, and types that nobody has, are told`() throws {
    let host = Host(Host.Options(specialZones: SpecialZone.registry.filter(\.isDefault)))
    let facts = try facts(host, "www.localhost")
    guard case .special(let answer) = facts.outcome else { throw TestFailure() }
    #expect(try Name(wire: try #require(answer.zone)).description == "localhost.")
    #expect(answer.rcode == .noError)
    #expect(answer.records.map(\.description) == ["www.localhost. 10800 IN A 127.0.0.1"])
    #expect(try word(self.facts(host, "www.example.net", .any)) == "unasked")
  }

  @Test func `an error of the upstream is told with its code, and keeps from asking`() throws {
    let host = Host()
    let server = Endpoint(IPAddress(v4: 0x7F00_0035), port: 53)
    host.resolver.exchanges.setSource(host.cache.number(of: server), of: ServerID(0))
    try learn(host, [], rcode: .refused)
    host.advance(to: 400) { _ in }
    let facts = try facts(host)
    #expect(word(facts) == "fails again")
    let failure = try #require(facts.question.lastFailures.first)
    #expect(failure.detail.kind == .errorCode && failure.detail.rcode == .refused)
    #expect(host.cache.source(failure.detail.source) == server)
    #expect(failure.age == 400 && failure.blockedFor == 600 && failure.failures == 1)
    host.advance(to: 1_100) { _ in }
    #expect(try word(self.facts(host)) == "asks")
    #expect(try self.facts(host).question.lastFailures.count == 1, "still remembered")
    try learn(host, ["www.example.net. 300 IN A 192.0.2.1"])
    #expect(try self.facts(host).question.lastFailures.isEmpty)
  }

  @Test func `what is stale is told, and that it would be given`() throws {
    let host = Host(Host.Options(staleAge: 3_600))
    try learn(host, ["www.example.net. 10 IN A 192.0.2.1"])
    host.advance(to: 30_000) { _ in }
    let before = try facts(host)
    #expect(word(before) == "asks" && before.staleAnswer == .noError)
    #expect(before.links[0].sets.count == 1 && before.links[0].used == nil)
    try learn(host, [], rcode: .servFail)
    let after = try facts(host)
    #expect(word(after) == "fails again" && after.staleAnswer == .noError)
  }

  @Test func `silence of all upstreams is told`() throws {
    let host = Host()
    _ = try ask(host)
    host.advance(to: 10_000) { _ in }
    // One question is asked all the same, to find out whether only some names silence it.
    #expect(try word(facts(host, "other.example.net")) == "asks")
    _ = try ask(host, "trial.example.net")
    #expect(try word(facts(host, "other.example.net")) == "fails for all")
    #expect(try facts(host, "other.example.net").question.order.map(\.turn) == [.never])
    #expect(try facts(host).question.lastFailures.first?.detail.kind == .silence)
  }

  @Test func `why an answer was not kept is remembered, and keeps nobody from asking`() throws {
    let host = Host(Host.Options(cacheOctets: 1 << 22))
    try learn(host, ["once.example.net. 0 IN A 192.0.2.1"], for: "once.example.net")
    try learn(
      host,
      (0..<300).map { "large.example.net. 300 IN A 198.18.1.\($0 % 250)" }
        + (0..<20).map { "large.example.net. 300 IN A 198.18.2.\($0)" }, for: "large.example.net")
    for (name, kind) in [("once", FailureDetail.Kind.uncacheable), ("large", .large)] {
      let facts = try facts(host, "\(name).example.net")
      #expect(word(facts) == "asks", "\(name)")
      #expect(facts.question.lastFailures.first?.detail.kind == kind, "\(name)")
      #expect(facts.question.lastFailures.first?.blockedFor == 0, "\(name)")
      _ = try ask(host, "\(name).example.net")
    }
  }

  @Test func `a local address is kept, and not given`() throws {
    var options = Host.Options(staleAge: 3_600)
    options.rebindProtection = RebindProtection()
    let host = Host(options)
    try learn(host, ["www.example.net. 300 IN A 10.0.0.1"])
    let facts = try facts(host)
    #expect(word(facts) == "blocked" && facts.staleAnswer == .noError)
    #expect(facts.links[0].used == 0 && facts.question.lastFailures.isEmpty)
  }

  @Test func `a note never takes a failure's place`() throws {
    let host = Host()
    for index in 0..<2_000 {
      try learn(host, [], rcode: .servFail, for: "f\(index).example.net")
    }
    let failures = (0..<2_000).filter {
      (try? word(facts(host, "f\($0).example.net"))) == "fails again"
    }
    for index in 0..<2_000 {
      try learn(host, ["o\(index).example.net. 0 IN A 192.0.2.1"], for: "o\(index).example.net")
    }
    for index in failures {
      #expect(try word(facts(host, "f\(index).example.net")) == "fails again")
    }
    #expect(host.resolver.failureCount <= Resolver.failureLimit)
  }

  /// What is told and what then happens, for names in random states.
  @Test(arguments: SplitMix64.seeds)
  func `what is told is what happens`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var options = Host.Options(upstreams: 2, seed: seed)
    options.staleAge = 60
    options.specialZones = SpecialZone.registry.filter(\.isDefault)
    let host = Host(options)
    let names =
      (0..<8).map { "n\($0).example.net" } + ["www.localhost", "a.test", "1.0.0.127.in-addr.arpa"]
    var open: [(query: OutgoingQuery, message: Message)] = []
    func note(_ events: [Host.Event]) throws {
      for case .sent(let query, let octets) in events {
        open.append((query, try Message(parsing: octets)))
      }
    }
    var seen: [String: Int] = [:]
    for _ in 0..<400 {
      let name = names.randomElement(using: &random) ?? ""
      let type = [RecordType.a, .a, .txt, .any, .axfr, .ptr].randomElement(using: &random) ?? .a
      let told = try facts(host, name, type)
      let events = host.ask(Message(query: try Name(name), type).encoded())
      var answers: [Record] = []
      var rcode: ResponseCode?
      for case .replied(_, _, let octets) in events {
        let reply = try Message(parsing: octets)
        (rcode, answers) = (reply.rcode, reply.answers)
      }
      seen[word(told), default: 0] += 1
      switch told.outcome {
      case .hit(let expected): #expect(rcode == expected)
      case .endless: #expect(rcode == .servFail)
      case .special(let answer):
        #expect(rcode == answer.rcode)
        #expect(answers.suffix(answer.records.count) == answer.records[...])
      case .unasked(let expected): #expect(rcode == expected)
      case .blocked: #expect(rcode == .noError)
      // There are no lists here.
      case .filtered, .aliased: Issue.record("\(told.outcome)")
      case .failsAgain, .failsForAll: #expect(rcode == told.staleAnswer ?? .servFail)
      case .joins:
        // Who comes late to a slow question gets what is stale at once.
        #expect(rcode == nil || rcode == told.staleAnswer)
        #expect(events.allSatisfy { if case .sent = $0 { false } else { true } })
      case .asks:
        #expect(rcode == nil)
        #expect(events.contains { if case .sent = $0 { true } else { false } })
      }
      try note(events)
      while !open.isEmpty, Int.random(in: 0..<8, using: &random) > 0 {
        let (query, message) = open.remove(at: Int.random(in: 0..<open.count, using: &random))
        guard let socket = query.socket, let question = message.questions.first else { continue }
        var reply = Message(respondingTo: message, edns: EDNS())
        let ttl = UInt32.random(in: 0..<40, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: reply.rcode = .servFail
        case 1:
          reply.rcode = .nxDomain
          reply.authority = [try Record(Self.soa)]
        case 2: reply.authority = [try Record(Self.soa)]
        case 3:
          let target = names.randomElement(using: &random) ?? ""
          reply.answers = [try Record("\(question.name) \(ttl) IN CNAME \(target).")]
        default:
          let data = question.type == .a ? "A 192.0.2.1" : "TXT x"
          reply.answers = [try Record("\(question.name) \(ttl) IN \(data)")]
        }
        try note(host.receive(reply.encoded(), socket: socket))
      }
      try host.advance(to: host.now + UInt64.random(in: 0..<3_000, using: &random)) {
        try note($0)
      }
    }
    #expect(seen["asks", default: 0] > 0 && seen["special", default: 0] > 0, "\(seen)")
    #expect(seen.keys.contains { $0.hasPrefix("hit") }, "\(seen)")
  }
}
