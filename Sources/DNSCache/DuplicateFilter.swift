import DNSWire
import Memory

/// Finds the records that stand in a list twice, of which one is kept (RFC 2181 §5).
///
/// Records are the same when their RDATA have the same octets. Up to ``remembered`` different records
/// are compared exactly; of more, those behind are compared with these. The time is proportional to the
/// octets of the list, because the hash is keyed.
struct DuplicateFilter: ~Copyable {
  /// Records that are compared pair by pair, without a table.
  private static let few = 8
  /// Different records that are remembered; half of the slots, so that looking one up ends soon.
  static let remembered = 512

  private let seed: HashSeed
  /// Offsets of records in the list, plus one.
  private var slots: FixedArray<UInt32>
  private var slotsInUse = 0
  private var count = 0

  init(seed: HashSeed) {
    self.seed = seed
    slots = FixedArray(repeating: 0, count: DuplicateFilter.remembered * 2)
  }

  /// Begins a list.
  ///
  /// - Parameter count: the records in it.
  mutating func begin(count: Int) {
    self.count = count
    guard slotsInUse > 0 else { return }
    for index in 0..<slots.count { slots[index] = 0 }
    slotsInUse = 0
  }

  /// Whether no equal record stands before the one at an offset; to be asked of each, in order.
  mutating func isFirst(_ records: Span<UInt8>, at position: Int) -> Bool {
    let end = position + 2 + Int(records.load16(position))
    let record = records.extracting(position..<end)
    guard count > DuplicateFilter.few else {
      var earlier = 0
      while earlier < position {
        if DuplicateFilter.isSame(record, records, earlier) { return false }
        earlier += 2 + Int(records.load16(earlier))
      }
      return true
    }
    var slot = Int(hash(record)) & (slots.count - 1)
    while slots[slot] != 0 {
      if DuplicateFilter.isSame(record, records, Int(slots[slot]) - 1) { return false }
      slot = (slot + 1) & (slots.count - 1)
    }
    if slotsInUse < DuplicateFilter.remembered {
      slots[slot] = UInt32(position + 1)
      slotsInUse += 1
    }
    return true
  }

  /// Whether the record at an offset, length included, has the same octets as another.
  private static func isSame(_ record: Span<UInt8>, _ records: Span<UInt8>, _ other: Int) -> Bool {
    guard other + record.count <= records.count else { return false }
    var index = 0
    while index &+ 8 <= record.count {
      if record.load64(index) != records.load64(other &+ index) { return false }
      index &+= 8
    }
    while index < record.count {
      if record[index] != records[other &+ index] { return false }
      index &+= 1
    }
    return true
  }

  private func hash(_ record: Span<UInt8>) -> UInt32 {
    var high: UInt64 = 0
    var index = 0
    while index &+ 8 <= record.count {
      high = seed.mix(high, record.load64(index))
      index &+= 8
    }
    var low: UInt64 = 0
    while index < record.count {
      low = low << 8 | UInt64(record[index])
      index &+= 1
    }
    return seed.hash(high: high, low: low)
  }
}
