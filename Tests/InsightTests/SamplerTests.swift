import Testing

@testable import Insight

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
    #expect(chosen.allSatisfy { (990...1_010).contains($0) }, "\(chosen)")
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
    let seconds: UInt64 = 10
    var (samples, weights, last) = (0, 0, 0)
    for batch in 0..<(seconds * 100_000) {
      last = Int(batch)
      if let sample = sampler.sample(of: 8, at: 5_000_000 + batch * 10) {
        samples += 1
        weights += sample.weight
      }
    }
    let most = Sampler.burst + seconds * 1_000_000 / Sampler.interval + 1
    #expect(samples <= Int(most))
    #expect(samples > Int(most) - 10)
    // What is not counted yet is carried on.
    #expect((last + 1) * 8 - weights < 8 * Int(Sampler.interval))
  }
}
