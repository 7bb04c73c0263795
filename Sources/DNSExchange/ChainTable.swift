import Memory

/// An entry that a ``ChainTable`` leads to.
protocol Chained: BitwiseCopyable {
  /// What its bucket is chosen by.
  var hash: UInt32 { get }
  /// The place of the next entry of the same bucket.
  var chain: UInt32 { get set }
}

/// A hash table over the places of a slab: the buckets, whose entries are chained to each other.
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

  /// The place of the first entry that may have a hash; the others follow in its chain.
  @inline(__always)
  func first(_ hash: UInt32) -> UInt32 { heads[Int(hash) & mask] }

  /// Takes in the entry at a place of the slab.
  mutating func insert(_ place: Int, in entries: inout Slab<some Chained>) {
    if entries.count > mask + 1 && mask + 1 < heads.count { grow(&entries) }
    link(UInt32(place), in: &entries)
  }

  /// Takes out the entry at a place of the slab.
  mutating func remove(_ place: Int, in entries: inout Slab<some Chained>) {
    let bucket = Int(entries[place].hash) & mask
    let next = entries[place].chain
    if heads[bucket] == UInt32(place) {
      heads[bucket] = next
      return
    }
    var before = Int(heads[bucket])
    while entries[before].chain != UInt32(place) { before = Int(entries[before].chain) }
    entries[before].chain = next
  }

  @inline(__always)
  private mutating func link(_ place: UInt32, in entries: inout Slab<some Chained>) {
    let bucket = Int(entries[Int(place)].hash) & mask
    entries[Int(place)].chain = heads[bucket]
    heads[bucket] = place
  }

  private mutating func grow(_ entries: inout Slab<some Chained>) {
    let old = mask + 1
    mask = old * 2 - 1
    for bucket in 0..<old {
      var place = heads[bucket]
      heads[bucket] = ChainTable.end
      while place != ChainTable.end {
        let next = entries[Int(place)].chain
        link(place, in: &entries)
        place = next
      }
    }
  }
}
