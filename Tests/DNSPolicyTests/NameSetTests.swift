import DNSWire
import Memory
import Randomness
import Testing

@testable import DNSPolicy

@Suite("Sets of names")
struct NameSetTests {
  private static func hasher(_ random: inout SplitMix64) -> NameHasher {
    NameHasher(random.next(), random.next())
  }

  private static func wire(_ text: String) throws -> [UInt8] { try Name(text).lowercased.wire }

  private static func entry(_ text: String, _ kind: NameSet.Kind, _ hasher: NameHasher) throws
    -> UInt64
  {
    let wire = try wire(text)
    return hasher.hash(wire.span) | kind.rawValue
  }

  private static func set(
    _ entries: [(String, NameSet.Kind, list: Int)], _ hasher: NameHasher
  ) throws -> Pinned<NameSet> {
    let set = Pinned(NameSet(capacity: entries.count, hasher: hasher))
    while !set.value.prepare(words: 3) {}
    set.value.note(mostLabels: 8)
    for (text, kind, list) in entries {
      let isThere = set.value.insert(try entry(text, kind, hasher), list: list)
      #expect(isThere)
    }
    return set
  }

  private static func find(_ text: String, in set: Pinned<NameSet>) throws -> NameSet.Found {
    let wire = try wire(text)
    return set.value.find(wire.span)
  }

  private static func blocking(_ lists: UInt16) -> NameSet.Found {
    var found = NameSet.Found()
    found.blocking = lists
    return found
  }

  @Test func `a name, those below it, or both are in a list`() throws {
    var random = SplitMix64(seed: 1)
    let set = try Self.set(
      [
        ("exact.example", .itself, 0), ("below.example", .below, 1),
        ("all.example", [.itself, .below], 2),
      ], Self.hasher(&random))
    #expect(try Self.find("exact.example", in: set) == Self.blocking(1))
    #expect(try Self.find("www.exact.example", in: set).isEmpty)
    #expect(try Self.find("below.example", in: set).isEmpty)
    #expect(try Self.find("a.b.below.example", in: set) == Self.blocking(2))
    #expect(try Self.find("all.example", in: set) == Self.blocking(4))
    #expect(try Self.find("x.all.example", in: set) == Self.blocking(4))
    #expect(try Self.find("example", in: set).isEmpty)
    #expect(try Self.find(".", in: set).isEmpty)
    #expect(try Self.find("xall.example", in: set).isEmpty)
  }

  @Test func `what several lists say is found at once`() throws {
    var random = SplitMix64(seed: 2)
    let set = try Self.set(
      [
        ("ads.example", [.itself, .below], 0), ("ads.example", [.itself, .below], 15),
        ("ads.example", .itself, 3), ("good.ads.example", [.itself, .below, .exception], 1),
        ("odd.ads.example", [.itself, .hasDetails], 7),
      ], Self.hasher(&random))
    #expect(set.value.count == 4)
    var found = Self.blocking(0x8001)
    #expect(try Self.find("x.ads.example", in: set) == found)
    found.excepting = 2
    #expect(try Self.find("good.ads.example", in: set) == found)
    found.excepting = 0
    found.detailed = 1 << 7
    #expect(try Self.find("odd.ads.example", in: set) == found)
    #expect(try Self.find("ads.example", in: set) == Self.blocking(0x8009))
  }

  @Test func `more than was reserved finds no room, and all else is found`() throws {
    var random = SplitMix64(seed: 3)
    let hasher = Self.hasher(&random)
    let set = Pinned(NameSet(capacity: 2, hasher: hasher))
    defer { set.destroy() }
    while !set.value.prepare(words: 1_000) {}
    set.value.note(mostLabels: 2)
    var added: [Bool] = []
    for (text, list) in [("a.example", 0), ("b.example", 0), ("c.example", 0), ("b.example", 1)] {
      added.append(set.value.insert(try Self.entry(text, .itself, hasher), list: list))
    }
    #expect(added == [true, true, false, true])
    #expect(try Self.find("b.example", in: set) == Self.blocking(3))
    #expect(try Self.find("c.example", in: set).isEmpty)
  }

  @Test(arguments: SplitMix64.fixedSeeds(4))
  func `it says what a table of names says`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let hasher = Self.hasher(&random)
    let labels = ["a", "b", "tracker", "averyveryverylonglabelthatgoeson", "x1", "com", "net"]
    func name() -> String {
      (0..<random.number(1...5)).map { _ in random.oneOf(labels) }.joined(separator: ".")
    }
    var model: [String: [(NameSet.Kind, Int)]] = [:]
    var entries: [(String, NameSet.Kind, list: Int)] = []
    for _ in 0..<400 {
      let kind = random.oneOf([NameSet.Kind.itself, .below, [.itself, .below]])
      let text = name()
      let list = random.number(0...15)
      entries.append((text, kind, list))
      model[text, default: []].append((kind, list))
    }
    entries.sort { (try? Self.entry($0.0, $0.1, hasher) < Self.entry($1.0, $1.1, hasher)) ?? false }
    let set = try Self.set(entries, hasher)
    defer { set.destroy() }
    for _ in 0..<2_000 {
      let asked = name()
      var lists: UInt16 = 0
      var rest = Substring(asked)
      while true {
        let wanted: NameSet.Kind = rest.count == asked.count ? .itself : .below
        for (kind, list) in model[String(rest)] ?? [] where kind.contains(wanted) {
          lists |= 1 << UInt16(list)
        }
        guard let dot = rest.firstIndex(of: ".") else { break }
        rest = rest[rest.index(after: dot)...]
      }
      #expect(try Self.find(asked, in: set) == Self.blocking(lists), "\(asked)")
    }
  }

  @Test func `it takes at most twelve octets a name`() {
    let set = Pinned(NameSet(capacity: 2_500_000, hasher: NameHasher(1, 2)))
    defer { set.destroy() }
    #expect(Double(set.value.octets) / 2_500_000 < 12)
  }

  @Test func `a list's details come back as they were written`() throws {
    var details = ListDetails(hash: 0x1234_5678_9ABC_DEF0, kind: [.itself, .exception])
    details.isImportant = true
    details.types = [.a, .https]
    details.exceptsTypes = true
    details.clients = try [
      #require(IPNetwork("192.0.2.0/24")), #require(IPNetwork("2001:db8::1/128")),
    ]
    details.exempt = [0x10, 0xFFFF_FFFF_FFFF_FFF0]
    for answer in [
      nil, BlockAnswer.zero, .nxDomain, .noData, .refused, .drop, .truncated,
      .addresses(v4: IPAddress("192.0.2.1"), v6: nil), .alias(try Name("other.example")),
    ] {
      details.answer = answer
      var octets: [UInt8] = [1]
      details.encode(into: &octets)
      var position = 1
      #expect(Self.details(in: octets, at: &position) == details)
      #expect(position == octets.count)
      // Cut anywhere it is nothing, and traps nowhere.
      for count in 1..<octets.count {
        let part = Array(octets[..<count])
        var position = 1
        #expect(Self.details(in: part, at: &position) == nil)
      }
    }
  }

  private static func details(in octets: [UInt8], at position: inout Int) -> ListDetails? {
    ListDetails(from: octets.span, at: &position)
  }

  private static func read(_ octets: [UInt8]) -> CompiledList? { CompiledList(octets.span) }

  @Test func `a compiled list's beginning is known again, and a changed octet seen`() {
    var list = CompiledList()
    list.key = 7
    list.source = CompiledList.Source(size: 1, changed: 2, number: 3)
    list.entries = 12
    list.checksum = .max
    let octets = list.encoded
    #expect(Self.read(octets) == list)
    for index in octets.indices {
      var other = octets
      other[index] ^= 0x40
      #expect(Self.read(other) == nil)
    }
    #expect(Self.read(octets.dropLast()) == nil)
  }
}
