import DNSCache
import DNSWire
import Testing

@Suite("Local addresses in answers")
struct RebindTests {
  private enum Scope { case none, loopback, network }

  private static let sets: [(records: [String], type: RecordType, scope: Scope)] = [
    (["A 192.0.2.1", "A 198.51.100.1"], .a, .none),
    (["A 127.0.0.2"], .a, .loopback),
    (["A 192.0.2.1", "A 127.0.0.2"], .a, .loopback),
    (["A 192.168.1.1", "A 127.0.0.2"], .a, .network),
    (["A 192.0.2.1", "A 192.0.2.2", "A 10.0.0.1"], .a, .network),
    (["AAAA 2001:db8::1"], .aaaa, .none),
    (["AAAA ::1"], .aaaa, .loopback),
    (["AAAA ::ffff:127.0.0.1"], .aaaa, .loopback),
    (["AAAA fd00::1"], .aaaa, .network),
    (["AAAA 64:ff9b::10.0.0.1"], .aaaa, .network),
    (["HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1"], .https, .none),
    (["HTTPS 1 . ipv4hint=127.0.0.1"], .https, .loopback),
    (["HTTPS 1 . ipv4hint=127.0.0.1 ipv6hint=fe80::1"], .https, .network),
    (["SVCB 1 . ipv4hint=192.0.2.1", "SVCB 2 . ipv4hint=192.168.1.1"], .svcb, .network),
    (["TXT 10.0.0.1"], .txt, .none),
  ]

  private static func name(_ index: Int) -> String { "n\(index).example.net" }

  private func lab() -> Lab {
    let lab = Lab()
    for (index, set) in RebindTests.sets.enumerated() {
      #expect(
        lab.insert(set.records.map { "\(RebindTests.name(index)). 300 IN \($0)" }) == .stored)
    }
    return lab
  }

  /// Asks for all by each kind of rules.
  private func check(_ lab: Lab) throws {
    let given = Lab.Reply.Outcome.written(.noError, truncated: false)
    for (index, set) in RebindTests.sets.enumerated() {
      func asked(_ protection: RebindProtection?) -> Lab.Reply.Outcome {
        lab.cache.rebindFilter = RebindFilter(protection)
        return lab.ask(RebindTests.name(index), set.type).outcome
      }
      #expect(asked(nil) == given, "\(set)")
      #expect(asked(RebindProtection()) == (set.scope == .none ? given : .blocked), "\(set)")
      #expect(
        asked(RebindProtection(allowsLoopback: true)) == (set.scope == .network ? .blocked : given),
        "\(set)")
      #expect(
        asked(RebindProtection(allowed: [try Name("example.net")])) == given, "\(set)")
    }
  }

  @Test func `local addresses are told when they are stored`() throws {
    let lab = lab()
    try check(lab)
    lab.cache.rebindFilter = RebindFilter(RebindProtection())
    lab.insert("\(RebindTests.name(4)). 300 IN A 192.0.2.1")
    #expect(
      lab.ask(RebindTests.name(4), .a).outcome == .written(.noError, truncated: false))
    lab.cache._checkInvariants()
  }

  @Test func `what rebind protection forbids is not given from a snapshot`() throws {
    let other = Lab()
    #expect(other.restore(lab().snapshot()).isComplete)
    try check(other)
    other.cache._checkInvariants()
  }
}
