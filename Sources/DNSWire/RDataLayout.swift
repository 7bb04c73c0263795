import Memory

/// What the RDATA of a type is made of, as far as names in it are concerned.
///
/// Names are uncompressed on reading for the types of RFC 1035 and those listed in RFC 3597 §4; on
/// writing they may be compressed only for the types of RFC 1035 (RFC 3597 §4).
public struct RDataLayout: Sendable {
  /// A piece of RDATA.
  public enum Field: UInt8, Sendable {
    /// Nothing more may follow.
    case end = 0
    /// A name that may be compressed on writing.
    case compressibleName
    /// A name that may come compressed and is never written so.
    case name
    /// One character-string (RFC 1035 §3.3).
    case string
    /// Two octets.
    case two
    /// Four octets.
    case four
    /// Sixteen octets.
    case sixteen
    /// Eighteen octets: what stands before the signer's name in SIG.
    case eighteen
    /// Twenty octets: the five numbers at the end of SOA.
    case twenty
    /// Whatever is left, unseen.
    case rest
  }

  /// Fields in order, four bits each, from the lowest.
  private let fields: UInt32

  private init(packed: UInt32) { fields = packed }

  /// The field with a number; ``Field/end`` behind the last.
  public func field(_ index: Int) -> Field {
    guard index < 8 else { return .end }
    return Field(rawValue: UInt8(truncatingIfNeeded: fields >> UInt32(index * 4)) & 0xF) ?? .rest
  }

  /// Whether RDATA of this layout is copied as it is.
  public var isOpaque: Bool { field(0) == .rest }

  /// The layout of a type's RDATA; types without names of the old kind are opaque.
  public static func of(_ type: RecordType) -> RDataLayout {
    // Packed by hand so that no array is made for each record.
    switch type.rawValue {
    case 1: RDataLayout(packed: 0x5)  // A
    case 28: RDataLayout(packed: 0x6)  // AAAA
    case 2, 3, 4, 5, 7, 8, 9, 12: RDataLayout(packed: 0x1)  // NS MD MF CNAME MB MG MR PTR
    case 6: RDataLayout(packed: 0x811)  // SOA
    case 14: RDataLayout(packed: 0x11)  // MINFO
    case 15: RDataLayout(packed: 0x14)  // MX
    case 17: RDataLayout(packed: 0x22)  // RP
    case 18, 21, 36: RDataLayout(packed: 0x24)  // AFSDB RT KX
    case 24: RDataLayout(packed: 0x927)  // SIG
    case 26: RDataLayout(packed: 0x224)  // PX
    case 30: RDataLayout(packed: 0x92)  // NXT
    case 33: RDataLayout(packed: 0x2444)  // SRV
    case 35: RDataLayout(packed: 0x23_3344)  // NAPTR
    case 39: RDataLayout(packed: 0x2)  // DNAME
    default: RDataLayout(packed: 0x9)
    }
  }
}

/// Copying RDATA out of messages.
public enum RData {
  /// Copies one record's RDATA with its names uncompressed, checking that it has its type's form.
  ///
  /// - Parameters:
  ///   - record: a record that a ``RecordCursor`` found in `message`.
  ///   - target: where to write.
  ///   - start: where in `target` to begin.
  ///   - folded: labels that stand before this offset are lower-cased, as by `WireName.copy`.
  /// - Returns: octets written.
  /// - Throws: ``WireError/tooLarge`` when `target` ends first, else what is wrong with the RDATA.
  public static func copy(
    _ record: RecordView, of message: Span<UInt8>, into target: inout MutableSpan<UInt8>,
    at start: Int, foldingBefore folded: Int = 0
  ) throws(WireError) -> Int {
    let layout = RDataLayout.of(record.type)
    let end = record.data + record.dataCount
    var position = record.data
    var written = start
    var index = 0
    while true {
      let octets: Int
      switch layout.field(index) {
      case .end:
        guard position == end else { throw .badRData }
        return written - start
      case .compressibleName, .name:
        let name = try WireName.copy(
          message, at: position, into: &target, at: written, foldingBefore: folded)
        guard name.end <= end else { throw .badRData }
        position = name.end
        written += name.count
        index += 1
        continue
      case .string:
        guard position < end else { throw .badRData }
        octets = 1 + Int(message[position])
      case .two: octets = 2
      case .four: octets = 4
      case .sixteen: octets = 16
      case .eighteen: octets = 18
      case .twenty: octets = 20
      case .rest: octets = end - position
      }
      guard position + octets <= end else { throw .badRData }
      guard written + octets <= target.count else { throw .tooLarge }
      target.store(message.extracting(position..<position + octets), written)
      position += octets
      written += octets
      index += 1
    }
  }
}
