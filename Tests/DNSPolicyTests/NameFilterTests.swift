import DNSWire
import Memory
import Testing

@testable import DNSPolicy

@Suite("Which names are blocked for whom")
struct NameFilterTests {
  private struct Entry {
    var name: String
    var kind: NameSet.Kind
    var list: Int
    init(_ name: String, _ kind: NameSet.Kind = [.itself, .below], list: Int = 0) {
      self.name = name
      self.kind = kind
      self.list = list
    }
  }

  private static func filter(
    _ entries: [Entry], details: [(Int, ListDetails)] = [], rules: [BlockRule] = []
  ) throws -> Pinned<NameFilter> {
    var filter = NameFilter(hasher: NameHasher(11, 12))
    let hasher = NameHasher(3, 4)
    var set = NameSet(capacity: entries.count + details.count, hasher: hasher)
    while !set.prepare(words: 100) {}
    set.note(mostLabels: 5)
    for entry in entries {
      let wire = try Name(entry.name).lowercased.wire
      _ = set.insert(hasher.hash(wire.span) | entry.kind.rawValue, list: entry.list)
    }
    var table: [UInt64: [NameFilter.ListedDetails]] = [:]
    for (list, detail) in details {
      _ = set.insert(detail.hash | detail.kind.union(.hasDetails).rawValue, list: list)
      table[detail.hash, default: []].append(NameFilter.ListedDetails(list: list, detail))
    }
    filter.setRules(rules)
    filter.replace(&set, details: table)
    return Pinned(filter)
  }

  private static func details(
    _ name: String, _ kind: NameSet.Kind = [.itself, .below]
  ) throws -> ListDetails {
    ListDetails(hash: NameHasher(3, 4).hash(try Name(name).lowercased.wire.span), kind: kind)
  }

  private static func verdict(
    _ name: String, _ type: RecordType = .a, from client: String = "192.0.2.7",
    in filter: Pinned<NameFilter>
  ) throws -> NameFilter.Verdict {
    let wire = try Name(name).lowercased.wire
    let match = filter.value.look(wire.span)
    guard !match.isEmpty else { return .free }
    let client = try #require(IPAddress(client))
    return filter.value.decide(wire.span, match, NameFilter.Question(type: type, client: client))
  }

  private static func rule(
    _ action: BlockRule.Action, _ name: String, from origin: BlockRule.Origin = .configuration
  ) throws -> BlockRule {
    BlockRule(action, try Name(name), from: origin)
  }

  @Test func `exceptions of lists beat blocks, and rules beat both`() throws {
    let filter = try Self.filter(
      [
        Entry("ads.example"), Entry("good.ads.example", [.itself, .below, .exception], list: 1),
      ],
      rules: [
        Self.rule(.deny, "bad.good.ads.example"), Self.rule(.allow, "fine.ads.example"),
        Self.rule(.deny, "fine.ads.example", from: .builtIn),
      ])
    defer { filter.destroy() }
    #expect(try Self.verdict("www.example", in: filter) == .free)
    #expect(try Self.verdict("x.ads.example", in: filter) == .blocked(.list(0), .zero))
    #expect(try Self.verdict("good.ads.example", in: filter) == .allowed)
    #expect(try Self.verdict("bad.good.ads.example", in: filter) == .blocked(.rule(0), .zero))
    #expect(try Self.verdict("fine.ads.example", in: filter) == .allowed)
  }

  @Test func `the longest rule counts, then the later origin, then the one that allows`() throws {
    let filter = try Self.filter(
      [],
      rules: [
        Self.rule(.deny, "example"), Self.rule(.allow, "a.example"),
        Self.rule(.deny, "b.a.example"), Self.rule(.allow, "c.example"),
        Self.rule(.deny, "c.example", from: .hand), Self.rule(.deny, "d.example"),
        Self.rule(.allow, "d.example"),
      ])
    defer { filter.destroy() }
    #expect(try Self.verdict("x.example", in: filter) == .blocked(.rule(0), .zero))
    #expect(try Self.verdict("x.a.example", in: filter) == .allowed)
    #expect(try Self.verdict("b.a.example", in: filter) == .blocked(.rule(2), .zero))
    #expect(try Self.verdict("c.example", in: filter) == .blocked(.rule(4), .zero))
    #expect(try Self.verdict("d.example", in: filter) == .allowed)
  }

  @Test func `importance beats exceptions, types and clients are regarded`() throws {
    var important = try Self.details("ads.example")
    important.isImportant = true
    var typed = try Self.details("typed.example")
    typed.types = [.aaaa]
    var other = try Self.details("other.example")
    other.types = [.aaaa]
    other.exceptsTypes = true
    var mine = try Self.details("mine.example")
    mine.clients = [try #require(IPNetwork("192.0.2.0/28"))]
    var open = try Self.details("open.example")
    open.exempt = [try Self.details("free.open.example").hash]
    open.answer = .addresses(v4: IPAddress("192.0.2.80"), v6: nil)
    let filter = try Self.filter(
      [Entry("ads.example", [.itself, .below, .exception], list: 1)],
      details: [(0, important), (2, typed), (2, other), (2, mine), (3, open)])
    defer { filter.destroy() }
    #expect(try Self.verdict("x.ads.example", in: filter) == .blocked(.list(0), .zero))
    #expect(try Self.verdict("typed.example", .aaaa, in: filter) == .blocked(.list(2), .zero))
    #expect(try Self.verdict("typed.example", in: filter) == .passed)
    #expect(try Self.verdict("other.example", .aaaa, in: filter) == .passed)
    #expect(try Self.verdict("other.example", in: filter) == .blocked(.list(2), .zero))
    #expect(try Self.verdict("mine.example", in: filter) == .blocked(.list(2), .zero))
    #expect(try Self.verdict("mine.example", from: "192.0.2.77", in: filter) == .passed)
    #expect(try Self.verdict("free.open.example", in: filter) == .passed)
    #expect(
      try Self.verdict("x.open.example", in: filter)
        == .blocked(.list(3), .addresses(v4: IPAddress("192.0.2.80"), v6: nil)))
  }

  @Test func `only the lists of a group count, and what is protected is in none`() throws {
    let filter = try Self.filter(
      [Entry("a.example", list: 0), Entry("b.example", list: 1), Entry("host.lan", list: 1)],
      rules: [Self.rule(.protect, "lan", from: .builtIn)])
    defer { filter.destroy() }
    filter.value.setGroups([NameFilter.GroupRules(lists: 2, answer: .nxDomain)])
    #expect(try Self.verdict("a.example", in: filter) == .passed)
    #expect(try Self.verdict("b.example", in: filter) == .blocked(.list(1), .nxDomain))
    #expect(try Self.verdict("host.lan", in: filter) == .passed)
  }

  @Test func `a pause lets all pass but safe search`() throws {
    let filter = try Self.filter(
      [Entry("a.example")],
      rules: [
        Self.rule(.deny, "b.example"),
        Self.rule(.alias(try Name("safe.example")), "search.example"),
      ])
    defer { filter.destroy() }
    filter.value.isPaused = true
    #expect(try Self.verdict("a.example", in: filter) == .passed)
    #expect(try Self.verdict("b.example", in: filter) == .passed)
    #expect(try Self.verdict("search.example", in: filter) == .alias(try Name("safe.example")))
  }
}
