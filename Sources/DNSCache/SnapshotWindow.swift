import DNSWire
import Memory

/// The next entries of a block, with their names made ready and the hashes of what they will touch.
///
/// At a million names nearly every step of taking one in waits for memory. Known beforehand, the places
/// of many are read together, and the waits overlap.
struct SnapshotWindow: ~Copyable {
  /// An entry: a name, and where its RRsets begin.
  struct Entry: BitwiseCopyable {
    /// Offset of the first RRset in the payload.
    var sets = 0
    var setCount = 0
    var isUsed = false
  }

  /// Entries there are.
  private(set) var count = 0
  private(set) var entries = FixedArray(repeating: Entry(), count: SnapshotWindow.size)
  private(set) var keys: FixedArray<NameKey>

  private let seed: HashSeed
  private var hashes = FixedArray<UInt32>(repeating: 0, count: SnapshotWindow.size)
  private var hashes4 = FixedArray<UInt32>(repeating: 0, count: SnapshotWindow.addresses)
  private var hashes6 = FixedArray<UInt32>(repeating: 0, count: SnapshotWindow.addresses)
  private var count4 = 0
  private var count6 = 0

  /// Entries at most: their keys and what is read ahead for them stay in the first cache.
  static let size = 64
  /// Addresses of each family that are read ahead at most.
  private static let addresses = 128

  init(seed: HashSeed) {
    self.seed = seed
    keys = FixedArray(count: SnapshotWindow.size) { NameKey(seed: seed) }
  }

  /// Takes the entries from a position on, some of them at most.
  ///
  /// Ends before an entry whose name is impossible. RRsets are only glanced at: the caller checks them.
  mutating func fill(_ payload: Span<UInt8>, at start: Int, most: Int) {
    count = 0
    count4 = 0
    count6 = 0
    var position = start
    while count < min(most, SnapshotWindow.size) {
      guard let nameEnd = try? WireName.endOfPlain(payload, at: position), nameEnd < payload.count
      else { return }
      let name = payload.extracting(position..<nameEnd)
      keys[count].load(trusted: name)
      let setCount = Int(payload[nameEnd] & 0x7F)
      // The key is lower-cased: it differs when the name was not.
      guard keys[count].matches(name), setCount >= 1 && setCount <= Cache.setsPerName
      else { return }
      hashes[count] = keys[count].hash
      entries[count] = Entry(
        sets: nameEnd + 1, setCount: setCount, isUsed: payload[nameEnd] & 0x80 != 0)
      count += 1
      position = nameEnd + 1
      for _ in 0..<setCount {
        // The caller finds, and counts, what is wrong here when it takes the entry in.
        guard let end = glance(payload, at: position) else { return }
        position = end
      }
    }
  }

  /// Hashes the addresses of an RRset; gives the offset behind it, or nothing when it is cut.
  private mutating func glance(_ payload: Span<UInt8>, at position: Int) -> Int? {
    guard let set = SnapshotSet(payload, at: position) else { return nil }
    var data = position + set.fieldCount
    let end = data + set.dataCount
    guard set.kind == .records else { return position + set.totalCount }
    switch set.type {
    case RecordType.a.rawValue:
      while data + 6 <= end && count4 < SnapshotWindow.addresses {
        hashes4[count4] = seed.hash(high: 0, low: UInt64(payload.load32(data + 2)))
        count4 += 1
        data += 6
      }
    case RecordType.aaaa.rawValue:
      while data + 18 <= end && count6 < SnapshotWindow.addresses {
        hashes6[count6] = seed.hash(
          high: payload.load64(data + 2).byteSwapped, low: payload.load64(data + 10).byteSwapped)
        count6 += 1
        data += 18
      }
    default: break
    }
    return position + set.totalCount
  }

  /// Reads ahead what taking the entries in will need; gives something made from all that was read.
  func prefetchMemory(in cache: borrowing Cache) -> UInt32 {
    cache.prefetchMemory(
      names: hashes.span.extracting(0..<count), addresses4: hashes4.span.extracting(0..<count4),
      addresses6: hashes6.span.extracting(0..<count6))
  }
}
