import DNSCache
import DNSWire
import Memory

extension Cache {
  /// Takes in what was listed of a reply, in its order.
  mutating func store(_ reply: inout Reply, now: UInt32) {
    beginReply()
    for index in 0..<reply.setCount { reply.store(index, in: &self, now: now) }
  }
}

extension Reply {
  fileprivate mutating func store(_ index: Int, in cache: inout Cache, now: UInt32) {
    let set = set(index)
    if set.owner.start == 0 {
      store(set, of: question, in: &cache, now: now)
    } else {
      octets.load(set.owner, into: &name)
      store(set, of: name, in: &cache, now: now)
    }
  }

  private func store(
    _ set: ReplySet, of owner: borrowing NameKey, in cache: inout Cache, now: UInt32
  ) {
    let records = octets.span.extracting(set.records.start..<set.records.end)
    let evidence = Evidence(
      signatures: octets.span.extracting(set.signatures.start..<set.signatures.end),
      proof: octets.span.extracting(set.proof.start..<set.proof.end))
    if set.kind == .records {
      _ = cache.insert(
        owner: owner, type: set.type, ttl: set.ttl, records: records, evidence: evidence,
        from: set.origin, now: now)
    } else {
      _ = cache.insertNegative(
        owner: owner, type: set.kind == .noName ? nil : set.type, asked: set.type,
        soa: set.zoneCount == 0
          ? nil : Cache.NegativeSOA(zoneCount: Int(set.zoneCount), ttl: set.ttl),
        soaData: records, evidence: evidence, from: set.origin, now: now)
    }
  }
}

extension FixedArray<UInt8> {
  fileprivate func load(_ place: Reply.NamePlace, into key: inout NameKey) {
    key.load(
      span.extracting(Int(place.start)..<Int(place.start) + Int(place.count)), withHash: place.hash)
  }
}
