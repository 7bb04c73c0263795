import DNSCache
import Memory

/// The names that a turn's replies seem to answer, to be read ahead.
struct NotedReplies: ~Copyable {
  private var hashes: FixedArray<UInt32>
  private var count = 0

  /// Makes places for a number of replies.
  init(count: Int) {
    hashes = FixedArray(repeating: 0, count: count)
  }

  /// Takes the hash of a name; does nothing when all places are taken.
  mutating func note(_ hash: UInt32) {
    guard count < hashes.count else { return }
    hashes[count] = hash
    count &+= 1
  }

  /// Reads ahead what taking in the replies will need, and forgets them.
  mutating func anticipate(in cache: borrowing Cache) -> UInt32 {
    let noted = count
    count = 0
    var all = hashes.mutableSpan
    var places = all._mutatingExtracting(first: noted)
    return cache.anticipateNew(&places)
  }
}
