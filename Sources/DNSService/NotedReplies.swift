import DNSCache
import DNSExchange
import DNSResolver
import Memory

/// The questions that a turn's replies seem to answer, to be read ahead.
struct NotedReplies: ~Copyable {
  private var questions: FixedArray<Exchanges.Noted?>
  private var hashes: FixedArray<UInt32>
  /// How many there are.
  private(set) var count = 0

  /// Makes places for a number of replies.
  init(count: Int) {
    questions = FixedArray(repeating: nil, count: count)
    hashes = FixedArray(repeating: 0, count: count)
  }

  /// Takes a question; does nothing when all places are taken.
  mutating func note(_ question: Exchanges.Noted) {
    guard count < hashes.count else { return }
    questions[count] = question
    hashes[count] = question.nameHash
    count &+= 1
  }

  /// A question that was noted.
  func question(_ index: Int) -> Exchanges.Noted? { index < count ? questions[index] : nil }

  /// Reads ahead what taking in the replies will need of the cache, and forgets them.
  mutating func anticipate(in cache: borrowing Cache) -> UInt32 {
    let noted = count
    count = 0
    var all = hashes.mutableSpan
    var places = all._mutatingExtracting(first: noted)
    return cache.anticipateNew(&places)
  }
}
