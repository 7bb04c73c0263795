import DNSService
import DNSWire
import Memory
import Testing

@testable import Observability

@Suite("The last queries")
struct QueryRingTests {
  private static func query(_ name: String, _ type: RecordType = .a) throws -> [UInt8] {
    [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + (try Name(name).wire)
      + [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
  }

  private static func ring(_ capacity: Int, _ names: [String]) throws -> Pinned<QueryRing> {
    let ring = Pinned(QueryRing(capacity: capacity))
    for (index, name) in names.enumerated() {
      let query = try query(name, index.isMultiple(of: 2) ? .a : .aaaa)
      ring.value.note(
        query.span, QueryOutcome(.hit, rcode: 0), from: IPAddress(v4: UInt32(index)), over: .udp,
        microseconds: 7, at: UInt64(index))
    }
    return ring
  }

  private static func name(_ number: UInt64, in ring: Pinned<QueryRing>) -> String? {
    ring.value.question(number).name
  }

  @Test func `the newest take the places of the oldest`() throws {
    let ring = try Self.ring(3, ["a.example", "B.example", "c.example", "d.example"])
    defer { ring.destroy() }
    #expect(ring.value.first == 1 && ring.value.count == 4)
    #expect(Self.name(0, in: ring) == nil && Self.name(4, in: ring) == nil)
    #expect(Self.name(1, in: ring) == "b.example." && Self.name(3, in: ring) == "d.example.")
    #expect(ring.value.question(3).type == .aaaa)
    #expect(ring.value.record(2)?.client == IPAddress(v4: 2))
    #expect(ring.value.record(2)?.microseconds == 7)
  }

  @Test func `a long name is cut at a label, and keeps its type`() throws {
    let label = String(repeating: "x", count: 40)
    let ring = try Self.ring(2, ["one.\(label).\(label).example", "\(label).abcdefghijk.example"])
    defer { ring.destroy() }
    #expect(Self.name(0, in: ring) == "one.\(label).…")
    #expect(ring.value.question(0).type == .a)
    // The name fits, its type doesn't.
    #expect(Self.name(1, in: ring) == "\(label).abcdefghijk.example.")
    #expect(ring.value.question(1).type == .aaaa)
  }

  @Test func `names, clients or all are left out`() throws {
    let query = try Self.query("b.example")
    for (privacy, name, client) in [
      (QueryPrivacy.names, nil, IPAddress(v4: 1)), (.clients, "b.example.", IPAddress(v4: 0)),
    ] {
      let ring = try Self.ring(2, ["a.example"])
      defer { ring.destroy() }
      ring.value.privacy = privacy
      ring.value.note(
        query.span, QueryOutcome(.hit, rcode: 0), from: IPAddress(v4: 1), over: .tcp,
        microseconds: 1, at: 1)
      #expect(Self.name(1, in: ring) == name && ring.value.question(1).type == .a)
      #expect(ring.value.record(1)?.client == client)
      ring.value.privacy = .all
      ring.value.note(
        query.span, QueryOutcome(.hit, rcode: 0), from: IPAddress(v4: 1), over: .tcp,
        microseconds: 1, at: 1)
      #expect(ring.value.count == 2)
    }
  }

  @Test func `what is no query traps nowhere, and no room keeps nothing`() throws {
    let ring = Pinned(QueryRing(capacity: 4))
    defer { ring.destroy() }
    let whole = try Self.query(String(repeating: "abcdefg.", count: 20) + "example")
    for count in 0...whole.count {
      let part = Array(whole[..<count])
      ring.value.note(
        part.span, QueryOutcome(.refused, rcode: 1), from: IPAddress(v4: 1), over: .udp,
        microseconds: .max, at: 1)
      _ = ring.value.question(ring.value.count - 1)
    }
    #expect(ring.value.count == UInt64(whole.count + 1))
    let none = try Self.ring(0, ["a.example"])
    defer { none.destroy() }
    #expect(none.value.count == 0 && none.value.record(0) == nil)
  }
}
