import DNSWire

/// What there is: twelve names below example.net, one of each kind.
enum World {
  static let soa = records(["example.net. 60 IN SOA ns1.example.net. host.example.net. 1 2 3 4 30"])
  static let servers = records(["example.net. 300 IN NS ns1.example.net."])
  static let glue = records([
    "ns1.example.net. 300 IN A 192.0.2.53", "ns1.example.org. 300 IN A 198.51.100.66",
  ])

  private static func records(_ lines: [String]) -> [Record] {
    lines.compactMap { try? Record($0) }
  }

  private static func number(_ name: Name) -> Int {
    guard let label = name.labels.first, label.count == 2 else { return -1 }
    let digits: [UInt8] = Array("0123456789ab".utf8)
    return digits.firstIndex(of: (label.last ?? 0) | 0x20) ?? -1
  }

  /// Where n9 → n8 → n5 → n6 → n0, n7 → n3, na and nb lead.
  static func alias(_ name: Name) -> Name? {
    switch number(name) {
    case 5: try? Name("n6.example.net")
    case 6: try? Name("n0.example.net")
    case 7: try? Name("n3.example.net")
    case 8: try? Name("n5.example.net")
    case 9: try? Name("n8.example.net")
    case 10: try? Name("nb.example.net")
    case 11: try? Name("na.example.net")
    default: nil
    }
  }

  /// n3 does not exist.
  static func exists(_ name: Name) -> Bool { number(name) != 3 }

  /// n4, n8, n9 and na may not be kept, n6 not for long.
  static func ttl(_ name: Name) -> UInt32 {
    switch number(name) {
    case 4, 8, 9, 10: 0
    case 0: 3
    case 6: 1
    default: 20
    }
  }

  static func records(_ name: Name, _ type: RecordType) -> [Record] {
    let number = number(name)
    guard exists(name), alias(name) == nil else { return [] }
    switch type {
    case .a:
      // n2 has many.
      return (0..<(number == 2 ? 60 : 2)).map {
        Record(name: name, type: .a, ttl: ttl(name), rdata: [192, 0, 2, UInt8($0)])
      }
    case .txt where number == 1:
      return [Record(name: name, type: .txt, ttl: ttl(name), rdata: [1, 0x61])]
    default: return []
    }
  }

  // MARK: DNSSEC

  /// What upstream checked: names with an even number.
  static func isAuthentic(_ name: Name) -> Bool { number(name).isMultiple(of: 2) }

  /// An address as somebody on the way would like it to be.
  static func unchecked(_ record: Record) -> Record {
    guard record.type == .a else { return record }
    var copy = record
    copy.rdata = [203, 0, 113] + record.rdata.suffix(1)
    return copy
  }

  static func isUnchecked(_ record: Record) -> Bool {
    record.type == .a && record.rdata.starts(with: [203, 0, 113])
  }

  /// Records, and behind the last of each RRset its signature.
  static func signed(_ records: [Record]) -> [Record] {
    var signed: [Record] = []
    for (index, record) in records.enumerated() {
      signed.append(record)
      let isLast = !records[(index + 1)...].contains {
        $0.name == record.name && $0.type == record.type
      }
      if isLast { signed.append(signature(record)) }
    }
    return signed
  }

  static func covers(_ signature: Record, _ type: RecordType) -> Bool {
    signature.rdata.starts(with: [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF)])
  }

  private static func signature(_ record: Record) -> Record {
    let type = record.type.rawValue
    let labels = UInt8(record.name.labels.count)
    let rdata =
      [UInt8(type >> 8), UInt8(type & 0xFF), 13, labels] + [UInt8](repeating: 7, count: 14)
      + Array(soa[0].name.wire) + [1, 2, 3, 4]
    return Record(name: record.name, type: .rrsig, ttl: record.ttl, rdata: rdata)
  }
}
