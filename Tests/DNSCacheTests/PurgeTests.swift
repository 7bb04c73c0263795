import DNSCache
import DNSWire
import Testing

@Suite("Removing what new rules forbid")
struct PurgeTests {
  /// Removes what is forbidden by a new generation of rules.
  private func purge(_ lab: Lab, where isMeant: (String) -> Bool) throws -> Int {
    lab.cache.beginGeneration(lab.cache.generation &+ 1)
    let cursor = try #require(lab.openCursor())
    defer { lab.cache.closeCursor(cursor) }
    var removed = 0
    while true {
      let step = lab.cache.purge(cursor, names: 2) { name, _ in !isMeant(Lab.text(name)) }
      removed += step.removed
      if step.finished { break }
    }
    lab.cache.endJudging()
    return removed
  }

  @Test func `names that are meant go, all others stay`() throws {
    let lab = Lab()
    for line in [
      "mail.example.net. 300 IN A 198.51.100.1", "nas.home.arpa. 300 IN A 192.168.1.2",
      "home.arpa. 300 IN TXT \"x\"", "router. 300 IN A 192.168.1.4",
    ] {
      lab.insert([line])
    }
    let before = lab.contents().count
    #expect(try purge(lab) { $0.hasSuffix("home.arpa.") } == 2)
    #expect(lab.contents().count == before - 2)
    #expect(!lab.contents().contains { $0.contains("home.arpa") })
    lab.cache._checkInvariants()
  }

  @Test func `a name that came by earlier rules is judged before it is used`() {
    let lab = Lab()
    for line in [
      "a.example. 300 IN CNAME b.example.", "b.example. 300 IN A 192.0.2.1",
      "c.example. 300 IN A 192.0.2.2", "d.example. 300 IN MX 5 e.example.",
      "e.example. 300 IN A 192.0.2.3",
    ] {
      lab.insert([line])
    }
    lab.cache.beginGeneration(1)
    var asked: [String] = []
    lab.isGood = { name in
      asked.append(name)
      return name != "b.example."
    }
    #expect(lab.follow("a.example", .a) == (.missing, "b.example."))
    #expect(asked == ["a.example.", "b.example."])
    // What comes in now is good, and nothing is judged twice.
    lab.insert(["b.example. 300 IN A 198.51.100.1"])
    #expect(lab.follow("a.example", .a) == (.found, "b.example."))
    #expect(asked.count == 2)
    // Nobody has looked at this one: it isn't given as a help, either.
    #expect(lab.follow("d.example", .mx).end == .found)
    #expect(lab.ask("d.example", .mx).additional == [])
    #expect(lab.follow("e.example", .a).end == .found)
    #expect(lab.ask("d.example", .mx).additional.count == 1)
    lab.cache._checkInvariants()
  }

  @Test func `a snapshot that is begun while names are judged holds none that are not good`() {
    let lab = Lab()
    for line in ["a.example. 300 IN A 192.0.2.1", "b.example. 300 IN A 192.0.2.2"] {
      lab.insert([line])
    }
    lab.cache.beginGeneration(1)
    lab.isGood = { $0 != "a.example." }
    let other = Lab()
    other.restore(lab.snapshot())
    #expect(other.contents().count == 1)
    #expect(other.contents().joined().contains("b.example"))
    lab.cache._checkInvariants()
  }

  @Test func `a name takes the same route as when it was saved, or is left out`() {
    let lab = Lab()
    for line in [
      "a.example. 300 IN A 192.0.2.1", "x.corp.example. 300 IN A 192.0.2.2",
      "corp.example. 300 IN TXT \"x\"", "lab.corp.example. 300 IN A 192.0.2.3",
    ] {
      lab.insert([line])
    }
    let file = lab.snapshot(routes: ["Corp.example", "lab.corp.example", "other.example"])
    var seen: [String: String] = [:]
    let other = Lab()
    let result = other.restore(file) { name, domain in
      seen[name] = domain
      return domain != "corp.example."
    }
    #expect(result.isComplete && result.restored == 2 && result.refused == 2)
    #expect(
      seen == [
        "a.example.": ".", "x.corp.example.": "corp.example.", "corp.example.": "corp.example.",
        "lab.corp.example.": "lab.corp.example.",
      ])
    // So many that one block can't hold them.
    let many = (0..<1_000).map { "a-domain-with-a-route-\($0).example" }
    #expect(lab.snapshotBlocks(routes: many).count > 4)
    #expect(Lab().restore(lab.snapshot(routes: many)).isComplete)
  }
}
