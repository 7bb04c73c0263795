import DNSWire
import System
import Testing

@Suite("Addresses with a port")
struct EndpointTests {
  @Test(
    arguments: [
      ("192.0.2.1", "192.0.2.1:53"), ("192.0.2.1:5353", "192.0.2.1:5353"),
      ("::1", "[::1]:53"), ("[::1]", "[::1]:53"), ("[::1]:5353", "[::1]:5353"),
      ("2001:DB8:0::1", "[2001:db8::1]:53"), ("0.0.0.0:0", "0.0.0.0:0"),
      ("[::]:65535", "[::]:65535"), ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:53"),
      ("fe80::1%lo", "[fe80::1%lo]:53"), ("[fe80::1%1]:54", "[fe80::1%lo]:54"),
    ])
  func `an address is read and written`(text: String, expected: String) {
    #expect(Endpoint(text, defaultPort: 53)?.description == expected)
  }

  @Test(
    arguments: [
      "", " ", "localhost", "example.net:53", "192.0.2", "192.0.2.256", "192.0.2.1:",
      "192.0.2.1:+1",
      "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:5 3", "192.0.2.1 ", "[192.0.2.1]:53", "[::1",
      "::1]", "[::1]53", "[::1]:", "[]", "[]:53", "fe80::1%", "fe80::1%nosuchinterface", "1::2::3",
      ":53", "192.0.2.1:53:53", "%lo", "192.0.2.1\u{0}", "0x7f.1", "[::1]:53]",
    ])
  func `anything else is refused`(text: String) {
    #expect(Endpoint(text, defaultPort: 53) == nil)
  }

  @Test func `words are numbers with the first octet most significant`() throws {
    let four = try #require(Endpoint("192.0.2.1", defaultPort: 53))
    #expect(four.isIPv4 && four.address.high == 0 && four.address.low == 0xc000_0201)
    #expect(four == Endpoint(IPAddress(v4: 0xc000_0201), port: 53))
    let six = try #require(Endpoint("2001:db8::a:1", defaultPort: 53))
    #expect(!six.isIPv4 && six.address.high == 0x2001_0db8_0000_0000 && six.address.low == 0xa_0001)
    #expect(six.withPort(99) == Endpoint(six.address, port: 99))
  }

  @Test func `kinds of addresses are told apart`() throws {
    func address(_ text: String) throws -> IPAddress {
      try #require(Endpoint(text, defaultPort: 53)).address
    }
    #expect(try address("0.0.0.0").isUnspecified && address("::").isUnspecified)
    #expect(try !address("::1").isUnspecified && address("::ffff:0:0").isUnspecified == false)
    #expect(try address("fe80::1").isLinkLocalIPv6 && address("febf::1").isLinkLocalIPv6)
    #expect(try !address("fec0::1").isLinkLocalIPv6 && !address("169.254.0.1").isLinkLocalIPv6)
    #expect(try address("224.0.0.251").isMulticast && address("ff02::fb").isMulticast)
    #expect(try !address("240.0.0.1").isMulticast && !address("fe80::1").isMulticast)
  }

  @Test func `the same host is the same whatever the port`() throws {
    let one = try #require(Endpoint("192.0.2.1:53", defaultPort: 53))
    #expect(one.isSameHost(as: one.withPort(54)))
    #expect(try !one.isSameHost(as: #require(Endpoint("192.0.2.2:53", defaultPort: 53))))
    #expect(
      try !one.isSameHost(as: #require(Endpoint("[::ffff:192.0.2.1]", defaultPort: 53))))
  }
}
