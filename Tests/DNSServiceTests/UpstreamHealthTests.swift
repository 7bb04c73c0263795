import DNSWire
import Foundation
import Randomness
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

@Suite("Upstreams that lose packets, die and come back")
struct UpstreamHealthTests {
  private func network(
    _ links: [SimulatedNetwork.Link], seed: UInt64 = 1, inFlight: Int = 8_192
  ) -> SimulatedNetwork {
    SimulatedNetwork(
      Host.Options(
        upstreams: links.count, socketsPerUpstream: 16, inFlightLimit: inFlight,
        waiterLimit: 16_384, waitersPerQuestion: 64, pendingLimit: 16_384, seed: seed,
        exploration: 64),
      links: links)
  }

  /// Two packets of five are lost on the way there, and as many on the way back.
  @Test(arguments: SplitMix64.seeds.dropLast())
  func `at least 98 of 100 questions are answered over a link that loses two packets of five`(
    seed: UInt64
  ) throws {
    let network = network([.init(delay: 20, loss: 40)], seed: seed)
    try network.run(to: 20_000, every: 200)
    try network.run(to: 25_000)
    #expect(network.endings.count == 100)
    #expect(network.endings.count(where: \.isAnswered) >= 98)
    #expect(network.endings.allSatisfy { $0.wait <= 4_500 })
  }

  @Test func `the first of two upstreams dies under load, and is used again when it is back`()
    throws
  {
    let network = network([.init(delay: 5), .init(delay: 30)])
    try network.run(to: 10_000, every: 2)
    #expect(network.links[0].questions > 4_000, "the faster one is asked")
    network.links[0].isUp = false
    try network.run(to: 30_000, every: 2)
    let outage = network.endings.asked(in: 10_000..<30_000)
    #expect(outage.allSatisfy { $0.isAnswered && $0.wait <= 1_000 })
    #expect(network.endings.asked(in: 12_000..<30_000).wait(of: 0.99) <= 31)
    network.links[0].isUp = true
    let before = network.links[0].questions
    try network.run(to: 31_000, every: 2)
    #expect(network.links[0].questions > before, "asked again within a second")
    try network.run(to: 33_000, every: 2)
    #expect(network.endings.asked(in: 32_000..<32_900).wait(of: 0.9) <= 6)
  }

  @Test func `all upstreams die for a minute under a thousand misses a second`() throws {
    let network = network([.init(delay: 10), .init(delay: 12)])
    let known = try Name("known.example.net")
    try network.host.learn("known.example.net. 3600 IN A 192.0.2.1")
    try network.run(to: 5_000, every: 1)
    for link in 0..<2 { network.links[link].isUp = false }
    for second in 5..<65 as Range<UInt64> {
      try network.run(to: (second + 1) * 1_000, every: 1)
      let hits = network.host.service.counters.hits
      network.ask(known)
      #expect(network.host.service.counters.hits == hits + 1)
    }
    // Memory is what the tables have; they never fill.
    #expect(network.mostInFlight < 5_000)
    #expect(network.host.service.counters.pendingLimit == 0)
    // What is let through, one each 0.8 seconds and upstream, waits 4.5 s for a late reply.
    #expect(network.host.resolver.inFlight <= 2 * 4_500 / 800 + 2)
    let late = network.endings.asked(in: 15_000..<65_000).filter { !$0.isAnswered }
    #expect(late.count > 49_000)
    // One each 0.8 seconds and upstream is let through.
    #expect(late.count { $0.wait > 0 } <= 2 * 50_000 / 800 + 2, "the others fail at once")
    #expect((network.endings.map(\.wait).max() ?? 0) <= 4_500 + TimerWheel.tick)
    for link in 0..<2 { network.links[link].isUp = true }
    try network.run(to: 70_000, every: 1)
    try network.run(to: 75_000)
    let after = network.endings.asked(in: 66_000..<70_000)
    #expect(after.count > 3_900 && after.allSatisfy { $0.isAnswered && $0.wait <= 30 })
    #expect(network.waiting == 0)
  }

  /// The first of two upstreams is down for its errors, and says no more to probes.
  @Test func `a probe that is answered with an error is not counted as unanswered`() throws {
    let host = Host(Host.Options(upstreams: 2))
    var packets: [Host.Event] = []
    for round in 0..<3 {
      let name = try Name("n\(round).example.net")
      packets += host.ask(Message(query: name, .a).encoded())
    }
    var reached = 0
    while !packets.isEmpty {
      guard case .sent(let query, let octets) = packets.removeFirst() else { continue }
      reached += 1
      let socket = try #require(query.socket)
      if query.upstream == 0 {
        packets += host.receive(Self.failure(octets), socket: socket)
      } else {
        let asked = try Message(parsing: octets)
        let address = try Record("\(asked.questions[0].name) 300 IN A 192.0.2.1")
        var reply = Message(respondingTo: asked, answers: [address])
        reply.ra = true
        _ = host.receive(reply.encoded(), socket: socket)
      }
    }
    #expect(reached >= 6)
    #expect(host.counter("downs") == 1)
    var probes = 0
    var failed: [(octets: [UInt8], socket: SocketID)] = []
    for time: UInt64 in [200, 600, 1_400, 2_200] {
      host.advance(to: time) { events in
        for case .sent(let query, let octets) in events {
          if let socket = query.socket { failed.append((octets, socket)) }
        }
      }
      for probe in failed {
        probes += 1
        _ = host.receive(Self.failure(probe.octets), socket: probe.socket)
      }
      failed = []
    }
    #expect(probes == 4)
    var timeouts: [UInt64] = []
    host.resolver.exchanges.visitUpstreams(now: host.now) { timeouts.append($0.counters.timeouts) }
    #expect(timeouts == [0, 0])
  }

  private static func failure(_ query: [UInt8]) -> [UInt8] {
    var octets = query
    octets[2] |= 0x80
    octets[3] = 0x80 | UInt8(ResponseCode.servFail.rawValue)
    return octets
  }

  @Test func `upstreams that are about as fast share the questions`() throws {
    let network = network([.init(delay: 10), .init(delay: 13), .init(delay: 90)])
    try network.run(to: 10_000, every: 2)
    let asked = network.links.map(\.questions)
    #expect(asked[0] > 1_500 && asked[1] > 1_500, "\(asked)")
    #expect((1...300).contains(asked[2]), "\(asked)")
  }

  @Test func `an upstream that has become faster is found`() throws {
    let network = network([.init(delay: 20), .init(delay: 80)])
    try network.run(to: 5_000, every: 2)
    #expect(network.links[0].questions > 2_000)
    network.links[1].delay = 4
    let before = network.links[1].questions
    try network.run(to: 15_000, every: 2)
    #expect(network.links[1].questions - before > 3_000)
    #expect(network.endings.allSatisfy { $0.isAnswered })
  }

  /// An IPv6 upstream without a way there is given first; each packet to it is refused at once.
  @Test func `an upstream that can't be reached costs its questions one retry`() throws {
    let host = Host(Host.Options(upstreams: 2))
    for round in 0..<20 {
      let name = try Name("n\(round).example.net")
      var events = host.ask(Message(query: name, .a).encoded())
      guard case .sent(var query, var octets)? = events.first else { throw TestFailure() }
      if query.upstream == 0 {
        events = host.socketFailed(try #require(query.socket), id: query.id)
        guard case .sent(let second, let more)? = events.first else { throw TestFailure() }
        (query, octets) = (second, more)
      }
      #expect(query.upstream == 1)
      let reply = Message(
        respondingTo: try Message(parsing: octets),
        answers: [Record(name: name, type: .a, ttl: 300, rdata: [192, 0, 2, 1])])
      guard
        case .replied? = host.receive(reply.encoded(), socket: try #require(query.socket)).first
      else { throw TestFailure() }
    }
    #expect(
      host.resolver.exchanges.counters.unreachable == 1, "afterwards the other is asked first")
  }

  @Test func `a question that fails again and again is tried less and less often`() throws {
    let host = Host()
    let query = Message(query: try Name("broken.example.net"), .a).encoded()
    var pauses: [UInt64] = []
    var last: UInt64?
    while pauses.count < 8 {
      if case .sent(let sent, let octets)? = host.ask(query).first {
        let reply = Message(respondingTo: try Message(parsing: octets), rcode: .servFail)
        _ = host.receive(reply.encoded(), socket: try #require(sent.socket))
        if let last { pauses.append(host.now - last) }
        last = host.now
      }
      host.advance(to: host.now + 100) { _ in }
    }
    #expect(pauses == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  }

  @Test func `the table of failures is bounded`() throws {
    let host = Host()
    for round in 0..<5_000 {
      let query = Message(query: try Name("n\(round).example.net"), .a).encoded()
      guard case .sent(let sent, let octets)? = host.ask(query).first else { throw TestFailure() }
      let reply = Message(respondingTo: try Message(parsing: octets), rcode: .servFail)
      _ = host.receive(reply.encoded(), socket: try #require(sent.socket))
    }
    #expect(host.resolver.failureCount <= Resolver.failureLimit)
    #expect(host.resolver.failureCount > Resolver.failureLimit * 9 / 10)
    #expect(host.resolver.counters.failuresDisplaced >= 5_000 - 2_048)
    host.resolver.forgetFailures()
    #expect(host.resolver.failureCount == 0)
  }

  /// The forger knows the name, and the port of every other packet; never the ID.
  @Test
  func `a hundred thousand forged replies during one flight are not believed and cost little`()
    throws
  {
    let host = Host(Host.Options(socketsPerUpstream: 16))
    let name = try Name("www.example.net")
    guard case .sent(let sent, let octets)? = host.ask(Message(query: name, .a).encoded()).first
    else { throw TestFailure() }
    let right = try #require(sent.socket)
    var forged = Message(
      respondingTo: try Message(parsing: octets),
      answers: [try Record("www.example.net. 300 IN A 192.0.2.66")]
    ).encoded()
    var stream: OutgoingQuery?
    let begin = clock()
    let count = 100_000
    for round in 0..<count {
      let isOtherPort = round % 2 == 1
      let id = isOtherPort ? sent.id : sent.id &+ UInt16(1 + round / 2 % 65_535)
      forged[0] = UInt8(id >> 8)
      forged[1] = UInt8(truncatingIfNeeded: id)
      let other = SocketID(right.server, member: (right.member + 1 + round % 14) % 16)
      for event in host.receive(forged, socket: isOtherPort ? other : right) {
        guard case .sent(let query, _) = event, query.socket == nil else { throw TestFailure() }
        stream = query
      }
    }
    let microseconds = Double(clock() - begin) / Double(CLOCKS_PER_SEC) * 1_000_000
    #expect(microseconds / Double(count) < 40, "processor time of a packet, without optimisation")
    #expect(host.resolver.exchanges.counters.mismatched == count)
    #expect(host.resolver.exchanges.counters.suspected == 1)
    #expect(host.known(name).isEmpty && host.resolver.inFlight == 1)
    let query = try #require(stream)
    let honest = Message(
      respondingTo: Message(query: name, .a, id: query.id),
      answers: [try Record("www.example.net. 300 IN A 192.0.2.1")])
    let events = host.receive(honest.encoded(), stream: query.purpose)
    #expect(events.contains { if case .replied = $0 { true } else { false } })
    #expect(try host.answer(to: Message(query: name, .a)).answers.map(\.rdata) == [[192, 0, 2, 1]])
  }

  /// More would push all misses onto a few connections.
  @Test func `some questions a second move to TCP for one guess, and others for three`() throws {
    let host = Host()
    /// Asks for a name, and returns how many replies with a wrong ID move it to TCP.
    func guessesUntilTCP(_ label: Int) throws -> Int {
      let query = Message(query: try Name("n\(label).example.net"), .a).encoded()
      guard case .sent(let sent, let octets)? = host.ask(query).first else { throw TestFailure() }
      let reply = Message(respondingTo: try Message(parsing: octets)).encoded()
      for count in 1...10 as ClosedRange<UInt8> {
        var forged = reply
        forged[1] ^= count
        for case .sent(let query, _) in host.receive(forged, socket: try #require(sent.socket))
        where query.socket == nil {
          return Int(count)
        }
      }
      throw TestFailure()
    }
    let limit = Int(Exchanges.spoofMovesPerSecond)
    for label in 0..<limit { #expect(try guessesUntilTCP(label) == 1) }
    #expect(host.resolver.exchanges.counters.spoofMovesRefused == 0)
    #expect(try guessesUntilTCP(limit) == Int(Exchanges.mismatchLimit))
    #expect(
      host.resolver.exchanges.counters.spoofMovesRefused == UInt64(Exchanges.mismatchLimit) - 1)
    host.jump(to: 1_000)
    #expect(try guessesUntilTCP(limit + 1) == 1)
    #expect(host.resolver.exchanges.counters.suspected == UInt64(limit) + 2)
  }
}
