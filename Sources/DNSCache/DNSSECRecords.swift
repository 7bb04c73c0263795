import DNSWire
import Memory

/// What stands behind an RRset or a negative entry for those who check it themselves.
public struct DNSSECRecords: ~Escapable {
  /// RRSIG records that cover the RRset, or the SOA of a negative entry; for each two octets of length
  /// in network order and the RDATA.
  ///
  /// They have the owner and the TTL of what they cover (RFC 4034 §3).
  let signatures: Span<UInt8>
  /// Records with owners of their own: NSEC and NSEC3 that prove a negative entry or the expansion of a
  /// wildcard (RFC 4035 §3.1.3), the DNAME that a CNAME was made from, and the RRSIG of each; as
  /// ``ProofRecord`` reads them.
  let proof: Span<UInt8>

  /// Octets of both.
  var count: Int { signatures.count + proof.count }

  /// Takes signatures and a proof.
  @_lifetime(copy signatures, copy proof)
  public init(signatures: Span<UInt8>, proof: Span<UInt8>) {
    self.signatures = signatures
    self.proof = proof
  }

  /// No DNSSEC records.
  @_lifetime(immortal)
  public init() {
    signatures = Span()
    proof = Span()
  }
}

/// A record of a proof: its owner's name, two octets of type, two octets of length, and the RDATA.
public struct ProofRecord {
  /// Octets of the owner's name.
  let ownerCount: Int
  let type: RecordType
  /// The type that its signature covers, when it is one.
  let covered: RecordType
  /// Where it ends.
  let end: Int

  /// Octets of type and length.
  static let fields = 4

  /// Whether the record stands in the Answer section, before the alias that it explains (RFC 6672 §3.1),
  /// and not in Authority.
  var isRedirection: Bool { type == .dname || covered == .dname }

  /// Whether a record belongs into a proof: NSEC, NSEC3, DNAME, or a signature of one.
  ///
  /// - Parameter data: RDATA.
  public static func mayBe(_ type: RecordType, _ data: Span<UInt8>) -> Bool {
    switch type {
    case .nsec, .nsec3, .dname: (try? RData.check(data, of: type)) != nil
    case .rrsig:
      switch Signature(data)?.covered {
      case .nsec?, .nsec3?, .dname?: true
      default: false
      }
    default: false
    }
  }

  /// Reads a record that is known to be well formed.
  init(_ proof: Span<UInt8>, at start: Int) {
    var position = start
    while proof[position] != 0 { position += Int(proof[position]) + 1 }
    position += 1
    ownerCount = position - start
    type = RecordType(rawValue: proof.load16(position))
    end = position + ProofRecord.fields + Int(proof.load16(position + 2))
    covered =
      type == .rrsig
      ? RecordType(rawValue: proof.load16(position + ProofRecord.fields))
      : RecordType(rawValue: 0)
  }
}

extension Cache {
  /// Where the DNSSEC records of an RRset lie that has some.
  struct DNSSECRecordsPlace {
    let signatures: Int
    let proof: Int
    let end: Int

    init(_ set: Reference, in arena: borrowing Arena) {
      let start = DNSSECRecordsField.start(dataCount: Int(arena.load32(set, SetField.dataCount)))
      signatures = start + DNSSECRecordsField.data
      proof = signatures + Int(arena.load32(set, start + DNSSECRecordsField.signatures))
      end = proof + Int(arena.load32(set, start + DNSSECRecordsField.proof))
    }
  }

  /// Puts DNSSEC records behind the data of an RRset.
  mutating func store(_ dnssecRecords: borrowing DNSSECRecords, in set: Reference, dataCount: Int) {
    let start = DNSSECRecordsField.start(dataCount: dataCount)
    arena.store32(
      UInt32(dnssecRecords.signatures.count), set, start + DNSSECRecordsField.signatures)
    arena.store32(UInt32(dnssecRecords.proof.count), set, start + DNSSECRecordsField.proof)
    arena.store(dnssecRecords.signatures, set, start + DNSSECRecordsField.data)
    arena.store(
      dnssecRecords.proof, set, start + DNSSECRecordsField.data + dnssecRecords.signatures.count)
    let flags = arena.load8(set, SetField.flags) | RRsetFlags.hasDNSSECRecords.rawValue
    arena.store8(flags, set, SetField.flags)
  }

  // MARK: Writing

  /// Writes the signatures of an RRset in the Answer section.
  func writeSignatures(
    _ set: Reference, owner: Int, ttl: UInt32, into writer: inout MessageWriter
  ) {
    let place = DNSSECRecordsPlace(set, in: arena)
    var position = place.signatures
    while position < place.proof && !writer.overflowed {
      let octets = Int(arena.load16(set, position).bigEndian)
      writer.record(
        owner: owner, type: .rrsig, ttl: ttl,
        data: arena.octets(set, position + 2, count: octets), in: .answer)
      position += 2 + octets
    }
  }

  /// Writes the signatures of an RRset whose owner's name is to be written with each.
  func writeSignatures(
    _ set: Reference, ownerName: Span<UInt8>, ttl: UInt32, in section: RecordView.Section,
    into writer: inout MessageWriter
  ) {
    let place = DNSSECRecordsPlace(set, in: arena)
    var position = place.signatures
    while position < place.proof && !writer.overflowed {
      let octets = Int(arena.load16(set, position).bigEndian)
      let begin = writer.beginRecord(ownerName: ownerName, type: .rrsig, ttl: ttl)
      writer.octets(arena.octets(set, position + 2, count: octets))
      writer.endRecord(begin, in: section)
      position += 2 + octets
    }
  }

  /// Notes an RRset of the answer whose proof belongs into Authority, and writes the part of it that
  /// comes before the RRset.
  ///
  /// - Parameter isSigned: whether signatures are wanted; else only the DNAME is that an alias was made from
  ///   (RFC 6672 §3.1).
  mutating func beginProof(
    _ set: Reference, ttl: UInt32, isSigned: Bool, into writer: inout MessageWriter
  ) {
    let place = DNSSECRecordsPlace(set, in: arena)
    guard place.proof < place.end else { return }
    proven[provenCount] = set.rawValue
    provenCount += 1
    writeProof(provenCount - 1, ttl: ttl, redirections: true, isSigned: isSigned, into: &writer)
  }

  /// Writes into Authority what proves the RRsets noted.
  ///
  /// All of it or nothing: RFC 4035 §3.1.3 wants TC when it doesn't fit.
  ///
  /// - Parameter isSigned: whether it is wanted.
  /// - Returns: whether it fitted.
  mutating func endProof(
    _ isSigned: Bool, into writer: inout MessageWriter, now: UInt32
  ) -> Bool {
    guard isSigned else {
      provenCount = 0
      return true
    }
    let mark = writer.mark
    for index in 0..<provenCount {
      let set = Reference(rawValue: proven[index])
      writeProof(
        index, ttl: remainingTTL(set, now: now), redirections: false, isSigned: true,
        into: &writer)
    }
    provenCount = 0
    guard writer.overflowed else { return true }
    writer.rewind(to: mark)
    return false
  }

  private func writeProof(
    _ index: Int, ttl: UInt32, redirections: Bool, isSigned: Bool,
    into writer: inout MessageWriter
  ) {
    let set = Reference(rawValue: proven[index])
    let place = DNSSECRecordsPlace(set, in: arena)
    let proof = arena.octets(set, place.proof, count: place.end - place.proof)
    var position = 0
    while position < proof.count && !writer.overflowed {
      let record = ProofRecord(proof, at: position)
      if record.isRedirection == redirections && (isSigned || record.type == .dname)
        && !isProven(proof.extracting(position..<record.end), before: index)
      {
        let begin = writer.beginRecord(
          ownerName: proof.extracting(position..<position + record.ownerCount),
          type: record.type, ttl: ttl)
        // Names in these are not compressed (RFC 4034 §3.1.7, §4.1.1; RFC 6672 §2.5).
        writer.octets(
          proof.extracting(position + record.ownerCount + ProofRecord.fields..<record.end))
        writer.endRecord(begin, in: redirections ? .answer : .authority)
      }
      position = record.end
    }
  }

  /// Whether a record is part of the proof of an earlier link of the chain, too: links in one zone share
  /// what is known of it.
  ///
  /// Bounded by ``longestChain`` and ``recordsPerProof``.
  private func isProven(_ record: Span<UInt8>, before index: Int) -> Bool {
    for earlier in 0..<index {
      let set = Reference(rawValue: proven[earlier])
      let place = DNSSECRecordsPlace(set, in: arena)
      let proof = arena.octets(set, place.proof, count: place.end - place.proof)
      var position = 0
      while position < proof.count {
        let end = ProofRecord(proof, at: position).end
        if end - position == record.count && Cache.isSame(record, proof, position) { return true }
        position = end
      }
    }
    return false
  }

  private static func isSame(_ record: Span<UInt8>, _ proof: Span<UInt8>, _ start: Int) -> Bool {
    for index in 0..<record.count where record[index] != proof[start + index] { return false }
    return true
  }

  // MARK: Reading

  /// Visits the signatures that cover an RRset, or the SOA of a negative entry: the RDATA of each.
  ///
  /// - Parameter set: an RRset that this cache showed, with no change to the cache in between.
  public func visitSignatures(of set: RRset, _ body: (Span<UInt8>) -> Void) {
    guard set.flags.contains(.hasDNSSECRecords) else { return }
    let place = DNSSECRecordsPlace(set.reference, in: arena)
    var position = place.signatures
    while position < place.proof {
      let octets = Int(arena.load16(set.reference, position).bigEndian)
      body(arena.octets(set.reference, position + 2, count: octets))
      position += 2 + octets
    }
  }

  /// Visits the records that prove an RRset or a negative entry: owner's name, type and RDATA of each.
  ///
  /// - Parameter set: an RRset that this cache showed, with no change to the cache in between.
  public func visitProof(
    of set: RRset, _ body: (Span<UInt8>, RecordType, Span<UInt8>) -> Void
  ) {
    guard set.flags.contains(.hasDNSSECRecords) else { return }
    let place = DNSSECRecordsPlace(set.reference, in: arena)
    let proof = arena.octets(set.reference, place.proof, count: place.end - place.proof)
    var position = 0
    while position < proof.count {
      let record = ProofRecord(proof, at: position)
      let data = position + record.ownerCount + ProofRecord.fields
      body(
        proof.extracting(position..<position + record.ownerCount), record.type,
        proof.extracting(data..<record.end))
      position = record.end
    }
  }
}
