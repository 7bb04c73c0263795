import DNSCache
import DNSWire
import Testing

@Suite("Snapshots (docs/snapshot.md)")
struct SnapshotTests {
  static let soa =
    "example.net. 900 IN SOA ns.example.net. hostmaster.example.net. 1 7200 900 1209600 600"

  static func filled() -> Lab {
    let lab = Lab()
    lab.insert(["a.example.net. 300 A 192.0.2.1", "a.example.net. 300 A 192.0.2.2"])
    lab.insert("a.example.net. 600 AAAA 2001:db8::1", rank: .answer)
    lab.insert("www.example.net. 60 CNAME a.example.net.")
    lab.insert("example.net. 3600 MX 10 mail.example.net.")
    lab.insert("example.net. 3600 NS ns.example.net.", rank: .authority, section: .authority)
    lab.insert("ns.example.net. 3600 A 192.0.2.53", rank: .additional, section: .additional)
    lab.insertNegative("none.example.net.", nil, soa: soa)
    lab.insertNegative("a.example.net.", .txt, soa: soa)
    return lab
  }

  @Test func `what is known comes back as it was`() {
    let lab = Self.filled()
    lab.pass(10)
    let file = lab.snapshot()
    let other = Lab(now: 5)
    other.wallClock = lab.wallClock
    let result = other.restore(file)
    #expect(result.isComplete)
    #expect(result.restored == 9)
    #expect(result.damaged == 0 && result.expired == 0 && result.refused == 0)
    #expect(other.contents() == lab.contents())
    other.cache._checkInvariants()
  }

  @Test func `a name of 24 octets with an address takes 46 octets`() {
    let lab = Lab()
    let before = lab.snapshot().count
    lab.insert("aaaaaaaaaa.example.net. 300 A 192.0.2.1")
    #expect(lab.wire("aaaaaaaaaa.example.net.").count == 24)
    #expect(lab.snapshot().count - before == 46)
  }
}
