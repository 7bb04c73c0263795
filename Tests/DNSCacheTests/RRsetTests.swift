import DNSCache
import DNSWire
import Memory
import Testing

@Suite("RRsets (RFC 2181 §5)")
struct RRsetTests {
  @Test func `records that come twice are kept once`() {
    let lab = Lab()
    lab.insert([
      "a.example.net. 300 A 192.0.2.1", "a.example.net. 300 A 192.0.2.2",
      "a.example.net. 300 A 192.0.2.1",
    ])
    #expect(
      lab.ask("a.example.net.", .a).answers
        == ["a.example.net. 300 IN A 192.0.2.1", "a.example.net. 300 IN A 192.0.2.2"])
    #expect(lab.names(for: "192.0.2.1") == ["a.example.net."])
    #expect(lab.cache.recordCount == 2)
    lab.insert(["a.example.net. 300 TXT one", "a.example.net. 300 TXT one"])
    #expect(lab.ask("a.example.net.", .txt).answers == ["a.example.net. 300 IN TXT \"one\""])
    lab.cache._checkInvariants()
  }

  @Test(arguments: [8, 9, 100, 512, 513, 900])
  func `so are records of large RRsets`(different: Int) {
    let lab = Lab()
    var rdata = (0..<different).map { [192, 0, UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    rdata += rdata.prefix(DuplicateLimit.remembered)
    lab.insert(wire: lab.wire("a.example.net."), .a, ttl: 300, rdata)
    // More than 256 are not kept.
    let isKept = different <= Cache.recordsPerSet && rdata.count <= Cache.recordsPerSet
    #expect(lab.cache.recordCount == (isKept ? different : 0))
    #expect(
      lab.ask("a.example.net.", .a, waiting: true).message.answers.map(\.rdata)
        == Array(rdata.prefix(different)))
    let texts = rdata.map { [20] + $0 + [UInt8](repeating: 0x41, count: 16) }
    lab.insert(wire: lab.wire("b.example.net."), .txt, ttl: 300, texts)
    #expect(
      lab.ask("b.example.net.", .txt, waiting: true).message.answers.map(\.rdata)
        == Array(texts.prefix(different)))
    lab.cache._checkInvariants()
  }

  /// As in the cache: different records that are compared exactly.
  enum DuplicateLimit { static let remembered = 512 }

  @Test func `an RRset of thousands of records comes and goes`() {
    let lab = Lab()
    // 4,367 addresses are the most that a message can hold.
    let rdata = (0..<4_367).map { [10, 0, UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    #expect(lab.insert(wire: [0], .a, ttl: 300, rdata) == .uncacheable(isLarge: true))
    #expect(lab.cache.recordCount == 0 && lab.cache.addressCount == 0)
    let reply = lab.ask(".", .a, waiting: true)
    #expect(reply.outcome == .written(.noError, truncated: true))
    #expect(reply.answers.isEmpty)
    // Too large to be kept.
    #expect(lab.ask(".", .a).isMissing)
    #expect(lab.cache.counters.largeSets == 1)
    lab.cache._checkInvariants()
    lab.insert(wire: [0], .a, ttl: 300, [[10, 0, 0, 1]])
    #expect(lab.cache.addressCount == 1)
    lab.cache._checkInvariants()
  }

  @Test func `a name keeps a hundred RRsets, the latest`() {
    let lab = Lab()
    for type in 300..<450 {
      lab.insert(
        wire: lab.wire("a.example.net."), RecordType(rawValue: UInt16(type)), ttl: 300, [[1]])
    }
    #expect(lab.cache.setCount == 100)
    #expect(lab.cache.counters.setsPerNameLimit == 50)
    #expect(lab.ask("a.example.net.", RecordType(rawValue: 349)).isMissing)
    #expect(!lab.ask("a.example.net.", RecordType(rawValue: 350)).isMissing)
    lab.cache._checkInvariants()
  }

  @Test(arguments: [0, 41, 128, 249, 250, 251, 252, 253, 254, 255])
  func `types that no record has are refused`(type: UInt16) {
    // Type 0 is how NXDOMAIN is stored: such a record was taken for one.
    let lab = Lab()
    let result = lab.insert(
      wire: lab.wire("a.example.net."), RecordType(rawValue: type), ttl: 300, [[255, 1, 2, 3]])
    #expect(result == .refused)
    #expect(lab.cache.nameCount == 0)
  }

  @Test func `asking for type 0 shows nothing that isn't there`() {
    // The SOA of NXDOMAIN was read as a list of records: other octets of the arena came out.
    let lab = Lab()
    lab.insert("b.example.net. 300 TXT hidden")
    lab.insertNegative("none.example.net.", nil, soa: SnapshotTests.soa)
    let reply = lab.ask("none.example.net.", RecordType(rawValue: 0))
    #expect(reply.outcome == .written(.nxDomain, truncated: false))
    #expect(reply.answers.isEmpty && reply.authority.count == 1)
    #expect(lab.ask("b.example.net.", RecordType(rawValue: 0)).isMissing)
  }

  @Test func `no records and too many octets are refused`() {
    let lab = Lab()
    let owner = lab.wire("a.example.net.")
    #expect(lab.insert(wire: owner, .txt, ttl: 300, []) == .refused)
    let long = [UInt8](repeating: 0, count: 30_000)
    let other = [UInt8](repeating: 1, count: 30_000)
    let third = [UInt8](repeating: 2, count: 5_530)
    #expect(lab.insert(wire: owner, .null, ttl: 300, [long, other, third]) == .refused)
    #expect(
      lab.insert(wire: owner, .null, ttl: 300, [long, other, third.dropLast()])
        == .uncacheable(isLarge: true))
  }

  @Test func `letter case of names is no difference, that of data is kept`() {
    let lab = Lab()
    lab.insert("WWW.Example.NET. 300 CNAME A.example.net.")
    lab.insert("a.EXAMPLE.net. 300 A 192.0.2.1")
    #expect(lab.cache.nameCount == 2)
    let reply = lab.ask("www.example.NET.", .a)
    #expect(
      reply.answers == [
        "www.example.NET. 300 IN CNAME A.example.NET.", "A.example.NET. 300 IN A 192.0.2.1",
      ])
  }

  @Test func `octets in a label that look like dots and ends keep names apart`() {
    let lab = Lab()
    let plain = lab.wire("a.b.example.net.")
    var dotted = lab.wire("axb.example.net.")
    dotted[2] = 0x2E
    var null = dotted
    null[2] = 0
    lab.insert(wire: plain, .a, ttl: 300, [[192, 0, 2, 1]])
    lab.insert(wire: dotted, .a, ttl: 300, [[192, 0, 2, 2]])
    lab.insert(wire: null, .a, ttl: 300, [[192, 0, 2, 3]])
    for (name, last) in [(plain, UInt8(1)), (dotted, 2), (null, 3)] {
      #expect(lab.ask(wire: name, .a).message.answers.map(\.rdata) == [[192, 0, 2, last]])
    }
  }
}
