import Memory

/// The frame that every block of a snapshot has; docs/snapshot.md describes the format.
struct SnapshotBlock {
  /// What a block holds.
  enum Kind: UInt8 {
    /// The beginning of a file: bytes of the largest block, and what is going to come.
    case start = 0
    /// Names and what is known of them.
    case names = 1
    /// The end of a file: totals.
    case end = 2
    /// Domains that had routes of their own while the names behind it were in the cache.
    case routes = 3
  }

  var kind: Kind
  /// Bytes behind the frame.
  var payloadCount: Int
  /// Entries in the payload.
  var entryCount: Int
  /// When the snapshot was begun, in seconds since 1970, up to the year 2106.
  var created: UInt32
  /// Servers named at the payload's end.
  var sourceCount = 0

  /// The format's version.
  static let version: UInt8 = 5
  /// The oldest version that can be read: 4 is 5 without routes, 3 is 4 without servers.
  static let oldestVersion: UInt8 = 3
  /// Bytes of the largest block, its frame included.
  static let size = 65_536
  /// Bytes of the frame.
  static let frame = 32
  /// The eight bytes 89 44 4E 53 43 0D 0A 1A, as ``Span/load64(_:)`` reads them.
  ///
  /// The first is not ASCII and a line break is among them, so that a copy made in text mode fails.
  static let magic: UInt64 = 0x1A0A_0D43_534E_4489
  /// The first byte of ``magic``.
  static let magicFirst: UInt8 = 0x89

  /// Why a frame is not one.
  enum Fault: Error {
    /// No frame, or damaged.
    case damaged
    /// Written by another version of the program.
    case otherVersion
    /// The bytes end before the block does.
    case cut
  }

  init(
    kind: Kind, payloadCount: Int, entryCount: Int, created: UInt32, sourceCount: Int = 0
  ) {
    self.kind = kind
    self.payloadCount = payloadCount
    self.entryCount = entryCount
    self.created = created
    self.sourceCount = sourceCount
  }

  /// Reads a frame and checks its block's checksum.
  ///
  /// - Parameter bytes: a file from the frame on.
  init(_ bytes: Span<UInt8>) throws(Fault) {
    guard bytes.count >= SnapshotBlock.frame else { throw .cut }
    guard bytes.load64(0) == SnapshotBlock.magic, bytes[9] == ~bytes[8] else {
      throw .damaged
    }
    guard bytes[8] >= SnapshotBlock.oldestVersion && bytes[8] <= SnapshotBlock.version else {
      throw .otherVersion
    }
    let payloadCount = Int(bytes.load32(12))
    let sourceCount = Int(bytes[11])
    guard let kind = Kind(rawValue: bytes[10]),
      payloadCount <= SnapshotBlock.size - SnapshotBlock.frame,
      sourceCount * SnapshotSources.size <= payloadCount, sourceCount <= SourceTable.limit,
      kind == .names || sourceCount == 0
    else { throw .damaged }
    guard bytes.count >= SnapshotBlock.frame + payloadCount else { throw .cut }
    self.init(
      kind: kind, payloadCount: payloadCount, entryCount: Int(bytes.load32(16)),
      created: bytes.load32(20), sourceCount: sourceCount)
    guard bytes.load64(24) == SnapshotBlock.checksum(bytes, payloadCount: payloadCount) else {
      throw .damaged
    }
  }

  /// Writes the frame before a payload that is complete.
  func write(to buffer: inout MutableSpan<UInt8>) {
    buffer.store64(SnapshotBlock.magic, 0)
    buffer[8] = SnapshotBlock.version
    buffer[9] = ~SnapshotBlock.version
    buffer[10] = kind.rawValue
    buffer[11] = UInt8(sourceCount)
    buffer.store32(UInt32(payloadCount), 12)
    buffer.store32(UInt32(entryCount), 16)
    buffer.store32(created, 20)
    buffer.store64(SnapshotBlock.checksum(buffer.span, payloadCount: payloadCount), 24)
  }

  /// The checksum of a block: all but its own eight bytes.
  ///
  /// Against accidents, not against people: it isn't cryptographic. Each step is one-to-one, so a
  /// change within eight aligned bytes is always noticed, and another one misses one time in 2⁶⁴.
  static func checksum(_ block: Span<UInt8>, payloadCount: Int) -> UInt64 {
    var sum: UInt64 = 0x6A09_E667_F3BC_C908
    for offset in stride(from: 0, to: 24, by: 8) { sum = step(sum, block.load64(offset)) }
    var offset = frame
    let end = frame + payloadCount
    while offset &+ 8 <= end {
      sum = step(sum, block.load64(offset))
      offset &+= 8
    }
    var last: UInt64 = 0
    var shift: UInt64 = 0
    while offset < end {
      last |= UInt64(block[offset]) << shift
      shift += 8
      offset &+= 1
    }
    return step(sum, last)
  }

  private static func step(_ sum: UInt64, _ word: UInt64) -> UInt64 {
    let product = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
    return product ^ product >> 32
  }
}
