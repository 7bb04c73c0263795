import Memory

/// What of an RRSIG record's RDATA tells to what it belongs (RFC 4034 §3.1).
public struct Signature: Sendable {
  /// The type of the RRset that is signed.
  public let covered: RecordType
  /// Labels that the owner's name had when it was signed: fewer than it has now when the record was made
  /// from a wildcard (RFC 4034 §3.1.3).
  public let labels: Int
  /// The offset behind the name of the zone that signed.
  public let signerEnd: Int

  /// Octets before the signer's name: type, algorithm, labels, original TTL, two times, key tag.
  public static let signerOffset = 18

  /// Reads RDATA whose signer's name is uncompressed, as it has to be; nothing when it is malformed.
  public init?(_ data: Span<UInt8>) {
    guard data.count > Signature.signerOffset,
      let end = try? WireName.endOfPlain(data, at: Signature.signerOffset)
    else { return nil }
    signerEnd = end
    covered = RecordType(rawValue: data.load16(0))
    labels = Int(data[3])
  }
}
