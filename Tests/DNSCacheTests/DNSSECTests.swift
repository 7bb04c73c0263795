import DNSCache
import DNSWire
import Testing

@Suite("DO, CD and AD (RFC 3225, RFC 4035 §3.2, RFC 6840 §5.7)")
struct DNSSECTests {
  static let name = "www.example.net."

  static func signature(
    _ owner: String, of type: RecordType, labels: Int = 3, ttl: Int = 300, key: String = "AAAA"
  ) -> String {
    "\(owner) \(ttl) RRSIG \(type) 13 \(labels) 300 20271231000000 20260101000000 4711 example.net. "
      + key
  }

  static let nsec = "w.example.net. 300 NSEC x.example.net. A RRSIG NSEC"
  static let proof = [nsec, signature("w.example.net.", of: .nsec)]

  /// A signed address.
  static func signed(flags: RRsetFlags = [], octets: Int = 1 << 22) -> Lab {
    let lab = Lab(octets: octets)
    lab.insert("\(name) 300 A 192.0.2.1", flags: flags, signatures: [signature(name, of: .a)])
    return lab
  }

  // MARK: Which data will do

  static let allMarks: [RRsetFlags] = [
    [], .withoutDNSSEC, .unchecked, [.withoutDNSSEC, .unchecked],
  ]
  static let allNeeds: [QueryFlags] = [
    [], .signatures, .unchecked, [.signatures, .unchecked], [.signatures, .allowUnsigned],
  ]

  @Test(arguments: allMarks, allNeeds)
  func `data serves those whose flags it meets`(flags: RRsetFlags, queryFlags: QueryFlags) {
    let lab = Lab()
    lab.insert("\(Self.name) 300 A 192.0.2.1", flags: flags)
    lab.insertNegative(Self.name, .mx, soa: SnapshotTests.soa, flags: flags)
    lab.insertNegative("none.example.net.", nil, soa: SnapshotTests.soa, flags: flags)
    let isSigned =
      !queryFlags.contains(.signatures) || queryFlags.contains(.allowUnsigned)
      || !flags.contains(.withoutDNSSEC)
    let isChecked = queryFlags.contains(.unchecked) || !flags.contains(.unchecked)
    for (name, type) in [
      (Self.name, RecordType.a), (Self.name, .mx), ("none.example.net.", .a),
    ] {
      #expect(lab.ask(name, type, queryFlags).isMissing == !(isSigned && isChecked))
    }
  }

  @Test(arguments: allMarks, allNeeds)
  func `hosts in Additional are held to the same`(flags: RRsetFlags, queryFlags: QueryFlags) {
    let lab = Lab()
    lab.insert("example.net. 300 MX 10 \(Self.name)")
    lab.insert("\(Self.name) 300 A 192.0.2.1", flags: flags)
    let isThere = !lab.ask("example.net.", .mx, queryFlags).additional.isEmpty
    // What nobody checked is no help to anybody.
    let isOfUse = !flags.contains(.unchecked) && !lab.ask(Self.name, .a, queryFlags).isMissing
    #expect(isThere == isOfUse)
  }

  @Test func `signatures and proofs are for those who want them`() {
    let lab = Lab()
    lab.insert(
      "\(Self.name) 300 A 192.0.2.1", signatures: [Self.signature(Self.name, of: .a, labels: 2)],
      proof: Self.proof)
    let plain = lab.ask(Self.name, .a)
    #expect(plain.answers == ["www.example.net. 300 IN A 192.0.2.1"])
    #expect(plain.authority.isEmpty)
    let signed = lab.ask(Self.name, .a, .signatures)
    #expect(signed.message.answers.map(\.type) == [.a, .rrsig])
    #expect(signed.message.authority.map(\.type) == [.nsec, .rrsig])
    #expect(signed.bytes.count > plain.bytes.count)
  }

  @Test func `TTLs of signatures and proofs age, the original TTL does not`() throws {
    let lab = Lab()
    lab.insert(
      "\(Self.name) 300 A 192.0.2.1", signatures: [Self.signature(Self.name, of: .a)],
      proof: Self.proof)
    let young = lab.ask(Self.name, .a, .signatures).message
    lab.pass(100)
    let old = lab.ask(Self.name, .a, .signatures).message
    for (before, after) in [(young.answers, old.answers), (young.authority, old.authority)] {
      #expect(before.count == 2 && before.map(\.rdata) == after.map(\.rdata))
      #expect(before.map(\.ttl) == [300, 300] && after.map(\.ttl) == [200, 200])
    }
    lab.pass(200)
    #expect(lab.ask(Self.name, .a, .signatures).isMissing)
  }

  // MARK: AD

  @Test func `an answer is authentic when all of it came with AD`() {
    for (alias, target, negative) in [
      (true, true, true), (true, false, true), (false, true, true), (false, false, false),
      (true, true, false),
    ] {
      func flags(_ isAuthentic: Bool) -> RRsetFlags { isAuthentic ? .authentic : [] }
      let lab = Lab()
      lab.insert("\(Self.name) 300 CNAME a.example.net.", flags: flags(alias))
      lab.insert("a.example.net. 300 A 192.0.2.1", flags: flags(target))
      lab.insertNegative("a.example.net.", .mx, soa: SnapshotTests.soa, flags: flags(negative))
      #expect(lab.ask(Self.name, .a).isAuthentic == (alias && target))
      #expect(lab.ask(Self.name, .mx).isAuthentic == (alias && negative))
      #expect(lab.ask(Self.name, .cname).isAuthentic == alias)
      #expect(lab.ask("a.example.net.", .a).isAuthentic == target)
      #expect(lab.ask("a.example.net.", .mx).isAuthentic == negative)
    }
  }

  // MARK: What replaces what

  struct Rivals: Sendable, CustomTestStringConvertible {
    var old: Rank
    var oldMarks: RRsetFlags = []
    var new: Rank
    var newMarks: RRsetFlags = []
    var isReplaced: Bool
    var testDescription: String {
      "\(old.word) \(oldMarks.words) by \(new.word) \(newMarks.words)"
    }
  }

  static let rivals = [
    // Signatures outweigh AA.
    Rivals(old: .authoritativeAnswer, oldMarks: .withoutDNSSEC, new: .answer, isReplaced: true),
    Rivals(old: .answer, new: .authoritativeAnswer, newMarks: .withoutDNSSEC, isReplaced: false),
    Rivals(old: .answer, new: .answer, newMarks: .withoutDNSSEC, isReplaced: false),
    Rivals(old: .aliasedAnswer, new: .aliasedAnswer, newMarks: .withoutDNSSEC, isReplaced: false),
    // But what an alias led to does not replace what was asked for by its name.
    Rivals(old: .answer, oldMarks: .withoutDNSSEC, new: .aliasedAnswer, isReplaced: false),
    Rivals(old: .aliasedAnswer, new: .answer, newMarks: .withoutDNSSEC, isReplaced: true),
    // Nothing helps what is no answer.
    Rivals(old: .answer, oldMarks: .withoutDNSSEC, new: .additional, isReplaced: false),
    Rivals(old: .additional, new: .answer, newMarks: .withoutDNSSEC, isReplaced: true),
    Rivals(old: .additional, oldMarks: .withoutDNSSEC, new: .additional, isReplaced: false),
  ]

  @Test(arguments: rivals)
  func `better data stays`(rivals: Rivals) {
    let lab = Lab()
    lab.insert("\(Self.name) 300 A 192.0.2.1", rank: rivals.old, flags: rivals.oldMarks)
    let insertion = lab.insert(
      "\(Self.name) 300 A 192.0.2.2", rank: rivals.new, flags: rivals.newMarks)
    #expect(insertion == (rivals.isReplaced ? .stored : .outranked))
    #expect(lab.cache.setCount == 1)
    #expect(lab.names(for: "192.0.2.2") == (rivals.isReplaced ? [Self.name] : []))
  }

  @Test func `what was fetched with CD lies beside what was not`() {
    let lab = Lab()
    lab.insert("\(Self.name) 300 A 192.0.2.1")
    lab.insert("\(Self.name) 300 A 192.0.2.66", flags: .unchecked)
    lab.insertNegative(Self.name, nil, soa: SnapshotTests.soa, flags: .unchecked)
    #expect(lab.cache.setCount == 2, "the negative fact contradicts its like alone")
    #expect(lab.ask(Self.name, .a).answers == ["www.example.net. 300 IN A 192.0.2.1"])
    lab.insert("\(Self.name) 300 CNAME a.example.net.", flags: .unchecked)
    #expect(lab.ask(Self.name, .a).answers == ["www.example.net. 300 IN A 192.0.2.1"])
    lab.cache._checkInvariants()
    let other = SnapshotTests.restarted(lab)
    #expect(other.restore(lab.snapshot()).isComplete)
    #expect(other.contents() == lab.contents())
    other.cache._checkInvariants()
  }

  @Test func `addresses that nobody checked have no names`() {
    let lab = Lab()
    lab.insert("\(Self.name) 300 A 192.0.2.66", flags: .unchecked)
    #expect(lab.names(for: "192.0.2.66").isEmpty)
    lab.insert("\(Self.name) 300 A 192.0.2.1")
    #expect(lab.names(for: "192.0.2.1") == [Self.name])
    lab.cache._checkInvariants()
    lab.pass(301)
    while !lab.cache.sweep(names: 10, now: lab.now) {}
    #expect(lab.cache.nameCount == 0 && lab.cache.addressCount == 0)
    lab.cache._checkInvariants()
  }

  // MARK: Room

  @Test func `signatures and proof count among the octets of an RRset`() {
    let lab = Lab()
    let signatures = (0..<6).map {
      Self.signature(Self.name, of: .a, key: String(repeating: "\($0)AAA", count: 1_024))
    }
    lab.insert("\(Self.name) 300 A 192.0.2.1", signatures: signatures)
    #expect(lab.ask(Self.name, .a).isMissing && lab.cache.counters.largeSets == 1)
    #expect(lab.ask(Self.name, .a, .signatures, waiting: true).message.answers.count == 7)
    lab.insertNegative(
      Self.name, .mx, soa: SnapshotTests.soa,
      signatures: signatures.map { $0.replacing("RRSIG A", with: "RRSIG SOA") })
    #expect(lab.ask(Self.name, .mx).isMissing && lab.cache.counters.largeSets == 2)
    lab.dropOverlays()
    lab.cache._checkInvariants()
    #expect(lab.cache.nameCount == 0)
  }

  @Test func `an answer that does not fit with its signature is cut`() {
    let lab = Self.signed()
    let whole = lab.ask(Self.name, .a, .signatures)
    #expect(whole.outcome == .written(.noError, truncated: false))
    for limit in 33..<whole.bytes.count {
      let reply = lab.ask(Self.name, .a, .signatures, limit: limit)
      #expect(reply.outcome == .written(.noError, truncated: true) && reply.answers.isEmpty)
    }
    // Without, half the room is enough.
    #expect(
      lab.ask(Self.name, .a, limit: 49).outcome == .written(.noError, truncated: false))
  }

  @Test func `a proof that does not fit is left out whole, with TC`() {
    let lab = Lab()
    lab.insertNegative(
      "none.example.net.", nil, soa: SnapshotTests.soa,
      signatures: [Self.signature("example.net.", of: .soa, labels: 2)], proof: Self.proof)
    let whole = lab.ask("none.example.net.", .a, .signatures)
    #expect(whole.message.authority.map(\.type) == [.soa, .rrsig, .nsec, .rrsig])
    for limit in 40..<whole.bytes.count {
      let reply = lab.ask("none.example.net.", .a, .signatures, limit: limit)
      #expect(reply.outcome == .written(.nxDomain, truncated: true))
      #expect([0, 2].contains(reply.authority.count))
    }
  }

  @Test func `signatures of hosts in Additional give way first`() {
    let lab = Self.signed()
    lab.insert("example.net. 300 MX 10 \(Self.name)")
    let whole = lab.ask("example.net.", .mx, .signatures)
    #expect(whole.message.additional.map(\.type) == [.a, .rrsig])
    let less = lab.ask("example.net.", .mx, .signatures, limit: whole.bytes.count - 1)
    #expect(less.message.additional.map(\.type) == [.a])
    #expect(less.outcome == .written(.noError, truncated: false))
  }

  // MARK: Rotation

  @Test(arguments: [1, 2, 3, 7, 60])
  func `each record comes first equally often`(count: Int) {
    let lab = Lab()
    lab.cache.rotates = true
    lab.insert((0..<count).map { "\(Self.name) 300 A 192.0.2.\($0)" })
    lab.insert((0..<count).map { "\(Self.name) 300 TXT \"\($0)\"" })
    var firsts: [[UInt8]: Int] = [:]
    let whole = Set(lab.ask(Self.name, .a).answers)
    for _ in 0..<count * 10 {
      for type in [RecordType.a, .txt] {
        let answers = lab.ask(Self.name, type).message.answers
        #expect(answers.count == count)
        if let first = answers.first { firsts[first.rdata, default: 0] += 1 }
      }
      #expect(Set(lab.ask(Self.name, .a).answers) == whole)
    }
    #expect(firsts.count == 2 * count)
    for times in firsts.values { #expect((5...15).contains(times)) }
  }

  @Test func `without rotation the order stays`() {
    let lab = Lab()
    lab.insert(["\(Self.name) 300 A 192.0.2.1", "\(Self.name) 300 A 192.0.2.2"])
    let first = lab.ask(Self.name, .a).answers
    for _ in 0..<10 { #expect(lab.ask(Self.name, .a).answers == first) }
  }
}
