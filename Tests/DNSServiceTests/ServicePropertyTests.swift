import DNSWire
import Randomness
import Testing

@testable import DNSService

@Suite("Any packet at all (RFC 9267)")
struct ServicePropertyTests {
  /// A host that knows a little of everything.
  private func host() throws -> Host {
    let host = Host()
    try host.learn("www.example.net. 86400 IN A 192.0.2.1")
    try host.learn("example.net. 86400 IN MX 10 www.example.net.")
    try host.learn("alias.example.net. 86400 IN CNAME www.example.net.")
    let name = try Name("large.example.net")
    try host.learn(
      name, .txt,
      (0..<40).map {
        Record(name: name, type: .txt, ttl: 86_400, rdata: [60] + [UInt8](repeating: $0, count: 60))
      })
    return host
  }

  private func query(_ random: inout SplitMix64) throws -> Message {
    var query = Message(
      query: try Name(
        random.oneOf([
          "www.example.net", "WWW.example.NET", "alias.example.net", "large.example.net",
          "large.example.net",
          "example.net", "new.example.net", ".", "version.bind",
        ])),
      random.oneOf([.a, .txt, .txt, .mx, .cname, .any, .axfr, .opt, RecordType(65_280)]),
      id: UInt16(random.number(0...65_535)))
    if random.number(0...9) == 0 { query.flags = UInt16(random.number(0...65_535)) }
    if random.number(0...5) == 0 { query.questions[0].recordClass = .chaos }
    if random.number(0...9) == 0 { query.questions += query.questions }
    if random.number(0...1) == 0 {
      query.edns = EDNS(
        udpSize: UInt16(random.oneOf([0, 512, 700, 1_232, 4_096, 65_535])),
        version: UInt8(random.oneOf([0, 0, 0, 1])))
      for _ in 0..<random.number(0...3) {
        query.edns?.options.append(
          EDNS.Option(EDNSOptionCode(UInt16(random.number(0...20))), random.octets(0...20)))
      }
    }
    return query
  }

  /// Octets that are nearly a query.
  private func packet(_ random: inout SplitMix64) throws -> [UInt8] {
    if random.number(0...19) == 0 { return random.octets(0...random.oneOf([11, 40, 600])) }
    var packet = try query(&random).encoded()
    switch random.number(0...5) {
    case 0...2: return packet
    case 3: return Array(packet.prefix(random.number(0...packet.count)))
    case 4: return packet + random.octets(1...30)
    default:
      for _ in 0..<random.number(1...4) {
        let place = random.number(0...(packet.count - 1))
        // Values that mean something: pointers, lengths, bits.
        packet[place] = UInt8(random.oneOf([0, 1, 12, 63, 64, 0xC0, 0xFF, random.number(0...255)]))
      }
      return packet
    }
  }

  /// Octets that the client takes at most.
  private func limit(_ packet: [UInt8], _ transport: Service.Transport) -> Int {
    if transport == .tcp { return 65_535 }
    // Where the message can't be read, no more than the least is right.
    guard let query = try? Message(parsing: packet), let edns = query.edns else { return 1_232 }
    return min(max(Int(edns.udpSize), 512), 1_232)
  }

  @Test(arguments: SplitMix64.seeds)
  func `every answer can be read, fits, and belongs to its query`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let host = try host()
    let before = host.service.counters
    let rounds = 3_000
    for round in 0..<rounds {
      let packet = try packet(&random)
      let transport = random.oneOf([Service.Transport.udp, .tcp])
      let address = random.number(0...9) == 0 ? Host.stranger : Host.client
      let reply = host.answer(to: packet, from: address, over: transport)
      // Time passes, so that what is asked upstream doesn't pile up.
      if round.isMultiple(of: 20) {
        host.advance(to: host.now + 5_000) { _ in }
        #expect(host.service.waiting.count == 0)
      }
      guard let reply else { continue }
      let message = try Message(parsing: reply)
      #expect(reply.count <= limit(packet, transport))
      #expect(message.qr && !message.aa && !message.ad)
      #expect(message.ra == (message.opcode == .query))
      #expect(Array(reply.prefix(2)) == Array(packet.prefix(2)))
      #expect(packet[2] & 0x80 == 0, "a response is never answered")
      if let query = try? Message(parsing: packet), !message.questions.isEmpty {
        #expect(message.questions == query.questions)
        #expect((message.edns != nil) == (query.edns != nil))
      }
    }
    let counters = host.service.counters
    #expect(
      counters.udp + counters.tcp - before.udp - before.tcp == UInt64(rounds))
    #expect(
      counters.udp + counters.tcp
        == counters.hits + counters.misses + counters.local + counters.refused
        + counters.limited + counters.ignored)
    #expect(host.miscounted.isEmpty)
    // All of them happened, or this says little.
    for count in [
      counters.hits - before.hits, counters.misses - before.misses, counters.local,
      counters.refused, counters.ignored, counters.truncated, counters.notAllowed,
    ] {
      #expect(count > 0, "\(counters)")
    }
    host.cache._checkInvariants()
  }

  /// The same for what upstreams send: nothing that they do may trap, or leave a client unanswered.
  @Test(arguments: SplitMix64.seeds)
  func `any reply from upstream is survived`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let host = Host()
    for round in 0..<300 {
      let name = try Name("n\(round).example.net")
      let type = random.oneOf([.a, .aaaa, .txt, .soa, .mx, .srv] as [RecordType])
      var open = host.ask(Message(query: name, type).encoded())
      for _ in 0..<10 {
        guard case .sent(let sent, let octets)? = open.last else { break }
        var reply = try reply(to: try Message(parsing: octets), &random)
        for _ in 0..<random.number(0...3) where !reply.isEmpty {
          // The header's ID is left alone, or nothing would be looked at.
          let place = random.number(min(2, reply.count - 1)...(reply.count - 1))
          reply[place] = UInt8(random.oneOf([0, 1, 12, 63, 0x80, 0xC0, random.number(0...255)]))
        }
        if let socket = sent.socket {
          open = host.receive(reply, socket: socket)
        } else {
          open = host.receive(reply, stream: sent.purpose)
        }
      }
      host.advance(to: host.now + 5_000) { _ in }
      #expect(host.service.waiting.count == 0 && host.resolver.inFlight == 0)
      // Else the upstream, silent to its probes, would soon be asked no more.
      _ = host.networkChanged()
    }
    let counters = host.resolver.exchanges.counters
    #expect(counters.malformed > 0 && counters.mismatched > 0)
    #expect(host.resolver.counters.answered > 0)
    host.cache._checkInvariants()
  }

  private func reply(to query: Message, _ random: inout SplitMix64) throws -> [UInt8] {
    let name = query.questions[0].name
    let lines = [
      "\(name) 300 IN A 192.0.2.1", "\(name) 300 IN AAAA 2001:db8::1", "\(name) 0 IN TXT \"a\"",
      "\(name) 300 IN CNAME a.example.net.", "a.example.net. 300 IN A 192.0.2.2",
      "a.example.net. 300 IN CNAME b.example.net.", "example.net. 300 IN NS ns1.example.net.",
      "example.net. 60 IN SOA ns1.example.net. host.example.net. 1 2 3 4 5",
      "\(name) 300 IN MX 10 mail.example.net.", "\(name) 300 IN SRV 1 2 3 a.example.net.",
      "example.net. 300 IN DNAME example.org.", "\(name) 2147483648 IN A 192.0.2.3",
      "\(name) 300 CH A \\# 4 00000000",
      "\(name) 300 IN NXT \\# 19 0161076578616d706c65036e65740040000000",
    ]
    var reply = Message(respondingTo: query)
    for _ in 0..<random.number(0...4) { reply.answers.append(try Record(random.oneOf(lines))) }
    for _ in 0..<random.number(0...2) { reply.authority.append(try Record(random.oneOf(lines))) }
    for _ in 0..<random.number(0...3) { reply.additional.append(try Record(random.oneOf(lines))) }
    if random.number(0...5) == 0 { reply.rcode = ResponseCode(UInt16(random.number(0...30))) }
    if random.number(0...9) == 0 { reply.tc = true }
    return reply.encoded()
  }
}
