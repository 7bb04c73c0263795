import DNSWire
import Memory

/// The fixed fields of an RRset or negative entry in a snapshot.
struct SnapshotSet {
  var type: UInt16
  var kind: RRset.Kind
  var rank: Rank
  var section: RecordView.Section
  /// The TTL it came with, after capping, in seconds.
  var ttl: UInt32
  /// Seconds since 1970.
  var expiry: UInt32
  var count: Int
  var dataCount: Int
  var flags: RRsetFlags
  /// The server's number in the block; 0 when it isn't known.
  var source: UInt8 = 0
  /// Bytes of signatures.
  var signatureCount = 0
  /// Bytes of proof.
  var proofCount = 0

  /// Bytes of the fields that each has.
  static let size = 16
  /// Bytes of the fields that tell of DNSSEC records, where there are some.
  static let dnssecRecordsSize = 4

  /// In the byte with kind, rank and section: the server's number follows.
  static let sourceFollows: UInt8 = 0x80

  /// Bytes of its fields.
  var fieldCount: Int {
    SnapshotSet.size + (source > 0 ? 1 : 0)
      + (flags.contains(.hasDNSSECRecords) ? SnapshotSet.dnssecRecordsSize : 0)
  }
  /// Bytes of all of it.
  var totalCount: Int { fieldCount + dataCount + signatureCount + proofCount }

  /// Reads the fields; nothing when one is out of range or the data go beyond the payload.
  init?(_ payload: Span<UInt8>, at position: Int) {
    guard position + SnapshotSet.size <= payload.count else { return nil }
    let octet = payload[position + 2]
    guard let kind = RRset.Kind(rawValue: octet & 3), let rank = Rank(rawValue: octet >> 2 & 7),
      let section = RecordView.Section(rawValue: octet >> 5 & 3)
    else { return nil }
    type = payload.load16(position)
    self.kind = kind
    self.rank = rank
    self.section = section
    ttl = payload.load32(position + 3)
    expiry = payload.load32(position + 7)
    count = Int(payload.load16(position + 11))
    dataCount = Int(payload.load16(position + 13))
    // RFC 2181 §8: a TTL has 31 bits; what has a TTL of zero is not written.
    guard ttl > 0 && ttl <= UInt32(Int32.max) else { return nil }
    flags = RRsetFlags(rawValue: payload[position + 15])
    guard flags.isSubset(of: RRsetFlags.kept.union(.hasDNSSECRecords)) else { return nil }
    var end = position + SnapshotSet.size
    if octet & SnapshotSet.sourceFollows != 0 {
      guard end < payload.count, payload[end] > 0 else { return nil }
      source = payload[end]
      end += 1
    }
    if flags.contains(.hasDNSSECRecords) {
      guard end + SnapshotSet.dnssecRecordsSize <= payload.count else { return nil }
      signatureCount = Int(payload.load16(end))
      proofCount = Int(payload.load16(end + 2))
      guard signatureCount + proofCount > 0 else { return nil }
    }
    guard position + totalCount <= payload.count else { return nil }
  }

  /// Whether the data are what the other fields promise.
  func isWellFormed(_ data: Span<UInt8>, owner: Span<UInt8>) -> Bool {
    let type = RecordType(rawValue: type)
    switch kind {
    case .records:
      return type.rawValue != 0 && !type.isMeta && SnapshotSet.holds(data, count, of: type)
    case .noData:
      return type.rawValue != 0 && count == 0 && SnapshotSet.isSOA(data, above: owner)
    case .nxDomain:
      return type.rawValue == 0 && count == 0 && SnapshotSet.isSOA(data, above: owner)
    }
  }

  /// Whether DNSSEC records could have come with such data.
  func isWellFormed(_ dnssecRecords: borrowing DNSSECRecords) -> Bool {
    let covered = kind == .records ? RecordType(rawValue: type) : .soa
    return SnapshotSet.holdsSignatures(dnssecRecords.signatures, of: covered)
      && SnapshotSet.isProof(dnssecRecords.proof)
  }

  private static func holdsSignatures(_ data: Span<UInt8>, of type: RecordType) -> Bool {
    var position = 0
    while position < data.count {
      guard position + 2 <= data.count else { return false }
      let end = position + 2 + Int(data.load16(position))
      guard end <= data.count,
        Signature(data.extracting(position + 2..<end))?.covered == type
      else { return false }
      position = end
    }
    return true
  }

  private static func isProof(_ data: Span<UInt8>) -> Bool {
    var position = 0
    var found = 0
    while position < data.count {
      guard let fields = WireName.endOfLowercased(data, at: position),
        fields + ProofRecord.fields <= data.count
      else { return false }
      let type = RecordType(rawValue: data.load16(fields))
      let begin = fields + ProofRecord.fields
      let end = begin + Int(data.load16(fields + 2))
      guard end <= data.count, ProofRecord.mayBe(type, data.extracting(begin..<end)) else {
        return false
      }
      position = end
      found += 1
    }
    return found <= Cache.recordsPerProof
  }

  /// Whether data are so many records of a type, and at least one.
  private static func holds(_ data: Span<UInt8>, _ count: Int, of type: RecordType) -> Bool {
    var position = 0
    var found = 0
    while position < data.count {
      guard position + 2 <= data.count else { return false }
      let end = position + 2 + Int(data.load16(position))
      guard end <= data.count,
        (try? RData.check(data.extracting(position + 2..<end), of: type)) != nil
      else { return false }
      position = end
      found += 1
    }
    return found == count && found > 0
  }

  /// Whether data are the offset of a zone's name in the owner's, and an SOA's RDATA.
  private static func isSOA(_ data: Span<UInt8>, above owner: Span<UInt8>) -> Bool {
    guard data.count > 1 else { return false }
    var label = 0
    let zone = Int(data[0])
    while label < zone && label < owner.count { label += Int(owner[label]) + 1 }
    return label == zone && zone < owner.count
      && (try? RData.check(data.extracting(1..<data.count), of: .soa)) != nil
  }
}
