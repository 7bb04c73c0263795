import Testing

@testable import Observability

@Suite("The history of the last hour")
struct HistoryTests {
  private static func samples(_ history: borrowing History, last: Int = 1_000) -> [History.Sample] {
    var samples: [History.Sample] = []
    history.visit(last: last) { samples.append($0) }
    return samples
  }

  @Test func `a sample has what happened in its interval alone`() {
    var history = History()
    var hits = LatencyHistogram()
    var misses = LatencyHistogram()
    var totals = History.Totals()
    totals.queries = 10
    totals.hits = 7
    totals.misses = 3
    totals.stale = 1
    totals.failures = 2
    hits.note(5, times: 7)
    misses.note(2_000, times: 3)
    history.record(time: 100, totals, hits: hits, misses: misses, octets: 50, limit: 1_000)
    totals.queries = 14
    totals.hits = 11
    hits.note(7, times: 4)
    history.record(time: 110, totals, hits: hits, misses: misses, octets: 60, limit: 1_000)
    let samples = Self.samples(history)
    #expect(samples.map(\.time) == [100, 110])
    #expect(samples.map(\.queries) == [10, 4])
    #expect(samples.map(\.hits) == [7, 4])
    #expect(samples.map(\.misses) == [3, 0])
    #expect(samples.map(\.stale) == [1, 0])
    #expect(samples.map(\.failures) == [2, 0])
    #expect(samples.map(\.hitMedian) == [5, 7])
    #expect(samples.map(\.missMedian) == [2_000, nil])
    #expect(samples.map(\.missTail) == [2_000, nil])
    #expect(samples.map(\.cacheOctets) == [50, 60])
    #expect(samples.map(\.limitOctets) == [1_000, 1_000])
  }

  @Test func `after an hour the oldest sample gives way`() {
    var history = History()
    let hits = LatencyHistogram()
    let misses = LatencyHistogram()
    for time in 1...(History.capacity + 5) {
      history.record(
        time: Int64(time), History.Totals(), hits: hits, misses: misses, octets: 0, limit: 0)
    }
    let samples = Self.samples(history)
    #expect(samples.map(\.time) == (6...Int64(History.capacity + 5)).map { $0 })
    #expect(Self.samples(history, last: 2).map(\.time) == Array(samples.map(\.time).suffix(2)))
    #expect(Self.samples(history, last: 0).isEmpty)
    #expect(Self.samples(history, last: -1).isEmpty)
    #expect(History.capacity * History.interval == 3_600)
  }
}
