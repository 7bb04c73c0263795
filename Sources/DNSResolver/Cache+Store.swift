import DNSCache
import DNSExchange
import DNSWire
import Memory

extension Cache {
  /// What became of a reply's RRsets.
  struct Stored {
    /// Those that may not be kept, for who waits for them.
    var overlay: Overlay
    /// Why there are such.
    var uncacheable: FailureDetail.Kind?
  }

  /// Takes in what was listed of a reply, in its order.
  mutating func store(_ reply: inout Reply, now: UInt32) -> Stored {
    beginStoring()
    var uncacheable: FailureDetail.Kind?
    for index in 0..<reply.setCount {
      if case .uncacheable(let isLarge) = reply.store(index, in: &self, now: now) {
        uncacheable = isLarge || uncacheable == .large ? .large : .uncacheable
      }
    }
    return Stored(overlay: endStoring(), uncacheable: uncacheable)
  }
}

extension Reply {
  fileprivate mutating func store(
    _ index: Int, in cache: inout Cache, now: UInt32
  ) -> Cache.Insertion {
    let set = set(index)
    if set.owner.start == 0 { return store(set, of: question, in: &cache, now: now) }
    octets.load(set.owner, into: &name)
    return store(set, of: name, in: &cache, now: now)
  }

  private func store(
    _ set: ReplySet, of owner: borrowing NameKey, in cache: inout Cache, now: UInt32
  ) -> Cache.Insertion {
    // What came by other rules isn't to be taken for good because something new stands beside it.
    // The policy alone is captured: with `self` all of the reply would be copied, for each RRset.
    if cache.hasUnjudged { cache.judge(owner) { [policy] in policy.value.keeps($0, since: $1) } }
    let records = octets.span.extracting(set.records.start..<set.records.end)
    let dnssecRecords = DNSSECRecords(
      signatures: octets.span.extracting(set.signatures.start..<set.signatures.end),
      proof: octets.span.extracting(set.proof.start..<set.proof.end))
    guard set.kind != .records else {
      return cache.insert(
        owner: owner, type: set.type, ttl: set.ttl, records: records, dnssecRecords: dnssecRecords,
        from: set.origin, now: now)
    }
    return cache.insertNegative(
      owner: owner, type: set.kind == .nxDomain ? nil : set.type, asked: set.type,
      soa: set.zoneCount == 0
        ? nil : Cache.NegativeSOA(zoneCount: Int(set.zoneCount), ttl: set.ttl),
      soaData: records, dnssecRecords: dnssecRecords, from: set.origin, now: now)
  }
}

extension FixedArray<UInt8> {
  fileprivate func load(_ place: Reply.NamePlace, into key: inout NameKey) {
    key.load(
      span.extracting(Int(place.start)..<Int(place.start) + Int(place.count)), withHash: place.hash)
  }
}
