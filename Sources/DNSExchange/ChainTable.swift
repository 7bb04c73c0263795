import Memory

/// An entry that a ``ChainTable`` leads to.
protocol Chained: BitwiseCopyable {
  /// What its bucket is chosen by.
  var hash: UInt32 { get }
  /// The slot of the next entry of the same bucket.
  var chain: UInt32 { get set }
}

/// A hash table over the slots of a slab: the buckets, whose entries are chained to each other.
///
/// As few buckets as will do stay in the processor's caches. They are doubled when there are more entries
/// than buckets: seldom more than a few times in the life of a process, a fraction of a millisecond at most.
struct ChainTable: ~Copyable {
  /// Buckets that a table begins with.
  private static let leastBuckets = 512

  /// What stands behind the last entry of a bucket.
  static var end: UInt32 { .max }

  private var heads: FixedArray<UInt32>
  /// Buckets in use, less one.
  private var mask = ChainTable.leastBuckets - 1

  /// Makes an empty table.
  ///
  /// - Parameter count: buckets that there may be, up to the next power of two.
  init(buckets count: Int) {
    var buckets = ChainTable.leastBuckets
    while buckets < count { buckets *= 2 }
    heads = FixedArray(repeating: ChainTable.end, count: buckets)
  }

  /// The slot of the first entry that may have a hash; the others follow in its chain.
  @inline(__always)
  func first(_ hash: UInt32) -> UInt32 { heads[Int(hash) & mask] }

  /// Takes in the entry at a slot of the slab.
  mutating func insert(_ slot: Int, in entries: inout Slab<some Chained>) {
    if entries.count > mask + 1 && mask + 1 < heads.count { grow(&entries) }
    link(UInt32(slot), in: &entries)
  }

  /// Takes out the entry at a slot of the slab.
  mutating func remove(_ slot: Int, in entries: inout Slab<some Chained>) {
    let bucket = Int(entries[slot].hash) & mask
    let next = entries[slot].chain
    if heads[bucket] == UInt32(slot) {
      heads[bucket] = next
      return
    }
    var before = Int(heads[bucket])
    while entries[before].chain != UInt32(slot) { before = Int(entries[before].chain) }
    entries[before].chain = next
  }

  @inline(__always)
  private mutating func link(_ slot: UInt32, in entries: inout Slab<some Chained>) {
    let bucket = Int(entries[Int(slot)].hash) & mask
    entries[Int(slot)].chain = heads[bucket]
    heads[bucket] = slot
  }

  private mutating func grow(_ entries: inout Slab<some Chained>) {
    let old = mask + 1
    mask = old * 2 - 1
    for bucket in 0..<old {
      var slot = heads[bucket]
      heads[bucket] = ChainTable.end
      while slot != ChainTable.end {
        let next = entries[Int(slot)].chain
        link(slot, in: &entries)
        slot = next
      }
    }
  }
}
