import DNSWire
import Memory
import Randomness
import Testing

@testable import DNSPolicy

@Suite("The LAN's own names")
struct LocalDataTests {
  /// A record as the model has it.
  private struct Entry: Hashable {
    var name: Name
    var type: RecordType
    var data: [UInt8]
    var isDerived: Bool
  }

  private struct Held {
    var entry: Entry
    var line: Int
    var order: Int
  }

  /// What each source has, said simply.
  private struct Model {
    var sources: [[Held]] = [[], [], [], [], []]
    static let kinds: [LocalSource.Kind] = [.records, .zone, .hosts, .leases, .hosts]
    var order = 0

    /// How good a record's source is.
    func standing(_ source: Int, _ held: Held) -> Int {
      Int(Model.kinds[source].rawValue) + (held.entry.isDerived ? 4 : 0)
    }

    func all(_ name: Name) -> [(source: Int, held: Held)] {
      sources.indices.flatMap { source in
        sources[source].filter { $0.entry.name == name }.map { (source, $0) }
      }
    }

    func given(_ name: Name, _ type: RecordType) -> [[UInt8]] {
      let all = all(name)
      guard let best = all.map({ standing($0.source, $0.held) }).min() else { return [] }
      let good = all.filter { standing($0.source, $0.held) == best && $0.held.entry.type == type }
      if best < 4 { return good.map(\.held).sorted { $0.order < $1.order }.map(\.entry.data) }
      let first = good.min { ($0.source, $0.held.line) < ($1.source, $1.held.line) }
      return first.map { [$0.held.entry.data] } ?? []
    }

    var names: Set<Name> { Set(sources.joined().map(\.entry.name)) }

    func place(_ name: Name) -> String {
      let names = names
      if names.contains(name) { return "name \(name)" }
      if names.contains(where: { $0.isSubdomain(of: name) }) { return "between" }
      var parent = name.parent
      while let encloser = parent, encloser.labelCount > 0 {
        if names.contains(where: { $0.isSubdomain(of: encloser) }) {
          let wildcard = names.first { $0 == (try? Name("*.\(encloser)")) }
          if let wildcard { return "wildcard \(wildcard)" }
          // A wildcard that has only names below it is there, and has no data.
          let isThere = names.contains { name in
            (try? Name("*.\(encloser)")).map { name.isSubdomain(of: $0) } ?? false
          }
          return isThere ? "wildcard nothing" : "unknown"
        }
        parent = encloser.parent
      }
      return "unknown"
    }
  }

  private func name(_ random: inout SplitMix64) -> Name {
    let labels = ["a", "b", "*", "long-label-of-a-host"]
    let count = Int.random(in: 1...4, using: &random)
    let text = (0..<count).map { _ in labels.randomElement(using: &random) ?? "a" }
    return (try? Name(text.joined(separator: ".") + ".lan")) ?? .root
  }

  private func records(_ data: borrowing LocalData, _ name: LocalName, _ type: RecordType)
    -> [[UInt8]]
  {
    var found: [[UInt8]] = []
    var records = data.records(of: name, type)
    while !records.isEmpty {
      let octets = data.data(of: records)
      found.append(octets.indices.map { octets[$0] })
      data.advance(&records)
    }
    return found
  }

  private func text(_ data: borrowing LocalData, _ name: LocalName) -> String {
    let wire = data.name(of: name)
    return (try? Name(wire: wire))?.description ?? "?"
  }

  @Test(arguments: SplitMix64.fixedSeeds(20))
  func `what is read and read again is what a simple model has`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var data = LocalData(octets: 1 << 20, seed: HashSeed(seed, 77))
    var model = Model()
    for (index, kind) in Model.kinds.enumerated() {
      data.setKind(kind, of: try #require(LocalSource.ID(index: index)))
    }
    for _ in 0..<60 {
      // A source is read anew: some of what it had, and something new.
      let source = Int.random(in: 0..<Model.kinds.count, using: &random)
      let id = try #require(LocalSource.ID(index: source))
      data.beginReading(id)
      var kept: [Held] = []
      var line = 0
      var entries = model.sources[source].filter { _ in Bool.random(using: &random) }.map(\.entry)
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        entries.append(
          Entry(
            name: name(&random), type: Bool.random(using: &random) ? .a : .ptr,
            data: [192, 168, 0, UInt8.random(in: 0...3, using: &random)],
            isDerived: Int.random(in: 0...3, using: &random) == 0))
      }
      entries.shuffle(using: &random)
      for entry in entries {
        line += 1
        let wire = entry.name.wire
        _ = data.add(
          LocalRecord(
            wire.span, entry.type, data: entry.data.span, line: line, isDerived: entry.isDerived),
          from: id)
        if kept.contains(where: { $0.entry == entry }) { continue }
        if var old = model.sources[source].first(where: { $0.entry == entry }) {
          old.line = line
          kept.append(old)
        } else {
          model.order += 1
          kept.append(Held(entry: entry, line: line, order: model.order))
        }
      }
      model.sources[source] = kept
      var cursor = 0
      while !data.removeUnread(of: id, from: &cursor, buckets: 3) {}

      #expect(data.nameCount == model.names.count)
      #expect(data.recordCount == model.sources.joined().count)
      for _ in 0..<30 {
        let name = name(&random)
        let wire = name.wire
        switch data.place(of: wire.span) {
        case .name(let found):
          #expect(model.place(name) == "name \(text(data, found))")
          for type in [RecordType.a, .ptr] {
            #expect(records(data, found, type) == model.given(name, type), "\(name) \(type)")
          }
        case .wildcard(let found):
          let expected = model.place(name)
          #expect(expected == "wildcard \(text(data, found))" || expected == "wildcard nothing")
        case .emptyNonTerminal: #expect(model.place(name) == "between", "\(name)")
        case .unknown, .outside: #expect(model.place(name) == "unknown", "\(name)")
        }
      }
    }
    for source in Model.kinds.indices {
      let id = try #require(LocalSource.ID(index: source))
      data.beginReading(id)
      var cursor = 0
      while !data.removeUnread(of: id, from: &cursor, buckets: 5) {}
    }
    #expect(data.nameCount == 0 && data.recordCount == 0 && data.blockOctets == 0)
  }

  @Test func `a full memory refuses, and keeps what it has`() throws {
    var data = LocalData(octets: 64 << 10, seed: HashSeed(3, 5))
    let source = try #require(LocalSource.ID(index: 0))
    var taken = 0
    for host in 0..<5_000 {
      let wire = try Name("host\(host).lan").wire
      if case .added = data.add(
        LocalRecord(wire.span, .a, data: [10, 0, 0, 1].span, line: host + 1), from: source)
      {
        taken += 1
      }
    }
    #expect(taken > 500 && taken < 5_000)
    #expect(data.nameCount == taken && data.recordCount == taken)
    let first = try Name("host0.lan").wire
    #expect(data.find(first.span) != nil)
  }

  @Test func `a name has so many records, and no more`() throws {
    var data = LocalData(octets: 1 << 20, seed: HashSeed(3, 5))
    let source = try #require(LocalSource.ID(index: 0))
    let wire = try Name("many.lan").wire
    for host in 0..<300 {
      let added = data.add(
        LocalRecord(
          wire.span, .a, data: [10, 0, UInt8(host / 256), UInt8(host % 256)].span, line: host + 1),
        from: source)
      if host < LocalData.recordsPerName {
        guard case .added = added else { throw TestFailure("\(host): \(added)") }
      } else {
        guard case .tooMany = added else { throw TestFailure("\(host): \(added)") }
      }
    }
  }

  private struct TestFailure: Error {
    init(_ text: String) {}
  }
}
