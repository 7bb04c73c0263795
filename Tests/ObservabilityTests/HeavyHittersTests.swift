import Memory
import Randomness
import Testing

@testable import Observability

@Suite("Heavy hitters (Metwally, Agrawal, El Abbadi 2005)")
struct HeavyHittersTests {
  /// A key of a number, with a poor hash so that chains of the table get long.
  private static func note(
    _ number: Int, weight: UInt64 = 1, in sketch: inout HeavyHitters, hash: UInt32? = nil
  ) {
    let key = Array("name-\(number)".utf8)
    sketch.note(
      key.span, tag: UInt32(number & 3), hash: hash ?? UInt32(truncatingIfNeeded: number % 61),
      weight: weight)
  }

  private static func top(
    _ limit: Int, of sketch: borrowing HeavyHitters
  ) -> [(key: String, tag: UInt32, estimate: HeavyHitters.Estimate)] {
    var rows: [(key: String, tag: UInt32, estimate: HeavyHitters.Estimate)] = []
    sketch.visitTop(limit) { key, tag, estimate in
      rows.append((String(decoding: key.indices.map { key[$0] }, as: UTF8.self), tag, estimate))
    }
    return rows
  }

  @Test func `as long as all keys have a place each count is exact`() {
    var sketch = HeavyHitters(capacity: 8, keySize: 16)
    for (number, times) in [(1, 5), (2, 1), (3, 9), (4, 5)] {
      for _ in 0..<times { Self.note(number, in: &sketch) }
    }
    let rows = Self.top(10, of: sketch)
    #expect(rows.map(\.key) == ["name-3", "name-1", "name-4", "name-2"])
    #expect(rows.map(\.estimate.count) == [9, 5, 5, 1])
    #expect(rows.allSatisfy { $0.estimate.error == 0 })
    #expect(rows.map(\.tag) == [3, 1, 0, 2])
    let (total, isSound) = (sketch.total, sketch.checkInvariants())
    #expect(total == 20 && isSound)
    #expect(Self.top(2, of: sketch).map(\.key) == ["name-3", "name-1"])
  }

  @Test func `one key with two tags is two keys`() {
    var sketch = HeavyHitters(capacity: 8, keySize: 16)
    let key = Array("www".utf8)
    for tag in [1, 28, 28] as [UInt32] { sketch.note(key.span, tag: tag, hash: 7) }
    #expect(Self.top(10, of: sketch).map(\.tag) == [28, 1])
  }

  @Test func `a new key inherits the lowest count as its error`() {
    var sketch = HeavyHitters(capacity: 2, keySize: 16)
    for number in [1, 1, 1, 2, 2, 3] { Self.note(number, in: &sketch) }
    let rows = Self.top(10, of: sketch)
    #expect(rows.map(\.key) == ["name-1", "name-3"])
    #expect(rows.map(\.estimate.count) == [3, 3] && rows.map(\.estimate.error) == [0, 2])
    // Where every query is counted the bounds are certain.
    #expect(rows.map(\.estimate.range) == [3...3, 1...3])
  }

  @Test(arguments: SplitMix64.seeds)
  func `on a Zipf stream each count is within its error of the truth`(seed: UInt64) {
    let (capacity, distinct, length) = (64, 5_000, 100_000)
    var random = SplitMix64(seed: seed)
    // Cumulative shares of 1/1, 1/2, 1/3, …
    var shares: [Double] = []
    for rank in 1...distinct { shares.append((shares.last ?? 0) + 1 / Double(rank)) }
    var sketch = HeavyHitters(capacity: capacity, keySize: 16)
    var exact: [String: UInt64] = [:]
    var total: UInt64 = 0
    for _ in 0..<length {
      let draw = Double.random(in: 0..<shares[distinct - 1], using: &random)
      var (low, high) = (0, distinct - 1)
      while low < high {
        let middle = (low + high) / 2
        if shares[middle] < draw { low = middle + 1 } else { high = middle }
      }
      let weight = UInt64(random.number(1...32))
      Self.note(
        low, weight: weight, in: &sketch,
        hash: UInt32(truncatingIfNeeded: UInt64(low) &* 2_654_435_761))
      exact["name-\(low)", default: 0] += weight
      total += weight
    }
    let (noted, isSound) = (sketch.total, sketch.checkInvariants())
    #expect(noted == total && isSound)
    let rows = Self.top(capacity, of: sketch)
    #expect(rows.count == capacity)
    for row in rows {
      let truth = exact[row.key] ?? 0
      #expect(row.estimate.count >= truth, "\(row.key) is never too low")
      #expect(row.estimate.count - row.estimate.error <= truth, "\(row.key) is within its error")
      #expect(row.estimate.error <= total / UInt64(capacity))
    }
    // Whatever has a larger share than one place's is there.
    let watched = Set(rows.map(\.key))
    let heavy = exact.filter { $0.value > total / UInt64(capacity) }
    #expect(heavy.count >= 5)
    for key in heavy.keys { #expect(watched.contains(key), "\(key) is heavy") }
    #expect(rows.map(\.estimate.count) == rows.map(\.estimate.count).sorted(by: >))
  }

  @Test(arguments: SplitMix64.seeds)
  func `any stream of keys and weights agrees with a plain model`(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let capacity = random.number(1...12)
    var sketch = HeavyHitters(capacity: capacity, keySize: 16)
    // Space-saving as its paper writes it, without any order among equals: only counts are compared.
    var counts: [UInt64] = []
    for _ in 0..<2_000 {
      if random.number(0...400) == 0 {
        sketch.removeAll()
        counts = []
      }
      let number = random.number(0...20)
      let weight = UInt64(random.number(0...5))
      let name = "name-\(number)"
      let before = Self.top(capacity, of: sketch).first { $0.key == name }?.estimate.count
      Self.note(number, weight: weight, in: &sketch)
      if weight > 0 {
        if let before, let index = counts.firstIndex(of: before) {
          counts[index] += weight
        } else if counts.count < capacity {
          counts.append(weight)
        } else if let index = counts.indices.min(by: { counts[$0] < counts[$1] }) {
          counts[index] += weight
        }
      }
      let isSound = sketch.checkInvariants()
      #expect(isSound)
      #expect(Self.top(capacity, of: sketch).map(\.estimate.count) == counts.sorted(by: >))
    }
  }
}
