import DNSCache
import DNSWire
import Testing

@Suite("Removing what new rules forbid")
struct PurgeTests {
  private func purge(
    _ lab: Lab, _ rebind: RebindProtection? = nil, where isMeant: (String) -> Bool = { _ in false }
  ) throws -> Int {
    let filter = RebindFilter(rebind)
    let cursor = try #require(lab.openCursor())
    defer { lab.cache.closeCursor(cursor) }
    var removed = 0
    while true {
      let step = lab.cache.purge(cursor, names: 2, addressesBy: filter) { name, _ in
        var name = name.indices.map { name[$0] }
        name.removeFirst()
        return isMeant(String(decoding: name, as: UTF8.self))
      }
      removed += step.removed
      if step.finished { return removed }
    }
  }

  private func lab() -> Lab {
    let lab = Lab()
    for line in [
      "www.example.net. 300 IN A 192.168.1.1", "mail.example.net. 300 IN A 198.51.100.1",
      "v6.example.net. 300 IN AAAA fd00::1", "lists.example.net. 300 IN A 127.0.0.2",
      "nas.home.arpa. 300 IN A 192.168.1.2", "home.arpa. 300 IN TXT \"x\"",
      "nas.lan. 300 IN A 192.168.1.3", "router. 300 IN A 192.168.1.4",
    ] {
      lab.insert([line])
    }
    return lab
  }

  @Test func `names that are meant go, all others stay`() throws {
    let lab = lab()
    let before = lab.contents().count
    #expect(try purge(lab) { $0.hasSuffix("home\u{4}arpa\0") } == 2)
    #expect(lab.contents().count == before - 2)
    #expect(!lab.contents().contains { $0.contains("home.arpa") })
    lab.cache._checkInvariants()
  }

  @Test func `local addresses go, but for names that may have them`() throws {
    let lab = lab()
    let some = RebindProtection(
      allowed: [try Name("lan"), try Name("home.arpa")], allowsLoopback: true)
    #expect(try purge(lab, some) == 2)
    let left = lab.contents().joined(separator: "\n")
    for name in ["mail.example.net", "lists.example.net", "nas.lan", "nas.home.arpa", "router"] {
      #expect(left.contains(name), "\(left)")
    }
    #expect(!left.contains("www.example.net") && !left.contains("v6.example.net"))
    let strict = RebindProtection(
      allowed: [try Name("lan"), try Name("home.arpa")], allowsLoopback: false)
    #expect(try purge(lab, strict) == 1)
    #expect(!lab.contents().joined().contains("lists.example.net"))
    lab.cache._checkInvariants()
  }
}
