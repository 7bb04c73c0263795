import DNSCache
import DNSWire
import Memory

// Signatures and proofs, which come only when a client wants them (DO).

extension ReplyIngest {
  /// Where evidence lies in `data`: behind the records that it is for.
  struct EvidenceExtent {
    /// Where the signatures end and the proof begins.
    var signatures: Int
    /// Where the proof ends.
    var end: Int
    /// The least TTL of the records and their evidence, which live and die together (RFC 4035 §4.5).
    var ttl: UInt32
    /// Whether the records were made from a wildcard (RFC 4035 §3.1.3.3).
    var isExpanded = false
    /// Records of proof so far.
    var proofCount = 0

    init(at position: Int, ttl: UInt32) {
      signatures = position
      end = position
      self.ttl = ttl
    }

    /// Regards another record's TTL; one with its top bit set is zero (RFC 2181 §8).
    mutating func limit(_ other: UInt32) {
      ttl = min(ttl, other > UInt32(Int32.max) ? 0 : other)
    }
  }

  /// Whether a type's records say nothing but that others are genuine, or missing.
  static func isEvidence(_ type: RecordType) -> Bool {
    type == .rrsig || type == .nsec || type == .nsec3
  }

  /// Copies the signatures of the type at `signed` behind what is in `data`.
  ///
  /// - Returns: whether there was room.
  mutating func takeSignatures(
    _ message: Span<UInt8>, of type: RecordType, _ section: RecordView.Section,
    _ extent: inout EvidenceExtent
  ) -> Bool {
    for index in 0..<recordCount {
      let entry = records[index]
      guard entry.view.type == .rrsig, entry.view.section == section,
        entry.ownerHash == signed.hash, !entry.isTaken,
        let signature = signature(message, entry.view), signature.covered == type,
        isSigned(message, entry.view)
      else { continue }
      records[index].isTaken = true
      let begin = extent.end
      guard begin + 2 + entry.view.dataCount <= Cache.largestSet else { return false }
      var target = data.mutableSpan
      target.store16(UInt16(entry.view.dataCount), begin)
      target.store(
        message.extracting(entry.view.data..<entry.view.data + entry.view.dataCount), begin + 2)
      extent.end = begin + 2 + entry.view.dataCount
      extent.signatures = extent.end
      extent.limit(entry.view.ttl)
      if signature.labels < signedLabels {
        extent.isExpanded = true
        guard
          (try? signer.load(from: message, at: entry.view.data + Signature.signerOffset)) != nil
        else { return false }
      }
    }
    return true
  }

  /// Copies what proves the records at `signed`: that the name they were made for has none of its own, or
  /// the DNAME that they were made from.
  ///
  /// - Returns: whether there was room.
  mutating func takeProof(
    _ message: Span<UInt8>, of redirection: Int?, _ extent: inout EvidenceExtent
  ) -> Bool {
    if let redirection {
      guard takeRedirection(message, redirection, &extent) else { return false }
    }
    return !extent.isExpanded || takeDenial(message, &extent)
  }

  /// Copies the NSEC and NSEC3 records of the zone `signer` in Authority, and their signatures.
  ///
  /// - Returns: whether there was room.
  mutating func takeDenial(_ message: Span<UInt8>, _ extent: inout EvidenceExtent) -> Bool {
    var looked = 0
    for index in 0..<recordCount where looked < ReplyIngest.extraLimit {
      let view = records[index].view
      guard view.section == .authority else { continue }
      looked += 1
      let type = view.type == .rrsig ? signature(message, view)?.covered : view.type
      guard type == .nsec || type == .nsec3,
        (try? owner.load(from: message, at: view.owner)) != nil,
        owner.isAtOrBelow(signer.octets)
      else { continue }
      records[index].isTaken = true
      guard takeProofRecord(message, view, &extent) else { return false }
    }
    return true
  }

  /// Copies a DNAME record and its signatures.
  private mutating func takeRedirection(
    _ message: Span<UInt8>, _ redirection: Int, _ extent: inout EvidenceExtent
  ) -> Bool {
    let first = records[redirection]
    guard (try? signed.load(from: message, at: first.view.owner)) != nil else { return false }
    for index in 0..<recordCount {
      let entry = records[index]
      guard entry.view.section == .answer, entry.ownerHash == first.ownerHash else { continue }
      guard
        index == redirection
          || entry.view.type == .rrsig && signature(message, entry.view)?.covered == .dname,
        isSigned(message, entry.view)
      else { continue }
      guard takeProofRecord(message, entry.view, &extent) else { return false }
    }
    return true
  }

  /// Copies a record with its owner's name as a part of a proof.
  private mutating func takeProofRecord(
    _ message: Span<UInt8>, _ view: RecordView, _ extent: inout EvidenceExtent
  ) -> Bool {
    guard extent.proofCount < Cache.recordsPerProof else { return false }
    var target = data.mutableSpan
    guard
      let name = try? WireName.copy(
        message, at: view.owner, into: &target, at: extent.end, foldingBefore: .max)
    else { return false }
    let fields = extent.end + name.count
    guard fields + 4 <= Cache.largestSet,
      let count = try? RData.copy(view, of: message, into: &target, at: fields + 4),
      fields + 4 + count <= Cache.largestSet
    else { return false }
    target.store16(view.type.rawValue, fields)
    target.store16(UInt16(count), fields + 2)
    extent.end = fields + 4 + count
    extent.proofCount += 1
    extent.limit(view.ttl)
    return true
  }

  private func signature(_ message: Span<UInt8>, _ view: RecordView) -> Signature? {
    Signature(message.extracting(view.data..<view.data + view.dataCount))
  }

  /// Whether `signed` owns a record, whose owner is in `owner` then.
  private mutating func isSigned(_ message: Span<UInt8>, _ view: RecordView) -> Bool {
    guard (try? owner.load(from: message, at: view.owner)) != nil else { return false }
    return owner.matches(signed.octets)
  }

  /// Labels of `signed` as RRSIG counts them: without an asterisk at the front (RFC 4034 §3.1.3).
  private var signedLabels: Int {
    let name = signed.octets
    let isWildcard = name.count > 2 && name[0] == 1 && name[1] == UInt8(ascii: "*")
    return signed.labelCount - (isWildcard ? 1 : 0)
  }
}
