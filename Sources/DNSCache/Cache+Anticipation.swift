import DNSWire
import Memory

// At a million names nearly every lookup waits for memory three times: for the bucket, the node and the
// RRset. Reading them for a whole batch of queries beforehand lets those waits overlap.

extension Cache {
  /// Reads ahead what looking up some names will need.
  ///
  /// Changes nothing in the cache, and is free to be wrong: a hash of a name that isn't here costs a
  /// little time.
  ///
  /// - Parameters:
  ///   - hashes: of keys made for this cache.
  ///   - places: as many numbers, to work with.
  /// - Returns: something made from all that was read, so that the reading isn't optimised away.
  public func anticipate(_ hashes: Span<UInt32>, _ places: inout MutableSpan<UInt32>) -> UInt32 {
    var seen: UInt32 = 0
    for index in 0..<hashes.count { places[index] = hashes[index] }
    readBuckets(&places, hashes.count)
    for index in 0..<hashes.count {
      let node = Reference(rawValue: places[index])
      if node.isNone { continue }
      // Of a bucket's nodes the first two are looked at; there are seldom more.
      let head = arena.nodeHead(node)
      places[index] = head.hash == hashes[index] ? places[index] : head.chain
    }
    for index in 0..<hashes.count {
      let node = Reference(rawValue: places[index])
      if node.isNone { continue }
      // The name's own octets too: they may lie on the next cache line.
      seen ^= arena.load32(node, NodeField.hash) ^ arena.load32(node, NodeField.name)
      places[index] = arena.link(node, NodeField.firstSet).rawValue
    }
    for index in 0..<hashes.count {
      let set = Reference(rawValue: places[index])
      if set.isNone { continue }
      seen ^= arena.load32(set, SetField.expiry) ^ arena.load32(set, SetField.data)
    }
    return seen
  }

  /// Reads ahead what taking in some names will need, most of which are new: what else their buckets hold.
  ///
  /// Changes nothing in the cache, and is free to be wrong, as ``anticipate(_:)``.
  ///
  /// - Parameter places: hashes of keys made for this cache; references of nodes take their places on
  ///   the way.
  /// - Returns: something made from all that was read, so that the reading isn't optimised away.
  public func anticipateNew(_ places: inout MutableSpan<UInt32>) -> UInt32 {
    var seen: UInt32 = 0
    readBuckets(&places, places.count)
    for index in 0..<places.count {
      let node = Reference(rawValue: places[index])
      if node.isNone { continue }
      seen ^= arena.load32(node, NodeField.hash)
      places[index] = arena.link(node, NodeField.chain).rawValue
    }
    for index in 0..<places.count {
      let next = Reference(rawValue: places[index])
      if !next.isNone { seen ^= arena.load32(next, NodeField.hash) }
    }
    return seen
  }

  /// Puts the first node of its bucket in the place of each of the first hashes.
  @inline(__always)
  private func readBuckets(_ places: inout MutableSpan<UInt32>, _ count: Int) {
    for index in 0..<count {
      places[index] = names[names.bucket(places[index])].rawValue
    }
  }
}
