import DNSCache
import DNSWire
import Randomness
import Testing

@Suite("Damaged and hostile snapshots (docs/snapshot.md)")
struct SnapshotDamageTests {
  @Test func `cut at the end of a block it is incomplete, not damaged`() {
    let lab = SnapshotTests.random(1, names: 3_000)
    let blocks = lab.snapshotBlocks()
    #expect(blocks.count > 5)
    for count in 1..<blocks.count {
      let other = SnapshotTests.restarted(lab)
      let result = other.restore(blocks[..<count].flatMap { $0 })
      #expect(!result.isComplete)
      #expect(result.blocks == count && result.damaged == 0)
    }
  }

  @Test func `cut anywhere it costs the block that was cut`() {
    var random = SplitMix64(seed: 2)
    let lab = SnapshotTests.random(1, names: 3_000)
    let blocks = lab.snapshotBlocks()
    let file = blocks.flatMap { $0 }
    for _ in 0..<40 {
      let cut = Int.random(in: 1..<file.count, using: &random)
      let other = SnapshotTests.restarted(lab)
      let result = other.restore(Array(file[..<cut]))
      var whole = 0
      var octets = 0
      while whole < blocks.count, octets + blocks[whole].count <= cut {
        octets += blocks[whole].count
        whole += 1
      }
      #expect(!result.isComplete && !result.notASnapshot)
      #expect(result.blocks == whole)
      #expect(result.damaged == (octets == cut ? 0 : 1))
      other.cache._checkInvariants()
    }
  }

  @Test func `each octet of a small file may be wrong`() {
    let lab = SnapshotTests.filled()
    // Two blocks of names, so that the other one must come back.
    let blocks = lab.snapshotBlocks()
    let more = Lab()
    more.insert("z.example.net. 300 A 192.0.2.200")
    let second = more.snapshotBlocks()[1]
    let file = blocks[0] + blocks[1] + second + blocks[2]
    let firstNames = blocks[0].count..<blocks[0].count + blocks[1].count
    let secondNames = firstNames.upperBound..<firstNames.upperBound + second.count
    for index in file.indices {
      for change in [0x01, 0x80, 0xFF] as [UInt8] {
        var damaged = file
        damaged[index] ^= change
        let other = SnapshotTests.restarted(lab)
        let result = other.restore(damaged)
        #expect(!result.isComplete)
        #expect(result.damaged == 1 && result.unknownVersion == nil && !result.notASnapshot)
        #expect(
          result.restored == (firstNames.contains(index) ? 1 : secondNames.contains(index) ? 9 : 10)
        )
      }
    }
  }

  @Test func `each octet may be missing or doubled`() {
    let lab = SnapshotTests.filled()
    let file = lab.snapshot()
    for index in file.indices {
      var shorter = file
      shorter.remove(at: index)
      var longer = file
      longer.insert(file[index], at: index)
      for damaged in [shorter, longer] {
        let other = SnapshotTests.restarted(lab)
        let result = other.restore(damaged)
        // What follows the end is not looked at.
        #expect(!result.isComplete || Array(damaged.prefix(file.count)) == file)
        #expect([0, 9].contains(result.restored))
        other.cache._checkInvariants()
      }
    }
  }

  @Test func `octets between blocks are passed over`() {
    let lab = SnapshotTests.filled()
    let blocks = lab.snapshotBlocks()
    for octets in [1, 7, 100, 70_000] {
      let junk = [UInt8](repeating: 0x89, count: octets)
      let other = SnapshotTests.restarted(lab)
      let result = other.restore(blocks[0] + junk + blocks[1] + junk + blocks[2])
      #expect(result.restored == 9 && result.damaged == 2 && !result.isComplete)
    }
  }

  @Test func `a block that is missing is noticed by the totals`() {
    let lab = SnapshotTests.random(1, names: 3_000)
    var blocks = lab.snapshotBlocks()
    blocks.remove(at: 2)
    let result = SnapshotTests.restarted(lab).restore(blocks.flatMap { $0 })
    #expect(!result.isComplete && result.damaged == 0)
    blocks.removeFirst()
    #expect(!SnapshotTests.restarted(lab).restore(blocks.flatMap { $0 }).isComplete)
  }

  @Test func `what follows the end is not read`() {
    let lab = SnapshotTests.filled()
    let file = lab.snapshot()
    let result = SnapshotTests.restarted(lab).restore(file + file)
    #expect(result.isComplete && result.refused == 0)
  }

  @Test func `an empty file is incomplete and nothing else`() {
    let result = Lab().restore([])
    #expect(!result.isComplete && !result.notASnapshot && result.unknownVersion == nil)
    #expect(result.blocks == 0 && result.damaged == 0)
  }

  @Test func `other files are not snapshots`() {
    var random = SplitMix64(seed: 1)
    for count in [1, 8, 31, 32, 1_000, 65_536, 200_000] {
      let garbage = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      for file in [
        garbage, [UInt8](repeating: 0, count: count), [UInt8](repeating: 0x89, count: count),
      ] {
        let result = Lab().restore(file)
        if count == 1, file[0] == 0x89 { continue }
        #expect(result.notASnapshot && result.damaged == 0 && !result.isComplete)
      }
    }
  }

  @Test(arguments: [0, 1, 2, 6, 255] as [UInt8])
  func `a file of another version is left alone`(version: UInt8) {
    let start = SnapshotFile.block(kind: 0, entries: 0, version: version, [1, 2, 3])
    let lab = SnapshotTests.filled()
    let other = SnapshotTests.restarted(lab)
    let result = other.restore(start + lab.snapshot())
    #expect(result.unknownVersion == version)
    #expect(result.restored == 0 && !result.isComplete && !result.notASnapshot)
    #expect(other.cache.nameCount == 0)
  }

  @Test(
    arguments: [
      ([1, 97], 1), ([1, 97, 0], 2), ([1, 97, 0, 0], 1), ([0xC0, 0], 1),
      ([64] + Array(repeating: 97, count: 64) + [0], 1),
      // Out of order, and twice.
      ([1, 98, 0, 1, 97, 0], 2), ([1, 97, 0, 1, 97, 0], 2), ([1, 97, 0, 1, 65, 0], 2),
    ] as [([UInt8], Int)])
  func `an impossible domain of a route is damage, and costs its block alone`(
    payload: [UInt8], count: Int
  ) {
    let lab = Lab()
    let file =
      SnapshotFile.start(1, 0, 0) + SnapshotFile.block(kind: 3, entries: count, payload)
      + SnapshotFile.block(kind: 1, entries: 1, lab.wire("a.example.") + [1] + SnapshotFile.set())
      + SnapshotFile.end(1, 1, 1, 1)
    let result = lab.restore(file)
    #expect(result.damaged == 1 && result.restored == 1 && !result.isComplete)
  }

  @Test func `domains of routes behind names are damage`() {
    let lab = Lab()
    let names = SnapshotFile.block(
      kind: 1, entries: 1, lab.wire("a.example.") + [1] + SnapshotFile.set())
    let routes = SnapshotFile.block(kind: 3, entries: 1, lab.wire("lan."))
    let late = lab.restore(
      SnapshotFile.start(1, 0, 0) + names + routes + SnapshotFile.end(1, 1, 1, 1))
    #expect(late.damaged == 1 && late.restored == 1 && !late.isComplete)
    // One that can't be read wholly is a block of names, too.
    let cut = SnapshotFile.block(
      kind: 1, entries: 2, lab.wire("b.example.") + [1] + SnapshotFile.set())
    #expect(Lab().restore(SnapshotFile.start(1, 0, 0) + cut + routes).damaged == 2)
  }

  @Test func `a block of another version in the middle is damage`() {
    let lab = SnapshotTests.filled()
    let blocks = lab.snapshotBlocks()
    let strange = SnapshotFile.block(kind: 1, entries: 0, version: 9, [])
    let result = SnapshotTests.restarted(lab).restore(blocks[0] + strange + blocks[1] + blocks[2])
    #expect(result.unknownVersion == nil)
    #expect(result.damaged == 1 && result.restored == 9)
  }

  // MARK: Right checksums, wrong content

  static let name: [UInt8] = [1, 0x61, 0]

  static func restore(_ entry: [UInt8], entries: Int = 1, lab: Lab = Lab()) -> SnapshotReader.Result
  {
    let result = lab.restore(
      SnapshotFile.start + SnapshotFile.block(kind: 1, entries: entries, entry)
        + SnapshotFile.end(1, 1, 1, 1))
    lab.cache._checkInvariants()
    return result
  }

  @Test func `impossible servers are damage`() {
    let entry = Self.name + [1] + SnapshotFile.set(source: 1)
    let good = SnapshotFile.source([192, 0, 2, 1])
    let cases: [(what: String, sources: UInt8, octets: [UInt8], isFine: Bool)] = [
      ("as it should be", 1, good, true),
      ("a family that is none", 1, SnapshotFile.source(family: 5, [192, 0, 2, 1]), false),
      ("IPv4 with more octets", 1, SnapshotFile.source([1, 192, 0, 2, 1]), false),
      ("more than there are", 2, good, false),
      ("fewer than there are", 1, good + good, false),
      ("more than may be", 255, (0..<255).flatMap { _ in good }, false),
    ]
    for (what, sources, octets, isFine) in cases {
      let block = SnapshotFile.block(kind: 1, entries: 1, sources: sources, entry + octets)
      let lab = Lab()
      let result = lab.restore(SnapshotFile.start + block + SnapshotFile.end(1, 1, 1, 1))
      #expect(result.isComplete == isFine && (result.damaged == 0) == isFine, "\(what)")
      lab.cache._checkInvariants()
    }
    let start = SnapshotFile.block(
      kind: 0, entries: 0, sources: 1,
      SnapshotFile.number(65_536, octets: 4) + [UInt8](repeating: 0, count: 12))
    #expect(Lab().restore(start + SnapshotFile.end(0, 0, 0, 0)).damaged > 0)
  }

  @Test func `an entry as it should be is taken`() {
    let result = Self.restore(Self.name + [1] + SnapshotFile.set())
    #expect(result.isComplete && result.restored == 1)
  }

  /// The RDATA of a signature of an A record, by the root; twenty octets.
  static let signature: [UInt8] = [0, 1] + [UInt8](repeating: 0, count: 18)
  /// A record of proof.
  static let proof: [UInt8] = [1, 0x62, 0, 0, 47, 0, 4, 0, 0, 1, 0x40]

  @Test func `signatures and proof as they should be are taken`() {
    for set in [
      SnapshotFile.signedSet(signatures: [0, 20] + Self.signature),
      SnapshotFile.signedSet(proof: Self.proof + Self.proof),
      SnapshotFile.signedSet(
        signatures: [0, 20] + Self.signature, proof: Self.proof, rrsetFlags: 2 | 4 | 8 | 16),
    ] {
      let result = Self.restore(Self.name + [1] + set)
      #expect(result.isComplete && result.restored == 1)
    }
  }

  static let impossible: [(String, [UInt8])] = {
    let soa = (try? Record(SnapshotTests.soa))?.rdata ?? []
    func set(_ set: [UInt8]) -> [UInt8] { name + [1] + set }
    let negative: UInt8 = 1 | 4 << 2 | 1 << 5
    let nxDomain: UInt8 = 2 | 4 << 2 | 1 << 5
    return [
      ("upper-case name", [1, 0x41, 0, 1] + SnapshotFile.set()),
      ("pointer in the name", [1, 0x61, 0xC0, 0, 1] + SnapshotFile.set()),
      ("extended label", [0x41, 0x61, 0, 1] + SnapshotFile.set()),
      ("name without end", [63] + [UInt8](repeating: 0x61, count: 20)),
      (
        "name of 256 octets",
        (0..<4).flatMap { _ in [62] + [UInt8](repeating: 0x61, count: 62) } + [2, 0x61, 0x61, 0, 1]
          + SnapshotFile.set()
      ),
      ("no RRsets", name + [0]),
      ("no RRsets, used", name + [0x80]),
      ("101 RRsets", name + [101] + (1...101).flatMap { SnapshotFile.set(type: 300 + $0) }),
      ("fewer RRsets than said", name + [2] + SnapshotFile.set()),
      ("more octets than said", name + [1] + SnapshotFile.set() + [0]),
      ("type 0 with records", set(SnapshotFile.set(type: 0))),
      ("OPT", set(SnapshotFile.set(type: 41))),
      ("ANY", set(SnapshotFile.set(type: 255))),
      ("kind 3", set(SnapshotFile.set(flags: 3 | 4 << 2))),
      ("rank 0", set(SnapshotFile.set(flags: 0))),
      ("rank 6", set(SnapshotFile.set(flags: 6 << 2))),
      ("section 3", set(SnapshotFile.set(flags: 4 << 2 | 3 << 5))),
      ("a server's number that doesn't follow", set(SnapshotFile.set(flags: 4 << 2 | 0x80))),
      ("a server's number that is 0", set(SnapshotFile.set(source: 0))),
      ("a server that the block doesn't have", set(SnapshotFile.set(source: 1))),
      ("TTL 0", set(SnapshotFile.set(ttl: 0))),
      ("TTL with the top bit", set(SnapshotFile.set(ttl: 1 << 31))),
      ("no records", set(SnapshotFile.set(count: 0, data: []))),
      ("fewer records than said", set(SnapshotFile.set(count: 2))),
      (
        "more records than said", set(SnapshotFile.set(data: [0, 4, 1, 2, 3, 4, 0, 4, 1, 2, 3, 5]))
      ),
      ("length of a record beyond its data", set(SnapshotFile.set(data: [0, 5, 192, 0, 2, 1]))),
      ("half a length", set(SnapshotFile.set(data: [0, 4, 192, 0, 2, 1, 0]))),
      ("A of three octets", set(SnapshotFile.set(data: [0, 3, 192, 0, 2]))),
      ("AAAA of four octets", set(SnapshotFile.set(type: 28))),
      ("CNAME without end", set(SnapshotFile.set(type: 5, data: [0, 2, 1, 0x61]))),
      ("CNAME with a pointer", set(SnapshotFile.set(type: 5, data: [0, 2, 0xC0, 0]))),
      ("CNAME with more behind", set(SnapshotFile.set(type: 5, data: [0, 2, 0, 0]))),
      ("MX without a name", set(SnapshotFile.set(type: 15, data: [0, 2, 0, 1]))),
      ("SRV too short", set(SnapshotFile.set(type: 33, data: [0, 5, 0, 0, 0, 0, 0]))),
      (
        "no such type 0", set(SnapshotFile.set(type: 0, flags: negative, count: 0, data: [0] + soa))
      ),
      (
        "no such name with a type",
        set(SnapshotFile.set(type: 1, flags: nxDomain, count: 0, data: [0] + soa))
      ),
      ("negative without SOA", set(SnapshotFile.set(type: 0, flags: nxDomain, count: 0, data: []))),
      (
        "negative with half an SOA",
        set(SnapshotFile.set(type: 0, flags: nxDomain, count: 0, data: [0] + soa.dropLast()))
      ),
      (
        "negative with a count",
        set(SnapshotFile.set(type: 0, flags: nxDomain, count: 1, data: [0] + soa))
      ),
      (
        "zone within a label",
        set(SnapshotFile.set(type: 0, flags: nxDomain, count: 0, data: [1] + soa))
      ),
      (
        "zone behind the name",
        set(SnapshotFile.set(type: 0, flags: nxDomain, count: 0, data: [3] + soa))
      ),
      (
        "zone far behind the name",
        set(SnapshotFile.set(type: 0, flags: nxDomain, count: 0, data: [255] + soa))
      ),
      ("a security status that is not written yet", set(SnapshotFile.set(rrsetFlags: 1))),
      ("another one", set(SnapshotFile.set(rrsetFlags: 128))),
      ("evidence without any", set(SnapshotFile.signedSet())),
      ("evidence beyond the payload", set(SnapshotFile.set(rrsetFlags: 16))),
      ("evidence that is not announced", set(SnapshotFile.signedSet(proof: proof, rrsetFlags: 0))),
      ("half a signature", set(SnapshotFile.signedSet(signatures: [0, 30] + signature))),
      (
        "signature of another type",
        set(SnapshotFile.signedSet(signatures: [0, 20, 0, 2] + signature.dropFirst(2)))
      ),
      (
        "signature without a signer",
        set(SnapshotFile.signedSet(signatures: [0, 18] + signature.prefix(18)))
      ),
      ("upper-case owner in a proof", set(SnapshotFile.signedSet(proof: [1, 0x41] + proof[2...]))),
      ("proof without an end", set(SnapshotFile.signedSet(proof: proof.dropLast()))),
      ("proof of an A record", set(SnapshotFile.signedSet(proof: [0, 0, 1, 0, 4, 1, 2, 3, 4]))),
      (
        "proof by another signature",
        set(SnapshotFile.signedSet(proof: [0, 0, 46, 0, 20] + signature))
      ),
      (
        "25 records of proof", set(SnapshotFile.signedSet(proof: (1...25).flatMap { _ in proof }))
      ),
    ]
  }()

  @Test(arguments: impossible.indices)
  func `impossible entries are damage`(index: Int) {
    let (what, entry) = Self.impossible[index]
    let lab = Lab()
    let result = Self.restore(entry, lab: lab)
    #expect(result.damaged == 1 && !result.isComplete, "\(what)")
    #expect(lab.cache.nameCount <= 1, "\(what)")
    for type in [0, 1, 5, 6, 15, 28, 33, 255, 300] {
      _ = lab.ask(
        wire: Self.name, RecordType(rawValue: UInt16(type)), [.signatures, .unchecked],
        waiting: true)
    }
  }

  @Test func `the root zone is above every name`() {
    let soa = (try? Record(SnapshotTests.soa))?.rdata ?? []
    let lab = Lab()
    let result = lab.restore(
      SnapshotFile.start
        + SnapshotFile.block(
          kind: 1, entries: 1,
          Self.name + [1]
            + SnapshotFile.set(type: 0, flags: 2 | 4 << 2, count: 0, data: [2] + soa))
        + SnapshotFile.end(1, 1, 1, 0))
    #expect(result.isComplete && result.restored == 1)
    #expect(lab.ask(wire: Self.name, .a).message.authority.map(\.name) == [.root])
  }

  @Test func `entries before an impossible one stay`() {
    let lab = Lab()
    let result = Self.restore(
      Self.name + [1] + SnapshotFile.set() + Self.name + [0], entries: 2, lab: lab)
    #expect(result.damaged == 1 && result.restored == 1)
  }

  @Test func `wrong entry counts are damage`() {
    for entries in [0, 2, 1_000_000, 0xFFFF_FFFF] {
      #expect(Self.restore(Self.name + [1] + SnapshotFile.set(), entries: entries).damaged == 1)
    }
  }

  @Test func `records that come twice are kept once`() {
    let lab = Lab()
    let data = (0..<100).flatMap { _ in [0, 4, 192, 0, 2, 1] as [UInt8] }
    _ = Self.restore(Self.name + [1] + SnapshotFile.set(count: 100, data: data), lab: lab)
    #expect(lab.cache.recordCount == 1)
  }

  @Test func `a TTL that is longer than what was left, or shorter, prolongs nothing`() {
    for (ttl, expiry, expected) in [(300, 0xFFFF_FFFF, 300), (1 << 30, 1_800_000_050, 50)] {
      let lab = Lab()
      _ = Self.restore(
        Self.name + [1] + SnapshotFile.set(ttl: ttl, expiry: expiry), lab: lab)
      #expect(lab.ask(wire: Self.name, .a).message.answers.map(\.ttl) == [UInt32(expected)])
    }
  }

  @Test func `a file of nothing but frames comes to an end`() {
    // Each frame says that a whole block of 64 KiB follows, and all overlap.
    var frame = SnapshotFile.magic + [3, 0xFC, 1, 0]
    frame += SnapshotFile.number(65_504, octets: 4) + [UInt8](repeating: 0, count: 16)
    let file = (0..<12_000).flatMap { _ in frame }
    let result = Lab().restore(file)
    #expect(result.damaged == 4_096 && !result.isComplete)
  }

  @Test(arguments: SplitMix64.fixedSeeds(4))
  func `thousands of changes with right checksums do no harm`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let source = SnapshotTests.random(seed, names: 40)
    let blocks = source.snapshotBlocks()
    let lab = Lab(octets: 1 << 20)
    lab.wallClock = source.wallClock
    for step in 0..<1_500 {
      var names = blocks[1]
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        let index = Int.random(in: 12..<names.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: names[index] = UInt8.random(in: 0...255, using: &random)
        case 1: names[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2:
          names[index] =
            [0, 1, 0x3F, 0x40, 0x7F, 0x80, 0xC0, 0xFF].randomElement(using: &random) ?? 0
        case 3 where index > 40: names.removeSubrange(index..<min(index + 3, names.count))
        default:
          let from = Int.random(in: 32..<names.count, using: &random)
          names.insert(contentsOf: names[from..<min(from + 20, names.count)], at: max(index, 32))
        }
      }
      if step % 2 == 0 {
        names.replaceSubrange(12..<16, with: SnapshotFile.number(names.count - 32, octets: 4))
      }
      _ = lab.restore(blocks[0] + SnapshotFile.seal(names) + blocks[2])
      if step % 100 == 0 {
        lab.cache._checkInvariants()
        Self.askEverything(lab)
        lab.pass(60)
        _ = lab.cache.sweep(names: 1_000, now: lab.now)
      }
    }
    // Whatever came in can be written and read again.
    let other = SnapshotTests.restarted(lab)
    #expect(other.restore(lab.snapshot()).isComplete)
    #expect(other.contents() == lab.contents())
    #expect(lab.cache.octets <= 1 << 20)
  }

  /// Composes every answer there is; the lab stops when one can't be read.
  static func askEverything(_ lab: Lab) {
    guard let cursor = lab.openCursor() else { return }
    defer { lab.cache.closeCursor(cursor) }
    var found: [([UInt8], RecordType)] = []
    var name: [UInt8] = []
    while !lab.cache.walk(
      cursor, names: 100, now: lab.now,
      name: {
        name = QueueTests.name($0)
        return true
      }, { found.append((name, $0.type)) })
    {}
    for (name, type) in found {
      _ = lab.ask(wire: name, type, waiting: true)
      _ = lab.ask(wire: name, type, [.signatures, .unchecked], waiting: true)
      _ = lab.ask(wire: name, .a, limit: 100)
      _ = lab.ask(wire: name, .a, [.signatures, .unchecked, .allowUnsigned], limit: 300)
    }
  }
}
