import DNSCache
import DNSExchange
import DNSResolver
import DNSWire
import Testing

@testable import DNSService

// A pointer reaches the first 16 KiB of a message. Owners of records behind that are written again.

@Suite("Answers longer than a pointer reaches (RFC 1035 §4.1.4)")
struct LongAnswerTests {
  private static let zone = [7] + Array("example".utf8) + [3] + Array("net".utf8) + [0]
  private static let ttl: UInt32 = 60

  /// The signature of a record, of so many octets.
  private static func signature(of record: Record, octets: Int) -> Record {
    let type = record.type.rawValue
    let fields =
      [UInt8(type >> 8), UInt8(type & 0xFF), 13, UInt8(record.name.labels.count)]
      + [UInt8](repeating: 1, count: 14) + zone
    return Record(
      name: record.name, type: .rrsig, ttl: ttl,
      rdata: fields + [UInt8](repeating: 2, count: octets - fields.count))
  }

  /// n0 → n1 → … and an address of the last name, each with a signature of so many octets.
  private static func chain(_ signatures: [Int]) throws -> [Record] {
    var records: [Record] = []
    for (index, octets) in signatures.enumerated() {
      let record = try Record(
        index < signatures.count - 1
          ? "n\(index).example.net. \(ttl) IN CNAME n\(index + 1).example.net."
          : "n\(index).example.net. \(ttl) IN A 192.0.2.1")
      records += [record, signature(of: record, octets: octets)]
    }
    return records
  }

  private static func query(_ name: String = "n0.example.net") throws -> [UInt8] {
    Message(query: try Name(name), .a, edns: EDNS(dnssecOK: true)).encoded()
  }

  /// Has a client ask over TCP and upstream answer over TCP with these records.
  ///
  /// - Returns: what the client gets.
  private func learn(_ host: Host, _ query: [UInt8], _ records: [Record]) throws -> Message {
    let sent = try host.askOverStream(query)
    var reply = Message(respondingTo: sent.query, answers: records)
    reply.ra = true
    for case .replied(_, _, let octets) in host.receive(reply.encoded(), stream: sent.question) {
      return try Message(parsing: octets)
    }
    throw TestFailure()
  }

  /// Owner, type and data, letter case aside.
  private func lines(_ records: [Record]) -> [String] {
    records.map { "\($0.name) \($0.type) \($0.rdata)".lowercased() }
  }

  /// Three aliases whose signatures are kept, as each RRset has less than 16 KiB.
  private static let kept = [8_200, 8_200, 60, 60]

  @Test(arguments: [
    kept, [5_000, 5_000, 5_000, 5_000, 5_000, 60], [16_300, 60, 60], [16_331, 60, 60],
    [16_332, 60, 60], [16_333, 60, 60], [16_334, 60, 60], [30_000, 60, 60], [60, 30_000, 60],
    [30_000, 60, 30_000],
  ])
  func `an alias beyond its reach owns the records behind it`(signatures: [Int]) throws {
    let host = Host()
    let records = try Self.chain(signatures)
    #expect(try lines(learn(host, Self.query(), records).answers) == lines(records))
  }

  @Test func `what is kept of them is given again`() throws {
    let host = Host()
    let records = try Self.chain(Self.kept)
    _ = try learn(host, Self.query(), records)
    let answer = try host.answer(to: Message(parsing: Self.query()), over: .tcp)
    #expect(lines(answer.answers) == lines(records))
    let cut = try host.answer(to: Message(parsing: Self.query()), over: .udp)
    #expect(cut.tc)
  }

  @Test func `an RRset with more addresses than fit before it`() throws {
    let host = Host()
    let address = try Self.chain([17_000, 60, 60])
    let records =
      address.prefix(4)
      + (0..<1_200).map {
        Record(
          name: address[4].name, type: .a, ttl: Self.ttl,
          rdata: [198, 18, UInt8($0 >> 8), UInt8($0 & 0xFF)])
      }
    #expect(try lines(learn(host, Self.query(), Array(records)).answers) == lines(Array(records)))
  }

  @Test func `a DNAME whose signatures come before its alias`() throws {
    let redirection = try Record("d0.example.net. \(Self.ttl) IN DNAME d1.example.net.")
    let alias = try Record("a.d0.example.net. \(Self.ttl) IN CNAME a.d1.example.net.")
    let address = try Record("a.d1.example.net. \(Self.ttl) IN A 192.0.2.1")
    let records = [
      redirection, Self.signature(of: redirection, octets: 17_000), alias, address,
      Self.signature(of: address, octets: 60),
    ]
    let answer = try learn(Host(), Self.query("a.d0.example.net"), records)
    #expect(lines(answer.answers) == lines(records))
  }

  @Test func `stale data is tried in a buffer of that size, for clients of UDP too`() throws {
    var options = Host.Options()
    options.staleAge = 3_600
    let host = Host(options)
    let records = try Self.chain(Self.kept)
    _ = try learn(host, Self.query(), records)
    host.jump(to: host.now + UInt64(Self.ttl + 1) * 1_000)
    for (client, transport) in [(1, Service.Transport.udp), (2, .tcp)] {
      _ = host.ask(try Self.query(), over: transport, client: UInt32(client))
    }
    var answers: [UInt32: Message] = [:]
    try host.advance(to: host.now + 2_000) { events in
      for case .replied(let client, _, let octets) in events {
        answers[client] = try Message(parsing: octets)
      }
    }
    #expect(answers[1]?.tc == true)
    #expect(answers[2].map { lines($0.answers) } == lines(records))
  }

  @Test func `a snapshot brings them back`() throws {
    let before = Host()
    let records = try Self.chain(Self.kept)
    _ = try learn(before, Self.query(), records)
    let after = Host()
    after.restore(try before.snapshot())
    let answer = try after.answer(to: Message(parsing: Self.query()), over: .tcp)
    #expect(lines(answer.answers) == lines(records))
  }
}

extension Host {
  private static let wallClock: Int64 = 1_800_000_000

  /// The cache as a snapshot.
  fileprivate func snapshot() throws -> [UInt8] {
    let opened = cache.openCursor()
    let cursor = try #require(opened)
    defer { cache.closeCursor(cursor) }
    var writer = SnapshotWriter(wallClock: Host.wallClock, now: UInt32(now / 1_000))
    var block = [UInt8](repeating: 0, count: SnapshotWriter.blockSize)
    var file: [UInt8] = []
    while true {
      var span = block.mutableSpan
      let count = writer.nextBlock(from: &cache, cursor: cursor, into: &span) { _, _ in true }
      if count == 0 { return file }
      file += block[..<count]
    }
  }

  /// Fills the cache from a snapshot.
  fileprivate func restore(_ file: [UInt8]) {
    var reader = SnapshotReader(seed: cache.seed)
    var position = 0
    while true {
      let end = min(position + SnapshotReader.blockSize, file.count)
      let progress = reader.read(
        file.span.extracting(position..<end), isEnd: end == file.count, into: &cache,
        wallClock: Host.wallClock, now: UInt32(now / 1_000)
      ) { _, _ in true }
      position += progress.consumed
      if progress.isFinished { break }
    }
    let isComplete = reader.result.isComplete
    #expect(isComplete)
  }
}
