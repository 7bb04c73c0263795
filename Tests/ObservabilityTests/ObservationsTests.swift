import DNSWire
import Randomness
import Testing

@testable import Observability

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

  @Test(arguments: SplitMix64.fixedSeeds(3))
  func `under load the true count of each name is between its bounds`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var seen = Observations(upstreams: 1, seed: HashSeed(random.next(), random.next()))
    var key = NameKey(seed: HashSeed(1, 2))
    let names = try (0..<300).map { try Name("n\($0).example.net") }
    var truth = Array(repeating: UInt64(0), count: names.count)
    var (time, queries) = (UInt64(5_000_000), UInt64(0))
    for _ in 0..<150_000 {
      time += UInt64(random.number(0...100))
      // Batches of all sizes; what is asked for depends on the size.
      let count = random.number(0...1) == 0 ? 1 : random.number(2...32)
      let batch = (0..<count).map { _ in
        min(random.number(0...299), random.number(0...299)) / (count == 1 ? 1 : 2)
      }
      for name in batch { truth[name] += 1 }
      queries += UInt64(count)
      guard let sample = seen.sample(of: count, at: time) else { continue }
      let name = names[batch[sample.index]]
      key.load(trusted: name.wire.span)
      seen.noteName(key.octets, hash: key.hash, .a, weight: sample.weight)
    }
    var shown = 0
    let total = seen.queries
    #expect(total == queries)
    seen.topNames(500) { name, _, estimate in
      guard let name = try? Name(wire: name), let index = names.firstIndex(of: name) else { return }
      shown += 1
      #expect(estimate.range.contains(truth[index]), "\(truth[index]) \(estimate)")
    }
    #expect(shown > 200)
    // Narrow enough to be of use.
    var first: HeavyHitters.Estimate?
    seen.topNames(1) { _, _, estimate in first = estimate }
    let range = try #require(first?.range)
    #expect(Double(range.upperBound) < 3 * Double(range.lowerBound), "\(range)")
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

  private static func roundTrips(of upstream: Int, in seen: borrowing Observations) -> UInt64? {
    switch seen.roundTrips[upstream] {
    case .some(let histogram): histogram.count
    case .none: nil
    }
  }

  @Test func `an upstream whose number is another's begins anew`() {
    var seen = Observations(upstreams: 3, seed: HashSeed(1, 2))
    for upstream in 0..<2 { seen.beginUpstream(upstream) }
    seen.noteRoundTrip(upstream: 0, microseconds: 10)
    seen.noteRoundTrip(upstream: 1, microseconds: 20)
    // One that has not begun, or is out of range, does nothing.
    for upstream in 2...3 { seen.noteRoundTrip(upstream: upstream, microseconds: 20) }
    for upstream in [0, 3] { seen.beginUpstream(upstream) }
    let counts = (0..<3).map { Self.roundTrips(of: $0, in: seen) }
    #expect(counts == [0, 1, nil])
  }
}
