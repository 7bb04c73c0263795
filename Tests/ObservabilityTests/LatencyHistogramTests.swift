import Randomness
import Testing

@testable import Observability

@Suite("Histograms of latency")
struct LatencyHistogramTests {
  @Test func `without a time there is no quantile`() {
    let histogram = LatencyHistogram()
    let (median, count, below) = (
      histogram.quantile(0.5), histogram.count, histogram.countBelow(magnitude: 30)
    )
    #expect(median == nil && count == 0 && below == 0)
  }

  @Test func `short times are told apart to the microsecond`() {
    var histogram = LatencyHistogram()
    for microseconds in [1, 2, 3, 4, 5, 6, 7] as [UInt64] { histogram.note(microseconds) }
    let quantiles = [0, 0.5, 0.99, 1].map { histogram.quantile($0) }
    #expect(quantiles == [1, 4, 7, 7])
    let (sum, longest) = (histogram.sum, histogram.longest)
    #expect(sum == 28 && longest == 7)
  }

  @Test(arguments: SplitMix64.seeds)
  func `a quantile is at most an eighth above the exact one and never below`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var histogram = LatencyHistogram()
    var exact: [UInt64] = []
    for _ in 0..<3_000 {
      // All magnitudes alike, and some that are longer than the last bound.
      let time = random.next() >> UInt64(random.number(36...63))
      let times = UInt64(random.number(1...3))
      histogram.note(time, times: times)
      exact += Array(repeating: time, count: Int(times))
    }
    exact.sort()
    for share in [0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1] {
      let truth = exact[max(0, Int((share * Double(exact.count)).rounded(.up)) - 1)]
      let estimate = histogram.quantile(share)
      guard let estimate else {
        Issue.record("no quantile")
        continue
      }
      #expect(estimate >= truth)
      if truth < 1 << UInt64(LatencyHistogram.last) {
        #expect(estimate <= truth + truth / 8, "\(share) of seed \(seed)")
      }
    }
    let (count, sum) = (histogram.count, histogram.sum)
    #expect(count == UInt64(exact.count) && sum == exact.reduce(0, +))
    var visited: [UInt64] = []
    histogram.visitCounts { magnitude, below in
      #expect(magnitude == visited.count)
      visited.append(below)
    }
    #expect(visited.count == LatencyHistogram.last + 1)
    for magnitude in 0...LatencyHistogram.last {
      #expect(visited[magnitude] == UInt64(exact.count { $0 < 1 << UInt64(magnitude) }))
      let below = histogram.countBelow(magnitude: magnitude)
      #expect(below == UInt64(exact.count { $0 < 1 << UInt64(magnitude) }), "2^\(magnitude)")
    }
  }

  @Test func `a time as long as can be has a place`() {
    var histogram = LatencyHistogram()
    histogram.note(UInt64.max, times: 1)
    let (longest, median) = (histogram.longest, histogram.quantile(0.5))
    #expect(longest == .max && median == .max)
  }

  @Test func `what came since a copy was made has quantiles of its own`() {
    var histogram = LatencyHistogram()
    var earlier = LatencyHistogram()
    histogram.note(1_000, times: 100)
    earlier.copy(histogram)
    let nothing = histogram.quantile(0.5, since: earlier)
    histogram.note(6, times: 3)
    let (since, all) = (histogram.quantile(0.5, since: earlier), histogram.quantile(0.5))
    #expect(nothing == nil && since == 6)
    #expect(all.map { $0 >= 1_000 && $0 <= 1_125 } == true)
    histogram.removeAll()
    let (count, median) = (histogram.count, histogram.quantile(0.5))
    #expect(count == 0 && median == nil)
  }
}
