import DNSWire
import Testing

@Suite("Addresses as text (RFC 4291 §2.2, RFC 5952)")
struct IPAddressTests {
  @Test func `a dotted quad is an IPv4 address`() {
    #expect(IPAddress("192.0.2.1") == IPAddress(v4: 0xC000_0201))
    #expect(IPAddress(v4: 0xC000_0201).description == "192.0.2.1")
    #expect(IPAddress("0.0.0.0")?.low == 0)
    #expect(IPAddress("255.255.255.255")?.low == 0xFFFF_FFFF)
  }

  @Test(
    arguments: [
      ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
      ("FF01:0:0:0:0:0:0:101", "ff01::101"),
      ("0:0:0:0:0:0:0:1", "::1"),
      ("::", "::"),
      ("1::", "1::"),
      ("0001:02::", "1:2::"),
      ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
      ("::FFFF:C000:201", "::ffff:192.0.2.1"),
      ("0:0:0:0:0:ffff:192.0.2.1", "::ffff:192.0.2.1"),
      ("::192.0.2.1", "::c000:201"),
      ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
      // RFC 5952 §4.2.2: one group of zeros stays.
      ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
      ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
      // §4.2.3: the longest run, the first among equals.
      ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
      ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
      ("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"),
      ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ])
  func `each form of an IPv6 address becomes the canonical one`(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
    #expect(IPAddress(canonical) == IPAddress(text))
  }

  @Test(
    arguments: [
      "", ".", ":", "1", "192.0.2", "192.0.2.1.1", "192.0.2.256", "192.0.2.01", "192.0.2.",
      "192.0..1", " 192.0.2.1", "192.0.2.1 ", "192.0.2.-1", "0xC0.0.2.1", ":::", "1:::2", "1::2::3",
      "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::",
      "g::", ":1::", "1::2:", "192.0.2.1::", "::192.0.2.1:1", "1:2:3:4:5:6:7:192.0.2.1",
      "::192.0.2.256", "fe80::1%eth0", "[::1]", "::1/128",
    ])
  func `text that is no address is rejected`(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func `octets go in and come out`() throws {
    let four = try #require(IPAddress("192.0.2.1"))
    let six = try #require(IPAddress("2001:db8::1"))
    #expect(four.octets == [192, 0, 2, 1])
    #expect(six.octets == [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(IPAddress(octets: four.octets) == four)
    #expect(IPAddress(octets: six.octets) == six)
    #expect(IPAddress(octets: [1, 2, 3]) == nil)
  }

  @Test func `an IPv4-mapped address is unequal until unmapped`() throws {
    let mapped = try #require(IPAddress("::ffff:192.0.2.1"))
    let plain = try #require(IPAddress("192.0.2.1"))
    #expect(mapped != plain)
    #expect(mapped.unmapped == plain)
    #expect(plain.unmapped == plain)
    #expect(try #require(IPAddress("::192.0.2.1")).isIPv4Mapped == false)
  }

  @Test func `the reverse name counts octets or nibbles backwards (RFC 3596 §2.5)`() throws {
    let four = try #require(IPAddress("192.0.2.10"))
    #expect(four.reverseName.description == "10.2.0.192.in-addr.arpa.")
    let six = try #require(IPAddress("2001:db8::567:89ab"))
    #expect(
      six.reverseName.description
        == "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.")
    #expect(try Name(wire: six.reverseName.wire) == six.reverseName)
  }
}

@Suite("Networks (RFC 4632 §3.1, RFC 4291 §2.3)")
struct IPNetworkTests {
  @Test(
    arguments: [
      ("192.168.0.0/16", "192.168.255.255", "192.169.0.0"),
      ("192.0.2.1/24", "192.0.2.255", "192.0.3.0"),
      ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
      ("0.0.0.0/0", "255.255.255.255", "::1"),
      ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
      ("2001:db8::/64", "2001:db8::ffff:0:0:1", "2001:db8:0:1::"),
      ("2001:db8::/65", "2001:db8::7fff:0:0:1", "2001:db8::8000:0:0:0"),
      ("2001:db8::/63", "2001:db8:0:1::", "2001:db8:0:2::"),
      ("::/0", "ffff::", "192.0.2.1"),
      ("::ffff:0:0/96", "::ffff:192.0.2.1", "192.0.2.1"),
      ("2001:db8::1", "2001:db8::1", "2001:db8::"),
    ])
  func `a network contains what shares its prefix`(text: String, member: String, other: String)
    throws
  {
    let network = try #require(IPNetwork(text))
    #expect(network.contains(try #require(IPAddress(member))))
    #expect(!network.contains(try #require(IPAddress(other))))
    #expect(IPNetwork(network.description) == network)
  }

  @Test(arguments: [
    "", "/", "192.0.2.0/", "192.0.2.0/33", "::/129", "192.0.2.0/-1", "::/+1", "::/1/1",
  ])
  func `text that is no network is rejected`(text: String) {
    #expect(IPNetwork(text) == nil)
  }

  @Test func `bits behind the prefix are cleared`() throws {
    #expect(try #require(IPNetwork("192.0.2.129/24")).description == "192.0.2.0/24")
    #expect(try #require(IPNetwork("2001:db8::1/32")).description == "2001:db8::/32")
  }
}
