import DNSWire
import Testing

@testable import Insight

@Suite("What is seen of queries")
struct ObservationsTests {
  @Test func `names and clients are counted with their types and families`() throws {
    var seen = Observations(upstreams: 2, seed: HashSeed(1, 2))
    var key = NameKey(seed: HashSeed(1, 2))
    let name = try Name("WWW.example.net")
    key.load(trusted: name.wire.span)
    let (four, six) = (IPAddress(v4: 0xC000_0201), IPAddress(v6High: 0, low: 0xC000_0201))
    seen.noteName(key.octets, hash: key.hash, .a, weight: 1)
    seen.noteName(key.octets, hash: key.hash, .aaaa, weight: 32)
    for (client, weight) in [(four, 1), (six, 32), (four, 2)] {
      seen.noteClient(client, weight: weight)
    }
    var names: [String] = []
    seen.topNames(10) { name, type, estimate in
      let text = (try? Name(wire: name)).map { "\($0)" } ?? "?"
      names.append("\(text) \(type) \(estimate.count)")
    }
    #expect(names == ["www.example.net. AAAA 32", "www.example.net. A 1"])
    var clients: [String] = []
    seen.topClients(10) { address, estimate in clients.append("\(address) \(estimate.count)") }
    #expect(clients == ["::c000:201 32", "192.0.2.1 3"])
  }

  @Test func `failures are counted by name, type and reason`() throws {
    var seen = Observations(upstreams: 1, seed: HashSeed(1, 2))
    var key = NameKey(seed: HashSeed(1, 2))
    let name = try Name("example.net")
    key.load(trusted: name.wire.span)
    for reason in [3, 3, 65_535] as [UInt16] {
      seen.noteFailure(key.octets, hash: key.hash, RecordType(rawValue: 65_280), reason: reason)
    }
    var rows: [String] = []
    seen.topFailures(10) { _, type, reason, estimate in
      rows.append("\(type) \(reason) \(estimate.count)")
    }
    #expect(rows == ["TYPE65280 3 2", "TYPE65280 65535 1"])
  }

  @Test func `an upstream whose number is another's begins anew`() {
    var seen = Observations(upstreams: 2, seed: HashSeed(1, 2))
    seen.noteRoundTrip(upstream: 0, microseconds: 10)
    seen.noteRoundTrip(upstream: 1, microseconds: 20)
    // Out of range does nothing.
    seen.noteRoundTrip(upstream: 2, microseconds: 20)
    seen.forgetUpstream(0)
    seen.forgetUpstream(2)
    let counts = (0..<2).map { seen.roundTrips[$0].count }
    #expect(counts == [0, 1])
  }
}
