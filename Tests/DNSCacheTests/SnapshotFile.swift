/// A snapshot's blocks as docs/snapshot.md describes them, written here once more so that the document
/// is tested, too.
enum SnapshotFile {
  static let magic: [UInt8] = [0x89, 0x44, 0x4E, 0x53, 0x43, 0x0D, 0x0A, 0x1A]
  static let frame = 32

  static func checksum(_ block: [UInt8]) -> [UInt8] {
    var octets = Array(block[..<24] + block[32...])
    repeat { octets.append(0) } while octets.count % 8 != 0
    var sum: UInt64 = 0x6A09_E667_F3BC_C908
    for start in stride(from: 0, to: octets.count, by: 8) {
      let word = octets[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      let product = (sum ^ word) &* 0x9E37_79B9_7F4A_7C15
      sum = product ^ product >> 32
    }
    return (0..<8).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) }
  }

  static func number(_ value: Int, octets: Int) -> [UInt8] {
    (0..<octets).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  static func block(
    kind: UInt8, entries: Int, created: Int = 1_800_000_000, version: UInt8 = 5,
    sources: UInt8 = 0, _ payload: [UInt8]
  ) -> [UInt8] {
    var block = magic + [version, ~version, kind, sources]
    block += number(payload.count, octets: 4) + number(entries, octets: 4)
    block += number(created, octets: 4) + [UInt8](repeating: 0, count: 8) + payload
    block.replaceSubrange(24..<32, with: checksum(block))
    return block
  }

  static let start = start(0, 0, 0)

  /// A start block that promises so many names, IPv4 addresses and IPv6 addresses.
  static func start(_ counts: Int...) -> [UInt8] {
    block(
      kind: 0, entries: 0, number(65_536, octets: 4) + counts.flatMap { number($0, octets: 4) })
  }

  static func end(_ totals: Int...) -> [UInt8] {
    block(kind: 2, entries: 0, totals.flatMap { number($0, octets: 4) })
  }

  /// One RRset of an entry.
  static func set(
    type: Int = 1, flags: UInt8 = 5 << 2, ttl: Int = 300, expiry: Int = 1_800_000_300,
    count: Int = 1, data: [UInt8] = [0, 4, 192, 0, 2, 1], rrsetFlags: UInt8 = 0,
    source: UInt8? = nil
  ) -> [UInt8] {
    let flags = flags | (source == nil ? 0 : 0x80)
    return number(type, octets: 2) + [flags] + number(ttl, octets: 4) + number(expiry, octets: 4)
      + number(count, octets: 2) + number(data.count, octets: 2) + [rrsetFlags]
      + (source.map { [$0] } ?? []) + data
  }

  /// A server behind the entries of a block.
  static func source(family: UInt8 = 4, _ address: [UInt8], port: Int = 53) -> [UInt8] {
    [family] + [UInt8](repeating: 0, count: 16 - address.count) + address + number(port, octets: 2)
  }

  /// One RRset of an entry that has signatures or a proof.
  static func signedSet(
    signatures: [UInt8] = [], proof: [UInt8] = [], rrsetFlags: UInt8 = 16
  ) -> [UInt8] {
    let fields = 16
    let plain = set(rrsetFlags: rrsetFlags)
    return plain[..<fields] + number(signatures.count, octets: 2) + number(proof.count, octets: 2)
      + plain[fields...] + signatures + proof
  }

  /// Makes the checksum right again.
  static func seal(_ block: [UInt8]) -> [UInt8] {
    var block = block
    block.replaceSubrange(24..<32, with: checksum(block))
    return block
  }
}
