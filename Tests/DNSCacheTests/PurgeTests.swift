import DNSCache
import DNSWire
import Testing

@Suite("Removing what new rules forbid")
struct PurgeTests {
  private func purge(_ lab: Lab, _ forbidden: borrowing Cache.Forbidden) throws -> Int {
    let cursor = try #require(lab.openCursor())
    defer { lab.cache.closeCursor(cursor) }
    var removed = 0
    while true {
      let step = lab.cache.purge(cursor, names: 2, of: forbidden)
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

  @Test func `names below a zone that is answered here go, all others stay`() throws {
    let lab = lab()
    let before = lab.contents().count
    let forbidden = Cache.Forbidden(
      zones: [try Name("home.arpa")], rebind: nil)
    #expect(try purge(lab, forbidden) == 2)
    #expect(lab.contents().count == before - 2)
    #expect(!lab.contents().contains { $0.contains("home.arpa") })
    lab.cache._checkInvariants()
  }

  @Test(arguments: [("nas.home.arpa", 1), ("home.arpa", 0), ("lan", 2)])
  func `a zone stays that is asked though it is in one that is not, or is the same`(
    exception: String, expected: Int
  ) throws {
    let lab = lab()
    let forbidden = Cache.Forbidden(
      zones: [try Name("home.arpa")], except: [try Name(exception)], rebind: nil)
    #expect(try purge(lab, forbidden) == expected)
    #expect(lab.contents().joined().contains("nas.home.arpa") == (expected < 2))
    lab.cache._checkInvariants()
  }

  @Test func `local addresses go, but for names that may have them`() throws {
    let lab = lab()
    let forbidden = Cache.Forbidden(
      zones: [],
      rebind: RebindProtection(
        allowed: [try Name("lan"), try Name("home.arpa")], allowsLoopback: true))
    #expect(try purge(lab, forbidden) == 2)
    let left = lab.contents().joined(separator: "\n")
    for name in ["mail.example.net", "lists.example.net", "nas.lan", "nas.home.arpa", "router"] {
      #expect(left.contains(name), "\(left)")
    }
    #expect(!left.contains("www.example.net") && !left.contains("v6.example.net"))
    let strict = Cache.Forbidden(
      zones: [],
      rebind: RebindProtection(
        allowed: [try Name("lan"), try Name("home.arpa")], allowsLoopback: false))
    #expect(try purge(lab, strict) == 1)
    #expect(!lab.contents().joined().contains("lists.example.net"))
    lab.cache._checkInvariants()
  }
}
