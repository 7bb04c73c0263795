import DNSCache
import DNSWire
import Memory

// Signatures and proofs, which come only when a client wants them (DO), and negative answers (RFC 2308 §2).

extension Reply {
  /// Whether a type's records say nothing but that others are genuine, or missing.
  static func isProof(_ type: RecordType) -> Bool {
    type == .rrsig || type == .nsec || type == .nsec3
  }

  /// Adds to an RRset its signatures, and what proves it: that the name it was made for has no records of its
  /// own, or the DNAME that it was made from.
  ///
  /// - Returns: whether there was room.
  mutating func takeProofs(of set: inout ReplySet, _ redirection: Int?) -> Bool {
    var signer: NamePlace?
    if keepsSignatures {
      guard takeSignatures(of: &set, set.owner, covering: set.type, &signer) else { return false }
    }
    guard set.origin.section == .answer else { return true }
    var count = 0
    if let redirection {
      guard takeRedirection(redirection, into: &set, &count) else { return false }
    }
    guard let signer else { return true }
    return takeDenial(in: signer, into: &set, &count)
  }

  /// Adds to an RRset the signatures of a name that cover a type.
  ///
  /// - Parameter signer: gets the zone that signed when the records were made from a wildcard
  ///   (RFC 4035 §3.1.3.3).
  /// - Returns: whether there was room.
  private mutating func takeSignatures(
    of set: inout ReplySet, _ owner: NamePlace, covering type: RecordType,
    _ signer: inout NamePlace?
  ) -> Bool {
    let section: RecordView.Section = set.kind == .records ? set.origin.section : .authority
    var next = first(of: owner, .rrsig, in: section)
    while let index = next {
      if !isTaken(index), let signature = Signature(data(of: index)), signature.covered == type {
        take(index)
        guard append(index, to: &set.signatures),
          set.records.count + set.signatures.count <= Cache.largestSet
        else { return false }
        set.limit(record(index).ttl)
        if signature.labels < signedLabels(owner) {
          let start = Int(record(index).start) + 2
          signer = placeName(at: start + Signature.signerOffset..<start + signature.signerEnd)
          guard signer != nil else { return false }
        }
      }
      next = self.next(behind: index, of: owner, .rrsig, in: section)
    }
    return true
  }

  /// Adds the NSEC and NSEC3 records of a zone in Authority, and their signatures.
  ///
  /// - Returns: whether there was room.
  private mutating func takeDenial(
    in zone: NamePlace, into set: inout ReplySet, _ count: inout Int
  ) -> Bool {
    for index in authorityRecords {
      let record = record(index)
      let type = record.type == .rrsig ? Signature(data(of: index))?.covered : record.type
      guard type == .nsec || type == .nsec3, isAtOrBelow(record.owner, zone) else { continue }
      take(index)
      guard addProof(index, to: &set, &count) else { return false }
    }
    return true
  }

  /// Adds a DNAME record and its signatures.
  private mutating func takeRedirection(
    _ redirection: Int, into set: inout ReplySet, _ count: inout Int
  ) -> Bool {
    guard addProof(redirection, to: &set, &count) else { return false }
    let owner = record(redirection).owner
    var next = first(of: owner, .rrsig, in: .answer)
    while let index = next {
      if Signature(data(of: index))?.covered == .dname {
        guard addProof(index, to: &set, &count) else { return false }
      }
      next = self.next(behind: index, of: owner, .rrsig, in: .answer)
    }
    return true
  }

  /// Adds a record with its owner's name to a proof.
  private mutating func addProof(
    _ index: Int, to set: inout ReplySet, _ count: inout Int
  ) -> Bool {
    let record = record(index)
    let octetCount = Int(record.owner.count) + 4 + data(of: index).count
    guard count < Cache.recordsPerProof, hasRoom(octetCount),
      set.records.count + set.signatures.count + set.proof.count + octetCount <= Cache.largestSet
    else { return false }
    count += 1
    if set.proof.count == 0 { set.proof.start = used }
    _ = gather(Int(record.owner.start), count: Int(record.owner.count))
    octets.store(record.type.rawValue, at: used)
    used += 2
    // The length stands before the RDATA already.
    set.proof.end = gather(Int(record.start), count: 2 + data(of: index).count).end
    set.limit(record.ttl)
    return true
  }

  /// Labels of a name as RRSIG counts them: without an asterisk at the front (RFC 4034 §3.1.3).
  private func signedLabels(_ place: NamePlace) -> Int {
    let name = octets(of: place)
    let isWildcard = name.count > 2 && name[0] == 1 && name[1] == UInt8(ascii: "*")
    return WireName.labelCount(name) - (isWildcard ? 1 : 0)
  }

  // MARK: Negative answers

  /// Lists that a name does not exist, or has no data of the type asked for.
  ///
  /// - Parameter isAliased: the name is the end of a chain of aliases.
  mutating func takeNegative(
    of owner: NamePlace, _ type: RecordType, isAliased: Bool, as origin: Origin
  ) -> Kind {
    let isNXDOMAIN = flags & MessageHeader.Flag.rcodeMask == ResponseCode.nxDomain.rawValue
    let soa = enclosing(owner, .soa)
    if soa == nil && !isNXDOMAIN {
      // NOERROR without data: the chain's end is to be asked for by itself; or a referral
      // (RFC 2308 §2.2.1: NS without SOA), which no resolver should send; or NODATA, type 3, perhaps with
      // the zone's NS, from a resolver whose answers are full.
      if isAliased { return .partial }
      let isResolver = flags & MessageHeader.Flag.recursionAvailable != 0
      if !isResolver && enclosing(owner, .ns) != nil { return .referral }
    }
    var set = ReplySet(
      owner: owner, kind: isNXDOMAIN ? .nxDomain : .noData, type: type, origin: origin)
    if let soa {
      let record = record(soa)
      let start = Int(record.start) + 2
      set.ttl = record.ttl
      set.zoneCount = record.owner.count
      set.records = ReplySet.Range(start: start, end: start + data(of: soa).count)
      if keepsSignatures {
        var signer: NamePlace?
        var count = 0
        guard takeSignatures(of: &set, record.owner, covering: .soa, &signer),
          takeDenial(in: record.owner, into: &set, &count)
        else { return .tooLarge }
      }
    }
    // Of a proof as large as a message, a part would be none.
    guard set.signatures.count + set.proof.count <= Cache.largestNegativeProof, list(set) else {
      return .tooLarge
    }
    return isNXDOMAIN ? .nxDomain : .noData
  }

  /// The first record of a type in Authority whose owner is a name or above it.
  private func enclosing(_ name: NamePlace, _ type: RecordType) -> Int? {
    for index in authorityRecords
    where record(index).type == type && isAtOrBelow(name, record(index).owner) {
      return index
    }
    return nil
  }
}

extension FixedArray<UInt8> {
  fileprivate mutating func store(_ number: UInt16, at offset: Int) {
    var target = mutableSpan
    target.store16(number, offset)
  }
}
