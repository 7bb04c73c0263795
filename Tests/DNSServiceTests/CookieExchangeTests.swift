import DNSWire
import Testing

@testable import DNSService

@Suite("Cookies of clients (RFC 7873 §5.2, RFC 9018)")
struct CookieExchangeTests {
  private static let client: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]

  private let host: Host

  init() throws {
    host = Host()
    try host.learn("www.example.net. 86400 IN A 192.0.2.1")
  }

  private func query(_ cookie: [UInt8]?, name: String = "www.example.net") throws -> Message {
    Message(
      query: try Name(name), .a,
      edns: EDNS(options: cookie.map { [EDNS.Option(.cookie, $0)] } ?? []))
  }

  /// The cookies that come back.
  private func cookies(_ reply: Message) -> [UInt8]? { reply.edns?[.cookie] }

  @Test func `a client cookie gets a server cookie, in hits and in what had to wait`() throws {
    let reply = try host.answer(to: query(Self.client))
    let cookie = try #require(cookies(reply))
    #expect(cookie.count == 24 && cookie.prefix(8) == Self.client[...])
    #expect(cookie[8..<12] == [1, 0, 0, 0] && reply.answers.count == 1)
    #expect(reply.edns?.options.count == 1)
    // One that has to wait.
    _ = host.ask(try query(Self.client, name: "other.example.net").encoded(), client: 7)
    var late: [Message] = []
    try host.advance(to: host.now + 10_000) { events in
      for case .replied(7, _, let octets) in events { late.append(try Message(parsing: octets)) }
    }
    #expect(late.map { $0.edns?.options.map(\.code) } == [[.cookie, .extendedError]])
    #expect(late.first.flatMap(cookies)?.prefix(8) == Self.client[...])
  }

  @Test func `a client without a cookie gets none`() throws {
    #expect(try host.answer(to: query(nil)).edns == EDNS())
  }

  @Test func `a cookie of ours comes back as it is until it is half an hour old`() throws {
    let first = try #require(cookies(host.answer(to: query(Self.client))))
    for (minutes, isSame) in [(0, true), (29, true), (30, false)] {
      host.jump(to: UInt64(minutes) * 60_000)
      let again = try #require(cookies(host.answer(to: query(first))))
      #expect((again == first) == isSame, "after \(minutes) minutes")
    }
  }

  @Test func `cookies outlive one change of the secret, and no second one`() throws {
    let old = try #require(cookies(host.answer(to: query(Self.client))))
    func isProof() throws -> Bool {
      var header = Service.Header(
        id: 0, flags: 0, type: .a, hasEDNS: true, dnssecOK: false, udpSize: 0, transport: .udp,
        address: Host.client, isProven: false)
      let packet = try query(old).encoded()
      var key = NameKey(seed: HashSeed(1, 2))
      let view = try Query(packet.span, key: &key).edns?.cookie
      host.service.takeCookies(
        try #require(view), of: packet.span, into: &header, now: host.now)
      return header.isProven
    }
    #expect(try isProof())
    host.service.renewCookieSecret(SipHash(3, 4))
    #expect(try isProof())
    #expect(try cookies(host.answer(to: query(old))) != old, "renewed with the new secret")
    host.service.renewCookieSecret(SipHash(5, 6))
    #expect(try !isProof())
  }

  /// Servers that share a secret take each other's cookies, if their clocks agree.
  @Test func `cookies are dated by the wall clock`() throws {
    host.service.setWallClock(1_559_731_985, now: host.now)
    let cookie = try #require(cookies(host.answer(to: query(Self.client))))
    #expect(cookie[12..<16] == [0x5C, 0xF7, 0x9F, 0x11])
  }

  @Test(arguments: [0, 1, 7, 9, 15, 41, 200])
  func `a cookie of a length that none has gets FORMERR`(count: Int) throws {
    let packet = try query([UInt8](repeating: 1, count: count)).encoded()
    let reply = try #require(host.answer(to: packet))
    #expect(reply.count == 12 && reply[3] & 0xF == 1)
  }

  @Test func `a query without a question is answered with a cookie`() throws {
    var message = try query(Self.client)
    message.questions = []
    let reply = try host.answer(to: message)
    #expect(reply.rcode == .noError && reply.questions.isEmpty && reply.answers.isEmpty)
    #expect(cookies(reply)?.count == 24)
    #expect(host.service.counters.local == 1)
    #expect(host.answer(to: message.encoded(), from: Host.stranger) == nil)
    message.edns = EDNS()
    #expect(try host.answer(to: message).rcode == .formErr)
  }

  @Test func `a large answer leaves room for the cookie`() throws {
    let name = try Name("large.example.net")
    try host.learn(
      name, .txt,
      (0..<24).map {
        Record(name: name, type: .txt, ttl: 300, rdata: [36] + [UInt8](repeating: $0, count: 36))
      })
    for count in 512...1_300 {
      var message = Message(query: name, .txt)
      message.edns = EDNS(
        udpSize: UInt16(count), options: [EDNS.Option(.cookie, Self.client)])
      let octets = try #require(host.answer(to: message.encoded()))
      let reply = try Message(parsing: octets)
      #expect(octets.count <= min(count, 1_232) && cookies(reply)?.count == 24)
    }
  }
}
