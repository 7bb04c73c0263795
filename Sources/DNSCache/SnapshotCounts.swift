import Memory

/// How many names and addresses a snapshot is going to bring, by its start block.
///
/// Counted when the snapshot was begun, so it may be a little wrong; in a file made by somebody it may
/// be anything. It says how large tables had better be, and nothing else depends on it.
struct SnapshotCounts: Equatable {
  var names: UInt32 = 0
  var addresses4: UInt32 = 0
  var addresses6: UInt32 = 0

  /// Bytes in a block.
  static let size = 12
}

extension Cache {
  /// What a snapshot that is begun now is going to hold.
  var counts: SnapshotCounts {
    SnapshotCounts(
      names: UInt32(clamping: nameCount), addresses4: UInt32(clamping: addresses4.count),
      addresses6: UInt32(clamping: addresses6.count))
  }

  /// Grows the tables towards what is about to come, so that taking it in finds nothing to split.
  ///
  /// Growing an almost empty table costs a few nanoseconds a bucket, dealing out a full one some
  /// hundred. No table gets larger than it may at most: a wrong count costs memory that the cache's
  /// limit holds already.
  ///
  /// - Parameter buckets: those added to a table in this call at most.
  mutating func grow(towards expected: SnapshotCounts, buckets: Int) {
    let wanted = BucketTable.buckets(for: Int(expected.names))
    for _ in 0..<min(buckets, max(wanted - names.count, 0)) { splitBucket() }
    addresses4.grow(towards: Int(expected.addresses4), buckets: buckets, in: &arena)
    addresses6.grow(towards: Int(expected.addresses6), buckets: buckets, in: &arena)
  }

  /// Reads ahead what taking in names and addresses with these hashes will need, so that the waits for
  /// memory overlap.
  ///
  /// - Returns: something made from all that was read, so that the reading isn't optimised away.
  func prefetchMemory(
    names hashes: Span<UInt32>, addresses4 hashes4: Span<UInt32>, addresses6 hashes6: Span<UInt32>
  ) -> UInt32 {
    var prefetched: UInt32 = 0
    // All buckets first, then the first entry of each: no read waits for the one before.
    for index in 0..<hashes.count { prefetched ^= names[names.bucket(hashes[index])].rawValue }
    for index in 0..<hashes4.count { prefetched ^= addresses4.head(hashes4[index]).rawValue }
    for index in 0..<hashes6.count { prefetched ^= addresses6.head(hashes6[index]).rawValue }
    for index in 0..<hashes.count {
      let node = names[names.bucket(hashes[index])]
      if !node.isNone { prefetched ^= arena.load32(node, NodeField.hash) }
    }
    for index in 0..<hashes4.count {
      let entry = addresses4.head(hashes4[index])
      if !entry.isNone { prefetched ^= arena.load32(entry, AddressField.address) }
    }
    for index in 0..<hashes6.count {
      let entry = addresses6.head(hashes6[index])
      if !entry.isNone { prefetched ^= arena.load32(entry, AddressField.address) }
    }
    return prefetched
  }
}
