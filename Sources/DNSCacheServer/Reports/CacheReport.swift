import Control
import DNSCache
import DNSWire
import EventLoop
import Observability

/// What `ctl cache` shows: names, records, a dump.
enum CacheReport {
  /// What is known of a name, a row for each record.
  static func show(_ name: Name, _ type: RecordType?, in cache: borrowing Cache) -> Rows {
    let key = NameKey(name, in: cache)
    let now = Cache.seconds()
    var sets: [RRset] = []
    cache.visitSets(of: key, stale: true, now: now) { set in
      if type == nil || set.type == type || set.kind == .nxDomain { sets.append(set) }
    }
    var shown = Rows()
    for set in sets {
      shown.isCut = shown.rows.count >= Rows.limit
      if shown.isCut { break }
      shown.rows += rows(set, owner: "\(name.lowercased)", wire: name.wire, in: cache, now: now)
    }
    return shown
  }

  /// The rows of an RRset or negative entry.
  private static func rows(
    _ set: RRset, owner: String, wire: [UInt8], in cache: borrowing Cache, now: UInt32
  ) -> [StructuredValue] {
    let left = Int(set.expiry) - Int(now)
    let flags = set.flags.words.joined(separator: " ")
    func row(_ type: String, _ data: String, owner: String = owner) -> StructuredValue {
      .object([
        ("name", .text(owner)), ("ttl", .count(max(left, 0))),
        // Seconds since it expired.
        ("stale", left > 0 ? .null : .count(-left)), ("type", .text(type)),
        ("rank", .text(set.rank.word)), ("section", .text("\(set.section)")),
        ("upstream", cache.source(set.source).map { .text("\($0)") } ?? .null),
        ("flags", .text(flags)), ("data", .text(data)),
      ])
    }
    var rows: [StructuredValue] = []
    switch set.kind {
    case .records:
      cache.visitRecords(of: set) { data in
        rows.append(row("\(set.type)", RDataText.text(type: set.type, rdata: data)))
      }
    case .noData, .nxDomain:
      var soa = "no SOA"
      cache.visitRecords(of: set) { data in
        soa = "SOA " + RDataText.text(type: .soa, rdata: data)
      }
      let isName = set.kind == .nxDomain
      rows.append(row(isName ? "ANY" : "\(set.type)", (isName ? "NXDOMAIN " : "NODATA ") + soa))
    }
    let signed =
      cache.zoneOffset(of: set).map { Name.text(wire.span.extracting($0..<wire.count)) }
      ?? owner
    cache.visitSignatures(of: set) { data in
      rows.append(row("RRSIG", RDataText.text(type: .rrsig, rdata: data), owner: signed))
    }
    cache.visitProof(of: set) { owner, type, data in
      rows.append(
        row("\(type)", RDataText.text(type: type, rdata: data), owner: Name.text(owner)))
    }
    return rows
  }

  /// The names that have an address.
  static func names(_ address: IPAddress, in cache: borrowing Cache) -> Rows {
    var names = Rows()
    cache.visitNames(
      high: address.isIPv4 ? 0 : address.high, low: address.low, isIPv4: address.isIPv4,
      now: Cache.seconds()
    ) { name in
      names.isCut = names.rows.count == Rows.limit
      if !names.isCut { names.rows.append(.object([("name", .text(Name.text(name)))])) }
      return !names.isCut
    }
    return names
  }

  /// The next rows of a dump, at most those of some names.
  static func dump(
    _ cursor: Cache.Cursor, names count: Int, in cache: inout Cache
  ) -> (rows: [StructuredValue], done: Bool) {
    let now = Cache.seconds()
    var found: [(owner: [UInt8], set: RRset)] = []
    var owner: [UInt8] = []
    let isDone = cache.walk(
      cursor, names: count, now: now,
      name: { name in
        owner = name.indices.map { name[$0] }
        return true
      },
      { found.append((owner, $0)) })
    return (
      found.flatMap {
        rows($0.set, owner: Name.text($0.owner.span), wire: $0.owner, in: cache, now: now)
      },
      isDone
    )
  }

  /// A row of a dump as a line of a zone file; rank and section as a comment.
  static func zoneLine(_ row: StructuredValue) -> String {
    guard case .object(let members) = row else { return "" }
    func value(_ name: String) -> String {
      guard let value = members.first(where: { $0.name == name })?.value else { return "" }
      return value.text.dropLast().description
    }
    let isNegative = value("data").hasPrefix("NXDOMAIN") || value("data").hasPrefix("NODATA")
    let record =
      "\(value("name"))\t\(value("ttl"))\tIN\t\(value("type"))\t\(value("data"))"
    return "\(isNegative ? "; " : "")\(record)\t; \(value("rank")) \(value("section"))\n"
  }
}

extension Cache {
  /// Seconds on the cache's clock.
  static func seconds() -> UInt32 { UInt32(truncatingIfNeeded: EventLoop.now() / 1_000) }
}

extension NameKey {
  /// The key of a name in a cache.
  init(_ name: Name, in cache: borrowing Cache) {
    self.init(seed: cache.seed)
    load(trusted: name.wire.span)
  }
}
