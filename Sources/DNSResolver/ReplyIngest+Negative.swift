import DNSCache
import DNSWire
import Memory

// Negative answers (RFC 2308 §2).

extension ReplyIngest {
  /// Takes in that the name at the end of the aliases does not exist, or has no data of the type asked for.
  mutating func takeNegative(
    _ message: Span<UInt8>, _ header: MessageHeader, _ type: RecordType, links: Int,
    _ origin: Origin, into cache: inout Cache, now: UInt32
  ) -> Verdict {
    let isNoName = header.rcode == UInt8(ResponseCode.nxDomain.rawValue)
    let soa = enclosing(message, .soa)
    if soa == nil && !isNoName {
      // NOERROR without data: the chain's end is to be asked for by itself; or a referral
      // (RFC 2308 §2.2.1: NS without SOA), which no resolver should send; or NODATA, type 3, perhaps with
      // the zone's NS, from a resolver whose answers are full.
      if links > 0 { return .usable }
      let isResolver = header.flags & MessageHeader.Flag.recursionAvailable != 0
      if !isResolver && enclosing(message, .ns) != nil { return .referral }
    }
    var description: Cache.NegativeSOA?
    var written = 0
    var evidence = EvidenceExtent(at: 0, ttl: 0)
    if let soa {
      let folded = questionEnd
      var target = data.mutableSpan
      guard
        let count = try? RData.copy(
          soa.view, of: message, into: &target, at: 0, foldingBefore: folded)
      else {
        return .malformed
      }
      written = count
      evidence = EvidenceExtent(at: written, ttl: soa.view.ttl)
      if keepsEvidence {
        guard (try? signed.load(from: message, at: soa.view.owner)) != nil else {
          return .malformed
        }
        guard takeSignatures(message, of: .soa, .authority, &evidence) else { return .tooLarge }
        signer.load(signed)
        guard takeDenial(message, &evidence) else { return .tooLarge }
      }
      description = Cache.NegativeSOA(zoneCount: soa.zoneCount, ttl: evidence.ttl)
    }
    let insertion = cache.insertNegative(
      owner: current, type: isNoName ? nil : type, asked: type, soa: description,
      soaData: data.span.extracting(0..<written),
      evidence: Evidence(
        signatures: data.span.extracting(written..<max(written, evidence.signatures)),
        proof: data.span.extracting(evidence.signatures..<evidence.end)),
      from: origin, now: now)
    // Of a proof as large as a message, a part would be none.
    return insertion == .refused ? .tooLarge : .usable
  }

  /// The first record of a type in Authority whose owner is at or above `current`.
  private mutating func enclosing(
    _ message: Span<UInt8>, _ type: RecordType
  ) -> (view: RecordView, zoneCount: Int)? {
    var looked = 0
    for index in 0..<recordCount where looked < ReplyIngest.extraLimit {
      let view = records[index].view
      guard view.section == .authority else { continue }
      looked += 1
      guard view.type == type, (try? owner.load(from: message, at: view.owner)) != nil,
        current.isAtOrBelow(owner.octets)
      else { continue }
      return (view, owner.count)
    }
    return nil
  }
}
