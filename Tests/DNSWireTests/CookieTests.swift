import DNSWire
import Memory
import Testing

@Suite("SipHash-2-4")
struct SipHashTests {
  /// The key of the authors' test vectors, 00 to 0f.
  private let hash = SipHash(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908)

  /// Of the vectors in the reference code: inputs 00, 01, … of each length.
  @Test(
    arguments: [
      (0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (2, 0x0d6c_8009_d9a9_4f5a),
      (3, 0x8567_6696_d7fb_7e2d), (4, 0xcf27_94e0_2771_87b7), (5, 0x1876_5564_cd99_a68d),
      (6, 0xcbc9_466e_58fe_e3ce), (7, 0xab02_00f5_8b01_d137), (8, 0x93f5_f579_9a93_2462),
      (15, 0xa129_ca61_49be_45e5), (16, 0x3f2a_cc7f_57c2_9bdb),
    ] as [(Int, UInt64)])
  func `the reference vectors come out`(length: Int, expected: UInt64) {
    let input = (0..<length).map { UInt8($0) }
    #expect(hash.hash(input.span) == expected)
  }

  @Test func `a key is sixteen octets, in little-endian order`() throws {
    let key = (0..<17).map { UInt8($0) }
    for count in 0...17 where count != 16 {
      let made = SipHash(key: key.span.extracting(0..<count))
      #expect(made == nil)
    }
    let made = SipHash(key: key.span.extracting(0..<16))
    let same = try #require(made)
    #expect(same.hash(key.span) == hash.hash(key.span))
  }
}

@Suite("Server cookies (RFC 9018)")
struct ServerCookieTests {
  private static func octets(_ hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
  }

  private static func secret(_ hex: String) throws -> SipHash {
    let secret = SipHash(key: octets(hex).span)
    return try #require(secret)
  }

  private static func view(_ option: [UInt8]) -> CookieView? {
    CookieView(OptionView(code: .cookie, data: 0, dataCount: option.count), of: option.span)
  }

  /// The option as it is written.
  private func option(_ client: UInt64, _ server: ServerCookie) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 64)
    var span = buffer.mutableSpan
    var writer = MessageWriter(&span, limit: 64)
    writer.option(cookie: client, server)
    let count = writer.position
    #expect(count == MessageWriter.cookieOctets && buffer.prefix(4) == [0, 10, 0, 24])
    return Array(buffer[4..<count])
  }

  /// One of the conversations of the RFC's appendix A.
  struct Example: Sendable {
    var name: String
    var secret: String
    var client: String
    var request: String
    var time: UInt32
    var reply: String
  }

  private static let examples = [
    Example(
      name: "A.1", secret: "e5e973e5a6b2a43f48e7dc849e37bfcf", client: "198.51.100.100",
      request: "2464c4abcf10c957", time: 1_559_731_985,
      reply: "2464c4abcf10c957010000005cf79f111f8130c3eee29480"),
    Example(
      name: "A.2", secret: "e5e973e5a6b2a43f48e7dc849e37bfcf", client: "198.51.100.100",
      request: "2464c4abcf10c957010000005cf79f111f8130c3eee29480", time: 1_559_734_385,
      reply: "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"),
    Example(
      name: "A.3", secret: "e5e973e5a6b2a43f48e7dc849e37bfcf", client: "203.0.113.203",
      request: "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", time: 1_559_734_700,
      reply: "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"),
    Example(
      name: "A.4", secret: "445536bcd2513298075a5d379663c962",
      client: "2001:db8:220:1:59de:d0f4:8769:82b8", request: "22681ab97d52c298",
      time: 1_559_741_961, reply: "22681ab97d52c298010000005cf7c609a6bb79d16625507a"),
  ]

  @Test(arguments: examples)
  func `cookies are those of the RFC's examples`(example: Example) throws {
    let address = try #require(IPAddress(example.client))
    let view = try #require(Self.view(Self.octets(example.request)))
    let made = ServerCookie(
      client: view.client, address: address, secret: try Self.secret(example.secret),
      now: example.time)
    #expect(option(view.client, made) == Self.octets(example.reply))
    #expect(made.isInForce(now: example.time))
  }

  @Test func `cookies of the examples are found to be good, reserved octets and all`() throws {
    for (request, client, secret) in [
      (Self.examples[1].request, Self.examples[1].client, Self.examples[1].secret),
      (Self.examples[2].request, Self.examples[2].client, Self.examples[2].secret),
      // A.4: made with the secret before.
      (
        "22681ab97d52c298010000005cf7c57926556bd0934c72f8", Self.examples[3].client,
        "dd3bdf9344b678b185a6f5cb60fca715"
      ),
    ] {
      let octets = Self.octets(request)
      let view = try #require(Self.view(octets))
      let address = try #require(IPAddress(client))
      let secret = try Self.secret(secret)
      let found = ServerCookie(view, of: octets.span, address: address, secret: secret)
      let cookie = try #require(found)
      #expect(option(view.client, cookie) == octets, "it goes back as it came")
      // Any other octet, address or secret makes another cookie.
      for index in octets.indices {
        var other = octets
        other[index] ^= 1
        let view = try #require(Self.view(other))
        #expect(
          ServerCookie(view, of: other.span, address: address, secret: secret) == nil,
          "octet \(index)")
      }
      let elsewhere = IPAddress(v4: 0xC000_0201)
      #expect(ServerCookie(view, of: octets.span, address: elsewhere, secret: secret) == nil)
      #expect(
        ServerCookie(view, of: octets.span, address: address, secret: SipHash(1, 2)) == nil)
    }
  }

  /// RFC 9018 §4.3: one hour back, five minutes ahead, also where the 32 bits come round.
  @Test(arguments: [1_559_731_985, 100, UInt32.max - 100])
  func `a cookie is good for an hour`(made: UInt32) {
    let cookie = ServerCookie(
      client: 1, address: IPAddress(v4: 0xC000_0201), secret: SipHash(1, 2), now: made)
    for (age, isGood) in [
      (0, true), (1_800, true), (3_600, true), (3_601, false), (-300, true), (-301, false),
    ] {
      let now = UInt32(truncatingIfNeeded: Int(made) + age)
      #expect(cookie.isInForce(now: now) == isGood && Int(cookie.age(now: now)) == age)
    }
  }

  @Test(arguments: 0...48) func `a cookie has 8, or 16 to 40 octets`(count: Int) {
    let view = Self.view([UInt8](repeating: 1, count: count))
    #expect((view != nil) == (count == 8 || (16...40).contains(count)))
    #expect(view.map { $0.serverCount == count - 8 } ?? true)
  }
}

@Suite("Options of a query (RFC 6891 §6.1.2)")
struct QueryOptionTests {
  private func edns(_ options: [EDNS.Option]) throws -> Query.ClientEDNS? {
    let query = Message(query: try Name("www.example.net"), .a, edns: EDNS(options: options))
    var key = NameKey(seed: HashSeed(1, 2))
    return try Query(query.encoded().span, key: &key).edns
  }

  private func isMalformed(_ options: [EDNS.Option]) -> Bool {
    (try? edns(options)) == nil
  }

  private let cookie = EDNS.Option(.cookie, [1, 2, 3, 4, 5, 6, 7, 8])

  @Test func `a cookie is found among other options`() throws {
    let padding = EDNS.Option(.padding, [0, 0, 0])
    #expect(try edns([]) != nil && edns([])?.cookie == nil && edns([padding])?.cookie == nil)
    let view = try #require(edns([padding, cookie, padding])?.cookie)
    #expect(view.client == 0x0807_0605_0403_0201 && view.serverCount == 0)
  }

  /// RFC 7873 §5.2: only the first counts, also where a later one is malformed.
  @Test func `of several cookies the first counts`() throws {
    let second = EDNS.Option(.cookie, [9])
    #expect(try edns([cookie, second])?.cookie?.client == 0x0807_0605_0403_0201)
    #expect(isMalformed([second, cookie]))
  }

  /// CVE-2026-41292: an options flood must cost linear time.
  @Test func `thousands of options are read in one pass`() throws {
    let flood = [EDNS.Option](repeating: cookie, count: 1_000)
    let more = (0..<10_000).map { EDNS.Option(EDNSOptionCode(UInt16(3 + $0 % 2)), []) }
    let clock = ContinuousClock()
    var found: Query.ClientEDNS?
    let query = Message(
      query: try Name("www.example.net"), .a, edns: EDNS(options: more + flood)
    ).encoded()
    var key = NameKey(seed: HashSeed(1, 2))
    // The best of some: the processor may be taken away meanwhile.
    let time = (0..<5).map { _ in
      clock.measure { found = try? Query(query.span, key: &key).edns }
    }.min()
    #expect(found?.cookie?.client == 0x0807_0605_0403_0201)
    // Some 11,000 steps: microseconds; a quadratic reader would take a hundred million.
    #expect(try #require(time) < .milliseconds(50))
  }

  @Test func `a query for a cookie alone has no question`() throws {
    var query = Message(
      query: try Name("www.example.net"), .a, id: 7, edns: EDNS(options: [cookie]))
    #expect(Query.withoutQuestion(query.encoded().span) == nil)
    query.questions = []
    let read = Query.withoutQuestion(query.encoded().span)
    let found = try #require(read)
    #expect(found.header.id == 7 && found.edns.cookie?.client == 0x0807_0605_0403_0201)
    query.edns = nil
    #expect(Query.withoutQuestion(query.encoded().span) == nil)
    #expect(Query.withoutQuestion([0, 1, 2].span) == nil)
  }
}
