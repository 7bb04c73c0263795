import DNSCache
import DNSWire
import Testing

@testable import DNSExchange
@testable import DNSResolver
@testable import DNSService

// What a reply of 64 KiB can be made to cost is bounded by what is looked at, not by time.

@Suite("Work that a reply makes")
struct ReplyWorkTests {
  private static func number16(_ number: Int) -> [UInt8] {
    [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
  }

  private static func record(
    _ owner: [UInt8], _ type: RecordType, _ data: [UInt8]
  ) -> [UInt8] {
    owner + number16(Int(type.rawValue)) + [0, 1, 0, 0, 0, 60] + number16(data.count) + data
  }

  /// Asks over TCP for an address of a name, and has upstream answer with records.
  ///
  /// - Parameter answers: get the offset at which they begin.
  private func host(
    asking name: String = "www.example.net", answers: (Int) -> [[UInt8]]
  ) throws -> Host {
    let host = Host()
    let query = Message(query: try Name(name), .a).encoded()
    let sent = try host.askOverStream(query)
    var reply = Message(respondingTo: sent.query)
    reply.ra = true
    var long = reply.encoded()
    let records = answers(long.count)
    long.replaceSubrange(6..<8, with: Self.number16(records.count))
    for record in records { long += record }
    #expect(long.count <= 65_535)
    _ = host.receive(long, stream: sent.question)
    return host
  }

  /// A name of 127 labels, and records whose owners are it, or it without its first label.
  private func longOwners(_ count: Int, alternating: Bool, at begin: Int) -> [[UInt8]] {
    let name = [UInt8](Array(repeating: [1, 0x61], count: 127).joined()) + [0]
    var records = [Self.record(name, .txt, [0])]
    for index in 0..<count {
      let offset = begin + (alternating ? index % 2 * 2 : 0)
      records.append(Self.record(Self.number16(0xC000 | offset), .dname, [0]))
    }
    return records + [Self.record([0xC0, 12], .a, [192, 0, 2, 1])]
  }

  @Test func `names are uncompressed to four times the largest message at most`() throws {
    let some = try host { longOwners(1_000, alternating: true, at: $0) }
    #expect(some.counter("malformed") == 0 && some.counter("answered") == 1)
    // 4,800 of them, looked at for each of eleven aliases, took 51 ms of the processor.
    let many = try host { longOwners(1_100, alternating: true, at: $0) }
    #expect(many.counter("malformed") == 1 && many.counter("answered") == 0)
  }

  @Test func `an owner that the record before had, too, is not uncompressed again`() throws {
    let host = try host { longOwners(4_500, alternating: false, at: $0) }
    #expect(host.counter("malformed") == 0 && host.counter("answered") == 1)
  }

  @Test func `a DNAME is found behind any number of others`() throws {
    let (zone, target) = (try Name("d.example.net"), try Name("e.example.net"))
    let host = try host(asking: "www.d.example.net") { _ in
      (0..<1_000).map { Self.record([4] + Array("\(1_000 + $0)".utf8) + [0], .dname, [0]) }
        + [
          Self.record(zone.wire, .dname, target.wire),
          Self.record([0xC0, 12], .cname, [3] + Array("www".utf8) + target.wire),
          Self.record([3] + Array("www".utf8) + target.wire, .a, [192, 0, 2, 1]),
        ]
    }
    #expect(host.counter("answered") == 1)
    let answer = try host.answer(to: Message(query: try Name("www.d.example.net"), .a))
    #expect(answer.answers.map(\.type) == [.dname, .cname, .a])
  }

  /// Where the DNAME records beside the aliases belong.
  enum Owners: CaseIterable {
    /// Above all of them.
    case above
    /// Above none.
    case apart
    /// Each somewhere else.
    case different
  }

  /// 4,800 DNAME records beside eleven aliases: each was looked at for each of them.
  @Test(arguments: Owners.allCases)
  func `records are looked at in proportion to their number`(owners: Owners) throws {
    let names = (0...Cache.longestChain).map { [2, 0x61, 0x61 + UInt8($0), 0xC0, 16] as [UInt8] }
    var count = 0
    let host = try host { begin in
      let aliases = (0..<Cache.longestChain).map {
        Self.record($0 == 0 ? [0xC0, 12] : names[$0], .cname, names[$0 + 1])
      }
      // Each is named by a pointer to the one before.
      let redirections = (0..<(owners == .different ? 4_200 : 4_700)).map { number in
        switch owners {
        case .above: Self.record([0xC0, 16], .dname, [0])
        case .apart: Self.record([0xC0, UInt8(begin + 12)], .dname, [0])
        case .different:
          Self.record(
            [2, 0x61 + UInt8(number % 26), 0x30 + UInt8(number / 26 % 10), 0], .dname, [0])
        }
      }
      count = aliases.count + redirections.count + 1
      return aliases + redirections + [Self.record(names[Cache.longestChain], .a, [192, 0, 2, 1])]
    }
    #expect(host.counter("malformed") == 0 && host.counter("answered") == 1)
    #expect(host.resolver.reply.recordCount == count)
    #expect(host.resolver.reply.looks < 3 * count)
  }

  /// Each name behind 8,000 pointers, 4,000 names: 57 ms of the processor.
  @Test(arguments: [(126, true), (127, false), (7_000, false)])
  func `of pointers to pointers as many are followed as a name can have labels`(
    pointers: Int, isGood: Bool
  ) throws {
    let host = try host { begin in
      var chain: [UInt8] = []
      for index in 0..<pointers {
        // Behind the record's owner and fields.
        chain += Self.number16(0xC000 | (index == 0 ? 12 : begin + 11 + 2 * (index - 1)))
      }
      let last = Self.number16(0xC000 | (begin + 11 + 2 * (pointers - 1)))
      return [
        Self.record([0], RecordType(rawValue: 65_280), chain),
        Self.record(last, .a, [192, 0, 2, 1]),
      ]
    }
    #expect(host.counter("malformed") == (isGood ? 0 : 1))
    #expect(host.counter("answered") == (isGood ? 1 : 0))
  }
}
