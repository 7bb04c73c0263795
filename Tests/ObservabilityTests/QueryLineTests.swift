import DNSService
import DNSWire
import Observability
import Testing

@Suite("The line of a query")
struct QueryLineTests {
  private func line(
    _ entry: QueryEntry, _ question: [UInt8], prefix: String = "info: "
  ) -> String {
    var line = QueryLine(prefix: prefix)
    // What was written before doesn't show.
    line.write(entry, question: ([63] + [UInt8](repeating: 0x78, count: 63) + [0, 0, 1]).span)
    line.write(entry, question: question.span)
    let octets = line.line
    return String(decoding: octets.indices.map { octets[$0] }, as: UTF8.self)
  }

  private func entry(
    _ client: String = "192.0.2.7", isTCP: Bool = false, _ source: AnswerSource = .hit,
    rcode: ResponseCode? = .noError, us: UInt64 = 12
  ) -> QueryEntry {
    guard let client = IPAddress(client) else { fatalError(client) }
    return QueryEntry(
      client: client, isTCP: isTCP, source: source, rcode: rcode, microseconds: us)
  }

  private func question(_ name: String, _ type: RecordType) -> [UInt8] {
    guard let name = try? Name(name) else { fatalError(name) }
    return name.wire + [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
  }

  @Test func `it has client, name, type, code, source and time`() {
    #expect(
      line(entry(), question("WWW.example.net", .a))
        == "info: query client=192.0.2.7 proto=udp name=WWW.example.net. type=A rcode=NOERROR source=hit us=12\n"
    )
    #expect(
      line(
        entry("2001:db8::1", isTCP: true, .failure, rcode: .servFail, us: 4_500_123),
        question(".", RecordType(rawValue: 65_280)), prefix: "<6>")
        == "<6>query client=2001:db8::1 proto=tcp name=. type=TYPE65280 rcode=SERVFAIL source=failure us=4500123\n"
    )
    #expect(
      line(entry(.limited, rcode: nil, us: 0), question("a.b", .txt))
        == "info: query client=192.0.2.7 proto=udp name=a.b. type=TXT rcode=- source=limited us=0\n"
    )
  }

  private func entry(_ source: AnswerSource, rcode: ResponseCode?, us: UInt64) -> QueryEntry {
    entry("192.0.2.7", source, rcode: rcode, us: us)
  }

  @Test func `whatever is in a name, it is one line of plain characters`() {
    for octet in UInt8.min...UInt8.max {
      let text = line(entry(), [3, 0x61, octet, 0x62, 0, 0, 1])
      #expect(text.utf8.dropLast().allSatisfy { (0x20...0x7E).contains($0) }, "\(octet)")
      #expect(text.utf8.count { $0 == 0x20 } == 8, "\(octet)")
      #expect(!text.contains("\""), "\(octet)")
    }
    #expect(line(entry(), [3, 0x61, 0x2E, 0x20, 0, 0, 1]).contains("name=a\\046\\032. type=A"))
  }

  @Test func `the longest name fits`() {
    let label = [63] + [UInt8](repeating: 0xFF, count: 63)
    let name = label + label + label + [61] + [UInt8](repeating: 0xFF, count: 61) + [0]
    #expect(name.count == 255)
    let client = "2001:db8:1111:2222:3333:4444:5555:6666"
    let text = line(
      entry(client, .failure, rcode: ResponseCode(rawValue: 4_095), us: .max),
      name + [0xFF, 0xFF])
    #expect(text.utf8.count <= QueryLine.longest)
    #expect(text.hasSuffix("us=18446744073709551615\n"))
  }

  @Test func `what is no question has no name`() {
    for octets in [[], [3, 0x61], [0xC0, 0], [0], [0, 0], [1, 0x61, 0, 0]] as [[UInt8]] {
      #expect(line(entry(), octets).contains("name=- type=-"), "\(octets)")
    }
  }
}
