import DNSCache
import DNSWire
import Testing

@Suite("Times to live (RFC 1035 §3.2.1, RFC 2181 §8)")
struct TimeToLiveTests {
  @Test func `a record is answered until its last second, with what is left`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 300 IN A 192.0.2.1"])
    lab.pass(299)
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 1 IN A 192.0.2.1"])
    lab.pass(1)
    #expect(lab.ask("a.example.net.", .a).isMissing)
  }

  @Test func `a long TTL is cut to the limit`() {
    let lab = Lab { $0.maximumTTL = 600 }
    lab.insert("a.example.net. 100000 A 192.0.2.1")
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 600 IN A 192.0.2.1"])
    lab.pass(600)
    #expect(lab.ask("a.example.net.", .a).isMissing)
  }

  @Test func `a short TTL is raised to the minimum, zero is not`() {
    let lab = Lab { $0.minimumTTL = 30 }
    lab.insert("a.example.net. 5 A 192.0.2.1")
    lab.insert("b.example.net. 0 A 192.0.2.2")
    #expect(lab.ask("a.example.net.", .a).answers == ["a.example.net. 30 IN A 192.0.2.1"])
    #expect(lab.ask("b.example.net.", .a).isMissing)
  }

  @Test(arguments: [0x8000_0000, 0x8000_003C, 0xFFFF_FFFF] as [UInt32])
  func `a TTL with its top bit set counts as zero`(ttl: UInt32) {
    let lab = Lab()
    lab.insert(wire: lab.wire("a.example.net."), .a, ttl: ttl, [[192, 0, 2, 1]])
    #expect(lab.ask("a.example.net.", .a).isMissing)
    #expect(lab.ask("a.example.net.", .a, waiting: true).answers.count == 1)
    lab.dropOverlays()
    #expect(lab.cache.nameCount == 0)
  }

  @Test func `a TTL of 31 bits counts`() {
    let lab = Lab { $0.maximumTTL = UInt32.max }
    lab.insert(wire: lab.wire("a.example.net."), .a, ttl: UInt32(Int32.max), [[192, 0, 2, 1]])
    #expect(lab.ask("a.example.net.", .a).message.answers[0].ttl == UInt32(Int32.max))
  }

  @Test func `a TTL of zero is used for the question at hand and then gone`() {
    let lab = Lab()
    lab.insert("a.example.net. 0 A 192.0.2.1")
    #expect(lab.ask("a.example.net.", .a).isMissing)
    #expect(
      lab.ask("a.example.net.", .a, waiting: true).answers == ["a.example.net. 0 IN A 192.0.2.1"])
    lab.dropOverlays()
    #expect(lab.ask("a.example.net.", .a, waiting: true).isMissing)
    #expect(lab.cache.nameCount == 0 && lab.cache.recordCount == 0)
    lab.cache._checkInvariants()
  }

  @Test func `what may not be kept leads to no name, and is beside what is kept`() {
    let lab = Lab()
    lab.insert("a.example.net. 0 A 192.0.2.1")
    lab.insert("a.example.net. 300 AAAA 2001:db8::1")
    #expect(lab.ask("a.example.net.", .a).isMissing)
    #expect(lab.ask("a.example.net.", .a, waiting: true).answers.count == 1)
    #expect(lab.ask("a.example.net.", .aaaa, waiting: true).answers.count == 1)
    #expect(lab.names(for: "192.0.2.1") == [])
    lab.dropOverlays()
    #expect(lab.ask("a.example.net.", .a, waiting: true).isMissing)
    #expect(lab.ask("a.example.net.", .aaaa).answers.count == 1)
  }

  @Test func `of one reply no more stays apart than a chain can have`() {
    let lab = Lab()
    var results: [Cache.Insertion] = []
    _ = lab.reply { cache in
      for index in 0..<100 {
        let result = cache.insert(
          owner: lab.key("h\(index).example.net."), type: .a, ttl: 0,
          records: [0, 4, 192, 0, 2, 1].span,
          from: Origin(rank: .answer, section: .answer), now: lab.now)
        results.append(result)
      }
      return .stored
    }
    #expect(results.firstIndex(of: .noRoom) == 2 * (Cache.longestChain + 1) + 1)
    #expect(lab.cache.nameCount == 0)
    lab.dropOverlays()
    lab.cache._checkInvariants()
  }

  @Test func `what is flushed is still given to those who wait`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    lab.insert("a.example.net. 0 A 192.0.2.2")
    #expect(lab.cache.nameCount == 0)
    _ = lab.cache.flush(lab.key("a.example.net."), .everything)
    #expect(lab.ask("a.example.net.", .a, waiting: true).answers.count == 1)
    lab.dropOverlays()
    lab.cache._checkInvariants()
  }

  @Test func `what better trusted data outranks is not beside it`() {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1")
    #expect(lab.insert("a.example.net. 0 A 192.0.2.2", rank: .aliasedAnswer) == .outranked)
    #expect(
      lab.ask("a.example.net.", .a, waiting: true).answers == ["a.example.net. 300 IN A 192.0.2.1"])
  }

  @Test func `an overlay is there until its last user has released it`() {
    let lab = Lab()
    lab.cache.beginStoring()
    _ = lab.cache.insert(
      owner: lab.key("a.example.net."), type: .a, ttl: 0, records: [0, 4, 192, 0, 2, 1].span,
      from: Origin(rank: .answer, section: .answer), now: lab.now)
    let overlay = lab.cache.endStoring()
    lab.cache.share(overlay, among: 3)
    var held = HeldOverlays()
    lab.cache.hold(overlay, in: &held)
    lab.cache.release(overlay)
    #expect(lab.cache.overlayOctets > 0)
    lab.cache.release(overlay)
    lab.cache.release(held)
    #expect(lab.cache.overlayOctets == 0)
    lab.cache.share(.none, among: 3)
    lab.cache._checkInvariants()
  }

  @Test func `the largest answer has a place when everything else is taken`() {
    let lab = Lab(octets: 1 << 20)
    var held: [Overlay] = []
    // Until no more is to be had, with the reserve in use.
    for _ in 0..<100 {
      lab.cache.beginStoring()
      let result = lab.cache.insert(
        owner: lab.key("a.example.net."), type: .null, ttl: 300,
        records: ([0x9C, 0x40] + [UInt8](repeating: 7, count: 40_000)).span,
        from: Origin(rank: .answer, section: .answer), now: lab.now)
      let overlay = lab.cache.endStoring()
      if result == .noRoom { break }
      held.append(overlay)
    }
    #expect(held.count > 20 && lab.cache.counters.noRoom == 1)
    let last = held.removeLast()
    // It is not kept from the next one.
    var links = HeldOverlays()
    lab.cache.hold(last, in: &links)
    #expect(
      lab.insert(
        wire: lab.wire("b.example.net."), .null, ttl: 300, [[UInt8](repeating: 7, count: 60_000)])
        == .uncacheable(isLarge: true))
    lab.dropOverlays()
    for overlay in held { lab.cache.release(overlay) }
    #expect(lab.cache.overlayOctets == 0)
    lab.cache._checkInvariants()
  }
}

@Suite("Trust (RFC 2181 §5.4.1)")
struct RankTests {
  static let ranks: [Rank] = [
    .additional, .authority, .aliasedAnswer, .answer, .authoritativeAnswer,
  ]

  static func section(_ rank: Rank) -> RecordView.Section {
    switch rank {
    case .additional: .additional
    case .authority: .authority
    case .aliasedAnswer, .answer, .authoritativeAnswer: .answer
    }
  }

  @Test(arguments: ranks, ranks)
  func `data replace what is trusted no more`(old: Rank, new: Rank) {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1", rank: old, section: Self.section(old))
    lab.pass(100)
    let result = lab.insert(
      "a.example.net. 300 A 192.0.2.2", rank: new, section: Self.section(new))
    // Ghost domains (CVE-2012-1033): what didn't answer a question never prolongs its own like.
    let replaces = new > old || new == old && new.answersQuestions
    #expect(result == (replaces ? .stored : .outranked))
    #expect(lab.names(for: "192.0.2.1").isEmpty == replaces)
    #expect(lab.names(for: "192.0.2.2").isEmpty == !replaces)
    lab.pass(200)
    #expect(lab.names(for: "192.0.2.1") == [])
    lab.cache._checkInvariants()
  }

  @Test(arguments: ranks, ranks)
  func `what has expired is replaced by anything`(old: Rank, new: Rank) {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1", rank: old, section: Self.section(old))
    lab.pass(300)
    #expect(
      lab.insert("a.example.net. 300 A 192.0.2.2", rank: new, section: Self.section(new))
        == .stored)
    #expect(lab.names(for: "192.0.2.2") == ["a.example.net."])
  }

  @Test(arguments: ranks)
  func `only data from Answer answer a question`(rank: Rank) {
    let lab = Lab()
    lab.insert("a.example.net. 300 A 192.0.2.1", rank: rank, section: Self.section(rank))
    #expect(lab.ask("a.example.net.", .a, waiting: true).isMissing == !rank.answersQuestions)
    #expect(lab.names(for: "192.0.2.1") == ["a.example.net."], "the reverse map has any rank")
  }

  @Test func `an alias from Additional is not followed`() {
    let lab = Lab()
    lab.insert(
      "www.example.net. 300 CNAME a.example.net.", rank: .additional, section: .additional)
    lab.insert("a.example.net. 300 A 192.0.2.1")
    #expect(lab.ask("www.example.net.", .a).outcome == .missing("www.example.net."))
  }

  @Test func `the ranks have words and an order`() {
    #expect(Self.ranks == Self.ranks.sorted())
    #expect(Set(Self.ranks.map(\.word)).count == 5)
  }
}
