import Memory
import Randomness
import Testing

@Suite("BucketTable (linear hashing)")
struct BucketTableTests {
  /// Grows a table by one bucket and deals out the entries again, as its users do.
  static func grow(_ table: inout BucketTable, _ chains: inout [[UInt32]]) {
    guard let split = table.grow() else { return }
    chains.append([])
    let entries = chains[split]
    chains[split] = []
    for hash in entries { chains[table.bucket(hash)].append(hash) }
  }

  @Test func `every entry stays reachable while the table grows`() {
    var random = SplitMix64(seed: 3)
    var table = BucketTable(maximum: 3_000)
    var chains = [[UInt32]](repeating: [], count: table.count)
    var hashes: [UInt32] = []
    for step in 0..<5_000 {
      let hash = UInt32.random(in: 0...UInt32.max, using: &random)
      hashes.append(hash)
      chains[table.bucket(hash)].append(hash)
      Self.grow(&table, &chains)
      if step % 250 == 0 {
        for hash in hashes {
          let bucket = table.bucket(hash)
          #expect(chains[bucket].contains(hash))
        }
      }
    }
    let count = table.count
    #expect(count == 3_000)
    #expect(chains.count == count)
    #expect(chains.map(\.count).reduce(0, +) == hashes.count)
    #expect(chains.map(\.count).max() ?? 0 < 16)
  }

  @Test func `which buckets will be dealt out is known before`() {
    var table = BucketTable(maximum: 1_000)
    for _ in 0..<800 {
      let first = table.split(after: 0)
      let third = table.split(after: 2)
      #expect(table.grow() == first)
      #expect(table.split(after: 1) == third)
    }
  }

  @Test func `growing names only the bucket whose entries may move`() {
    var table = BucketTable(maximum: 300)
    let hashes = (0..<20_000).map { UInt32(truncatingIfNeeded: $0 &* 2_654_435_761) }
    while true {
      let before = hashes.map { table.bucket($0) }
      guard let split = table.grow() else { break }
      let last = table.count - 1
      for (hash, old) in zip(hashes, before) {
        let new = table.bucket(hash)
        let isMoved = new != old
        if isMoved { #expect(old == split && new == last) }
      }
    }
    let count = table.count
    #expect(count == 300)
  }

  @Test func `heads begin empty and keep what they are given`() {
    var table = BucketTable(maximum: 100)
    while table.grow() != nil {}
    for bucket in 0..<table.count {
      let isNone = table[bucket].isNone
      #expect(isNone)
      table[bucket] = Reference(rawValue: UInt32(bucket + 1))
    }
    for bucket in 0..<table.count {
      let value = table[bucket].rawValue
      #expect(value == UInt32(bucket + 1))
    }
    let octets = table.octets
    #expect(octets == 400)
  }
}
