import DNSWire
import Memory

// At a million names nearly every lookup waits for memory three times: for the bucket, the node and the
// RRset. Reading them for a whole batch of queries beforehand lets those waits overlap.

extension Cache {
  /// Reads ahead what looking up some names will need.
  ///
  /// Changes nothing, and is free to be wrong: a hash of a name that isn't here costs a little time.
  ///
  /// - Parameter hashes: hashes of keys made for this cache.
  /// - Returns: something made from all that was read, so that the reading isn't optimised away.
  public func anticipate(_ hashes: Span<UInt32>) -> UInt32 {
    var seen: UInt32 = 0
    for index in 0..<hashes.count {
      seen ^= names[names.bucket(hashes[index])].rawValue
    }
    for index in 0..<hashes.count {
      let node = names[names.bucket(hashes[index])]
      // The name's own octets too: they may lie on the next cache line.
      if !node.isNone {
        seen ^= arena.load32(node, NodeField.hash) ^ arena.load32(node, NodeField.name)
      }
    }
    for index in 0..<hashes.count {
      let node = names[names.bucket(hashes[index])]
      if node.isNone { continue }
      let set = arena.link(node, NodeField.firstSet)
      if !set.isNone {
        seen ^= arena.load32(set, SetField.expiry) ^ arena.load32(set, SetField.data)
      }
    }
    return seen
  }
}
