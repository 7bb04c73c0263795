import DNSCache
import DNSWire
import Testing

@Suite("Names by address")
struct ReverseMapTests {
  @Test func `a name is found by each of its addresses`() {
    let lab = Lab()
    lab.insert(["a.example.net. 300 A 192.0.2.1", "a.example.net. 300 A 192.0.2.2"])
    lab.insert("b.example.net. 300 A 192.0.2.1")
    lab.insert("a.example.net. 300 AAAA 2001:db8::1")
    #expect(lab.names(for: "192.0.2.1") == ["a.example.net.", "b.example.net."])
    #expect(lab.names(for: "192.0.2.2") == ["a.example.net."])
    #expect(lab.names(for: "2001:db8::1") == ["a.example.net."])
    #expect(lab.names(for: "2001:db8::2") == [])
    #expect(lab.cache.addressCount == 3)
  }

  @Test func `IPv4 and IPv6 addresses of the same number are apart`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("b.example.net. 300 AAAA ::192.0.2.1")
    #expect(lab.names(for: "192.0.2.1") == ["a.example.net."])
    #expect(lab.names(for: "::c000:201") == ["b.example.net."])
  }

  @Test func `replacing an RRset moves its name`() {
    let lab = Lab()
    lab.insert(["a.example.net. 300 A 192.0.2.1", "a.example.net. 300 A 192.0.2.2"])
    lab.insert(["a.example.net. 300 A 192.0.2.2", "a.example.net. 300 A 192.0.2.3"])
    #expect(lab.names(for: "192.0.2.1") == [])
    #expect(lab.names(for: "192.0.2.2") == ["a.example.net."])
    #expect(lab.names(for: "192.0.2.3") == ["a.example.net."])
    lab.cache._checkInvariants()
  }

  @Test func `the same again leaves one entry`() {
    let lab = Lab()
    for _ in 0..<10 { lab.insert("a.example.net. 300 A 192.0.2.1") }
    #expect(lab.names(for: "192.0.2.1") == ["a.example.net."])
    #expect(lab.cache.addressCount == 1)
    lab.cache._checkInvariants()
  }

  @Test func `two names may swap their addresses`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("b.example.net. 300 A 192.0.2.2")
    lab.insert("a.example.net. 300 A 192.0.2.2")
    #expect(lab.names(for: "192.0.2.2") == ["a.example.net.", "b.example.net."])
    lab.insert("b.example.net. 300 A 192.0.2.1")
    #expect(lab.names(for: "192.0.2.1") == ["b.example.net."])
    #expect(lab.names(for: "192.0.2.2") == ["a.example.net."])
    lab.cache._checkInvariants()
  }

  @Test func `what has expired is not found, swept or not`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("b.example.net. 600 A 192.0.2.1")
    lab.pass(300)
    #expect(lab.names(for: "192.0.2.1") == ["b.example.net."])
    _ = lab.cache.sweep(names: 10, now: lab.now)
    #expect(lab.names(for: "192.0.2.1") == ["b.example.net."])
    #expect(lab.cache.recordCount == 1)
    lab.cache._checkInvariants()
  }

  @Test func `flushing a name or a type takes its addresses out`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("a.example.net. 300 AAAA 2001:db8::1")
    #expect(lab.cache.flush(lab.key("a.example.net."), .type(.a)) == 1)
    #expect(lab.names(for: "192.0.2.1") == [])
    #expect(lab.names(for: "2001:db8::1") == ["a.example.net."])
    #expect(lab.cache.flush(lab.key("a.example.net."), .everything) == 1)
    #expect(lab.cache.addressCount == 0)
    lab.cache._checkInvariants()
  }

  @Test func `eviction takes addresses out`() {
    let lab = Lab(octets: 1 << 20)
    for index in 0..<20_000 {
      lab.insert(
        wire: lab.wire("n\(index).example.net."), .a, ttl: 300,
        [[10, 0, UInt8(index >> 8), UInt8(index & 0xFF)]])
    }
    #expect(lab.cache.counters.evictions > 10_000)
    #expect(lab.cache.addressCount == lab.cache.nameCount)
    #expect(lab.names(for: "10.0.0.0") == [])
    #expect(lab.names(for: "10.0.78.31") == ["n19999.example.net."])
    lab.cache._checkInvariants()
  }

  @Test func `ten thousand names of one address come and go`() {
    let lab = Lab(octets: 1 << 23)
    for index in 0..<10_000 {
      lab.insert(wire: lab.wire("n\(index).example.net."), .a, ttl: 300, [[192, 0, 2, 1]])
    }
    #expect(lab.cache.addressCount == 1)
    #expect(lab.names(for: "192.0.2.1").count == 10_000)
    lab.cache._checkInvariants()
    for index in stride(from: 0, to: 10_000, by: 2) {
      _ = lab.cache.flush(lab.key("n\(index).example.net."), .everything)
    }
    #expect(lab.names(for: "192.0.2.1").count == 5_000)
    lab.cache._checkInvariants()
    lab.pass(300)
    while !lab.cache.sweep(names: 1_000, now: lab.now) {}
    #expect(lab.cache.addressCount == 0 && lab.cache.nameCount == 0)
    lab.cache._checkInvariants()
  }

  @Test func `a visitor may stop`() {
    let lab = Lab()
    for index in 0..<10 { lab.insert("n\(index).example.net. 300 A 192.0.2.1") }
    var visits = 0
    lab.cache.visitNames(high: 0, low: 0xC000_0201, isIPv4: true, now: lab.now) { _ in
      visits += 1
      return visits < 3
    }
    #expect(visits == 3)
  }
}
