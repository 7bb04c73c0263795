import Testing

@testable import Observability

@Suite("Queries that stand for others")
struct SamplerTests {
  @Test(arguments: 1...32)
  func `each place of a batch stands for it about equally often`(count: Int) {
    var sampler = Sampler()
    var chosen = Array(repeating: 0, count: count)
    for round in 0..<(1_000 * count) {
      let sample = sampler.sample(of: count, at: UInt64(round) * Sampler.interval)
      chosen[sample?.index ?? 0] += 1
    }
    // Six standard deviations.
    #expect(chosen.allSatisfy { (800...1_200).contains($0) }, "\(chosen)")
  }

  @Test func `queries that come alone are all counted, also when many come at once`() {
    var sampler = Sampler()
    let now: UInt64 = 1_000_000_000
    for _ in 0..<Sampler.burst {
      #expect(sampler.sample(of: 1, at: now) == Sampler.Sample(index: 0, weight: 1))
    }
  }

  @Test func `under load samples come at a bounded rate, and their weights add up to all queries`()
  {
    var sampler = Sampler()
    let (seconds, batches) = (UInt64(10), UInt64(1_000_000))
    var (samples, weights, variance) = (0, 0.0, 0.0)
    for batch in 0..<batches {
      if let sample = sampler.sample(of: 8, at: 5_000_000 + batch * seconds) {
        samples += 1
        weights += Double(sample.weight)
        variance += Double(sample.weight * (sample.weight - 8))
      }
    }
    let usual = Double(Sampler.burst + seconds * 1_000_000 / Sampler.interval)
    #expect(abs(Double(samples) - usual) < usual / 50)
    #expect(abs(weights - 8 * Double(batches)) < 4 * variance.squareRoot())
  }

  @Test func `queries in small batches count no more than those in large ones`() {
    var sampler = Sampler()
    // Half of the batches have one query, half have 32, 50,000 batches a second.
    var (alone, together) = (0.0, 0.0)
    let batches = 400_000
    for batch in 0..<batches {
      let count = batch % 2 == 0 ? 1 : 32
      guard let sample = sampler.sample(of: count, at: 5_000_000 + UInt64(batch) * 20) else {
        continue
      }
      if count == 1 { alone += Double(sample.weight) } else { together += Double(sample.weight) }
    }
    #expect(abs(alone / Double(batches / 2) - 1) < 0.1, "\(alone)")
    #expect(abs(together / Double(batches / 2 * 32) - 1) < 0.1, "\(together)")
  }

  @Test func `after a flood every query is counted again`() {
    var sampler = Sampler()
    var time: UInt64 = 5_000_000
    for _ in 0..<1_000_000 {
      _ = sampler.sample(of: 1, at: time)
      time += 5
    }
    time += 100_000
    for _ in 0..<100 {
      #expect(sampler.sample(of: 1, at: time)?.weight == 1)
      time += Sampler.interval
    }
  }
}
