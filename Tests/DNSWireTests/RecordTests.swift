import DNSWire
import Testing

@Suite("Records as lines of a zone file (RFC 1035 §5.1)")
struct RecordTests {
  @Test func `a line gives owner, TTL, class, type and data`() throws {
    let record = try Record("www.example.net. 300 IN A 192.0.2.1")
    #expect(try record.name == Name("www.example.net"))
    #expect(record.type == .a)
    #expect(record.recordClass == .internet)
    #expect(record.ttl == 300)
    #expect(record.rdata == [192, 0, 2, 1])
    #expect(record.description == "www.example.net. 300 IN A 192.0.2.1")
  }

  @Test(
    arguments: [
      ("example.net 300 IN NS ns", "example.net. 300 IN NS ns."),
      ("example.net IN 300 NS ns", "example.net. 300 IN NS ns."),
      ("example.net 5m ch txt a", #"example.net. 300 CH TXT "a""#),
      ("example.net NS ns", "example.net. 3600 IN NS ns."),
      ("example.net CLASS5 TYPE2 ns", "example.net. 3600 CLASS5 NS ns."),
      ("in in ns ns", "in. 3600 IN NS ns."),
      ("a 1 TYPE65280 \\# 1 ff ; comment", "a. 1 IN TYPE65280 \\# 1 FF"),
      ("a 1 A \\# 0", "a. 1 IN A \\# 0"),
    ])
  func `TTL and class stand in either order or are left out`(line: String, normal: String) throws {
    #expect(try Record(line).description == normal)
  }

  @Test(
    arguments: [
      ("", .missingField), ("; comment", .missingField), ("a", .missingField),
      ("a 300 IN", .missingField), ("a..b 300 IN A 192.0.2.1", .badName),
      ("a 300 300 IN A 192.0.2.1", .badType), ("a 4294967296 A 192.0.2.1", .badType),
      ("a IN NOPE x", .badType), ("a IN IN A 192.0.2.1", .badType), ("a A 192.0.2", .badAddress),
      ("a TYPE65280 ff", .noTextForm),
    ] as [(String, RDataTextError)])
  func `a line that is no record is rejected`(line: String, error: RDataTextError) {
    #expect(throws: error) { try Record(line) }
  }

  @Test func `records are equal whatever the letter case of the owner`() throws {
    let record = try Record("example.net 300 IN A 192.0.2.1")
    #expect(try record == Record("EXAMPLE.net 300 IN A 192.0.2.1"))
    #expect(try record != Record("example.net 301 IN A 192.0.2.1"))
  }
}
